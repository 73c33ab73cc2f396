"""One connection: split lines, answer. It knows JSON-RPC and nothing of tokens.

The rules:
- A request has at most `MAX_REQUEST` bytes and a while to arrive; a connection between requests may rest for longer;
  one that does not read its answers is dropped: `Limits` has the figures.
- While much is being worked on for a client, or it has answers to read, nothing more is taken from it; and of what it
  has sent ahead only a little is answered before the others have their turn.
- A client may close its sending side; what it asked for until then is still answered.
- A task that is cancelled is one that the daemon will not finish before its own end, and says so.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any, Protocol

from dsqltok import protocol
from dsqltok.errors import DeniedError, UnavailableError, UsageError
from dsqltokd import peers
from dsqltokd.channel import LeavingError, failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from dsqltokd.channel import Channel
    from dsqltokd.limits import Limits
    from dsqltokd.readers import Readers

_TURN = 16  # requests of one connection, or reads, before the others have their turn


class Handling(Protocol):
    """What requests are handled by."""

    def recall(self, line: bytes, channel: Channel) -> bytes | None:
        """Return the line that answers a request's line where that is remembered."""

    def handle(
        self, method: str, params: dict[str, Any], channel: Channel
    ) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        """Return a request's answer, or what has to be awaited for it; raise what it is refused with."""

    def learn(self, line: bytes, method: str, answered: bytes, answer: dict[str, Any]) -> None:
        """Take note of the line that answered a request's line, and of the answer in it."""


class Host(Protocol):
    """The server, as a connection sees it."""

    loop: asyncio.AbstractEventLoop
    readers: Readers
    limits: Limits
    patience: Callable[[], float]
    handling: Handling

    def adopt(self, connection: Connection) -> None:
        """Count a connection that goes on."""

    def touch(self, connection: Connection) -> None:
        """Note that something was asked or answered."""

    def release(self, connection: Connection) -> None:
        """Count a connection no more."""


class Connection:
    """One connection; a `Channel` for the handlers. `closed`, `tasks` and `deadline` are for the server to see."""

    def __init__(self, server: Host, sock: socket.socket) -> None:
        self._server = server
        self._sock = sock
        self._fd = sock.fileno()  # for the loop, which writes out the socket itself each time it does not know one
        self._lines: list[bytes] = []  # complete, and not answered yet, the last one first
        self._received = b""  # what follows them
        self._unsent = b""
        self._ended = False  # the peer sends no more
        self._farewells: list[Callable[[], None]] = []
        self._watched = False  # known to the server and the loop
        self._reading = False
        self._next_turn: asyncio.Handle | None = None
        self.closed = False
        self.tasks: set[asyncio.Task[None]] = set()
        self._limits = server.limits
        now = server.loop.time()
        self._spared_until = now + server.limits.first_seconds
        self.deadline = now + server.limits.request_seconds

    @property
    def watching(self) -> bool:
        """Tell whether it waits for notifications."""
        return bool(self._farewells)

    def rests(self, now: float) -> bool:
        """Tell whether nothing of it is being worked on, and it has had a moment to ask for something."""
        return not self.tasks and self._next_turn is None and now >= self._spared_until

    def stirs(self) -> bool:
        """Tell whether it has sent something that was not looked at yet."""
        try:
            return self._reading and self._sock.recv(1, socket.MSG_PEEK) != b""
        except OSError:
            return False

    def program(self) -> str | None:
        """Return the name of the program at the other end, None where that cannot be known."""
        return None if self.closed else peers.program(self._sock)

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""
        self._send(protocol.notification(method, params))

    def on_close(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when the connection ends. From now on it may rest for as long as it likes.

        Raises `UsageError`, and calls it at once, where the connection waits for too much already.
        """
        if self.closed:
            callback()
            return
        if len(self._farewells) >= self._limits.pending:
            callback()
            raise UsageError(
                f"a connection watches at most {self._limits.pending} tokens", hint="open another one for more"
            )
        self._farewells.append(callback)
        self.deadline = float("inf")

    def refuse(self) -> None:
        """Say that only the daemon's own user is served, and hang up."""
        error = DeniedError("this daemon serves another user", hint="start your own: dsqltok get does it")
        self._send(protocol.failure(None, error))
        self.close()

    def stay(self) -> None:
        """Wait for more."""
        self._watched = True
        self._server.adopt(self)
        if not self._full():
            self._read_on()

    def _read_on(self) -> None:
        if self._watched and not self._reading and not self._ended:
            self._reading = True
            self._server.readers.add(self._fd, self.receive)

    def receive(self) -> None:
        """Take what has arrived, and answer it."""
        for _ in range(_TURN):
            if self.closed or self._full() or not (self._lines or self._read()):
                return
            if self._lines:
                self._take(self._lines.pop())
        if not self.closed and not self._full():
            self._take_turn()

    def _take_turn(self) -> None:
        """Receive again, without new bytes, when the others have had their turn."""
        if self._next_turn is None and not self.closed:
            self._next_turn = self._server.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._next_turn = None
        self.receive()

    def _full(self) -> bool:
        """Tell whether enough is being worked on or waits to be read; if so, take no more until `_go_on`."""
        if len(self.tasks) < self._limits.pending and not self._unsent:
            return False
        if self._reading:
            self._reading = False
            self._server.readers.remove(self._fd)
        return True

    def _go_on(self) -> None:
        """Something was answered or read: take more, and see whether that was all."""
        if self.closed:
            return
        self.deadline = max(self.deadline, self._server.loop.time() + self._limits.request_seconds)
        if not self._full():
            self._read_on()
            self._take_turn()
        self._close_if_done()

    def close(self) -> None:
        """Hang up."""
        if self.closed:
            return
        self.closed = True
        if self._reading:
            self._server.readers.remove(self._fd)
        if self._unsent:
            self._server.loop.remove_writer(self._fd)
        self._reading, self._unsent = False, b""  # the number is another connection's next
        self._received, self._lines = b"", []  # which may be much, and somebody may hold this one a while longer
        self._sock.close()
        if self._watched:
            self._server.release(self)
        for farewell in self._farewells:
            farewell()

    def _read(self) -> bool:
        """Read once; tell whether anything had arrived."""
        try:
            more = self._sock.recv(protocol.MAX_REQUEST)
        except BlockingIOError:
            return False
        except OSError:
            self.close()
            return False
        if not more:
            self._end()
            return False
        begun = bool(self._received)  # a part of the first line was here before, and its time runs
        *lines, self._received = (self._received + more).split(b"\n")
        if len(self._received) >= protocol.MAX_REQUEST:
            lines.append(self._received)
        self._lines = lines[::-1]
        if lines:
            self._spared_until = 0.0
            if self._watched:
                self._server.touch(self)
        if not self._farewells and (lines or not begun):
            pause = self._limits.request_seconds if self._received else self._limits.idle_seconds
            self.deadline = self._server.loop.time() + pause
        return True

    def _end(self) -> None:
        self._ended = True
        if self._reading:
            self._reading = False
            self._server.readers.remove(self._fd)
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._ended and not self.tasks and not self._unsent:
            self.close()

    def _too_long(self) -> None:
        text = f"a request has at most {protocol.MAX_REQUEST} bytes"
        error = UsageError(text, hint="most of it is the environment: unset AWS_* variables that are not needed")
        self._send(protocol.failure(None, error, protocol.INVALID_REQUEST))
        self.close()

    def _take(self, line: bytes) -> None:
        if len(line) >= protocol.MAX_REQUEST:
            self._too_long()
            return
        known = self._server.handling.recall(line, self)
        if known is not None:
            self._send(known)
            return
        if not line.strip():
            return
        try:
            request_id, method, params = protocol.read_request(line)
        except protocol.BadRequestError as bad:
            error = UsageError(bad.message, hint="PROTOCOL in the README shows a request")
            self._send(protocol.failure(bad.request_id, error, bad.code))
            return
        try:
            answer = self._server.handling.handle(method, params, self)
        except Exception as error:  # noqa: BLE001 - answered in the protocol's words below
            self._answer(request_id, failure(request_id, method, error))
            return
        if isinstance(answer, dict):
            answered = protocol.result(request_id, answer)
            if request_id is not None:
                self._server.handling.learn(line, method, answered, answer)
            self._answer(request_id, answered)
            return
        notice = None
        if params.get("progress") is True:
            notice = self._server.loop.call_later(self._limits.notice_seconds, self._tell_to_wait)
        task = self._server.loop.create_task(self._finish(request_id, method, answer, notice))
        self.tasks.add(task)

    async def _finish(
        self, request_id: object, method: str, answer: Awaitable[dict[str, Any]], notice: asyncio.TimerHandle | None
    ) -> None:
        try:
            line = protocol.result(request_id, await answer)
        except (asyncio.CancelledError, LeavingError):
            error = UnavailableError("the daemon is ending, and did not get this done", hint="try again")
            line = protocol.failure(request_id, error, protocol.LEAVING)
        except Exception as error:  # noqa: BLE001 - answered in the protocol's words
            line = failure(request_id, method, error)
        if notice is not None:
            notice.cancel()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        self.tasks.discard(task)
        self._answer(request_id, line)
        self._server.touch(self)
        self._go_on()

    def _tell_to_wait(self) -> None:
        self._send(protocol.wait(int(self._server.patience())))

    def _answer(self, request_id: object, line: bytes) -> None:
        if request_id is not None:
            self._send(line)

    def _send(self, line: bytes) -> None:
        if self.closed:
            return
        if self._unsent:
            self._unsent += line
            if len(self._unsent) > self._limits.unread:
                self.close()
            return
        try:
            sent = self._sock.send(line)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(line):
            self._unsent = line[sent:]
            self._server.loop.add_writer(self._fd, self._send_rest)
            if not self._watched:
                self.stay()

    def _send_rest(self) -> None:
        try:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if not self._unsent:
            self._server.loop.remove_writer(self._fd)
        self._go_on()
