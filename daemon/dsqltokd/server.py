"""The socket: accept, check who it is, keep count of the connections.

The rules:
- The accept loop is our own: a connection whose request is there and whose answer is in hand is served without a task
  or a turn of the loop, which measured 0.98 of a C epoll server where asyncio's streams gave 0.24.
- Only this user. Any other peer gets one line that says so.
- There are only so many connections; what each may take is in `connection`. When all are taken, the one that has
  rested longest makes room, one that waits for notifications last, so that nobody locks the others out by silence.
- Without file descriptors a spare one is used, and then that of a connection that rests.
- Where none rests, accepting pauses: the loop must not spin on a listener that stays readable.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from dsqltokd import peers
from dsqltokd.connection import Connection
from dsqltokd.hardening import give_memory_back
from dsqltokd.limits import SHORTAGES, Limits
from dsqltokd.readers import Readers

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from dsqltokd.connection import Handling

_log = logging.getLogger(__name__)
_BACKLOG = 1024
_PAUSE_SECONDS = 0.25
_QUIET_SECONDS = 60.0  # between two lines of the log about the same trouble
_CROWD = 128  # connections, of which each may have left much memory behind


class _Spare:
    """A file descriptor for the moment when there is no other."""

    def __init__(self) -> None:
        self._fd = -1

    def regain(self) -> None:
        """Have one again, if that is possible."""
        if self._fd == -1:
            try:
                self._fd = os.open(os.devnull, os.O_RDONLY)
            except OSError:
                pass  # there is still none to be had

    def give(self) -> bool:
        """Let it go; tell whether there was one."""
        if self._fd == -1:
            return False
        os.close(self._fd)
        self._fd = -1
        return True


class Server:
    """Serves requests on a listening socket. `patience` gives how long, in seconds, any answer may take."""

    def __init__(
        self,
        listener: socket.socket,
        handling: Handling,
        *,
        uid: int,
        patience: Callable[[], float],
        limits: Limits | None = None,
    ) -> None:
        self._listener = listener
        self._uid = uid
        self._accepting = False
        self._leaving = False
        self._connections: dict[Connection, None] = {}  # in the order of their last requests
        self._crowded = False
        self._spare = _Spare()
        self._waiting: asyncio.TimerHandle | None = None
        self._quiet_until: dict[str, float] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self.handling = handling
        self.limits = limits or Limits()
        self.patience = patience
        self.loop = asyncio.get_running_loop()
        self.readers = Readers(self.loop)

    def start(self) -> None:
        """Begin to accept."""
        self._listener.setblocking(False)
        self._resume()

    def listen(self, listener: socket.socket) -> None:
        """Accept at `listener` instead."""
        self.pause()
        self._listener.close()
        self._listener = listener
        self.start()

    def pause(self) -> None:
        """Accept no more. What is connected goes on being served."""
        if self._accepting:
            self._accepting = False
            self.loop.remove_reader(self._listener)

    def leave(self) -> None:
        """Accept no more, for good: whoever is in the queue is turned away, and asks the next daemon."""
        self._leaving = True
        self.pause()
        self._listener.close()
        self._spare.give()

    async def drain(self, seconds: float) -> None:
        """Accept no more, wait until what was asked is answered, at most `seconds`, and close every connection.

        What is not answered by then is answered with an error that sends the caller to the next daemon.
        """
        self.leave()
        end = self.loop.time() + seconds
        while (tasks := {task for each in self._connections for task in each.tasks}) and self.loop.time() < end:
            await asyncio.wait(tasks, timeout=end - self.loop.time())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._connections):
            connection.close()
        self.readers.close()

    def adopt(self, connection: Connection) -> None:
        """Count a connection that goes on."""
        self._connections[connection] = None
        if len(self._connections) >= _CROWD:
            self._crowded = True
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(self.limits.sweep_seconds, self._sweep)

    def touch(self, connection: Connection) -> None:
        """Note that something was asked or answered: whatever rest there was is over."""
        if connection in self._connections:
            del self._connections[connection]
            self._connections[connection] = None

    def release(self, connection: Connection) -> None:
        """Count a connection no more."""
        self._connections.pop(connection, None)
        if self._crowded and len(self._connections) < _CROWD // 8:
            self._crowded = False
            give_memory_back()
        if not self._leaving:
            self._spare.regain()
        if self._waiting is not None:
            self._resume()

    def _resume(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if not self._leaving and not self._accepting and self._listener.fileno() != -1:
            self._spare.regain()
            self._accepting = True
            self.loop.add_reader(self._listener, self._accept)

    def _wait(self) -> None:
        """Accept no more for a moment, or until a connection ends."""
        self.pause()
        self._waiting = self.loop.call_later(_PAUSE_SECONDS, self._resume)

    def _accept(self) -> None:
        for turn in range(_BACKLOG):
            if len(self._connections) >= self.limits.connections and not self._clear(turn):
                return
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if self._overcome(error, turn):
                    continue
                return
            self._welcome(sock)

    def _clear(self, turn: int) -> bool:
        """Make room for another connection; tell whether there is any now."""
        if turn:
            return False  # only at the first turn is it certain that there is another
        if not self._make_room():
            self._wait()
            return False
        return True

    def _overcome(self, error: OSError, turn: int) -> bool:
        """Do something about an error of `accept`; tell whether to try again at once."""
        if error.errno in SHORTAGES and turn:
            return False  # that is said where nobody is there, too
        self._complain(f"cannot accept: {error.strerror}")
        if error.errno in SHORTAGES and (self._spare.give() or (self._make_room() and self._spare.give())):
            return True
        self._wait()
        return False

    def _welcome(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        connection = Connection(self, sock)
        if peers.uid(sock) != self._uid:
            connection.refuse()
            return
        connection.receive()
        if not connection.closed:
            connection.stay()

    def _make_room(self) -> bool:
        """Close the connection that has rested longest; tell whether there was one."""
        connection = self._longest_resting()
        if connection is None:
            return False
        connection.close()
        self._complain("there is no room for another connection: those that rest longest are closed")
        return True

    def _longest_resting(self) -> Connection | None:
        now = self.loop.time()
        watching = None
        for connection in self._connections:
            if not connection.rests(now) or (connection.watching and watching) or connection.stirs():
                continue
            if not connection.watching:
                return connection
            watching = connection
        return watching

    def _complain(self, text: str) -> None:
        now = self.loop.time()
        if now >= self._quiet_until.get(text, now):
            self._quiet_until[text] = now + _QUIET_SECONDS
            _log.warning("%s", text)

    def _sweep(self) -> None:
        self._sweeper = None
        now = self.loop.time()
        for connection in list(self._connections):
            if now > connection.deadline and not connection.tasks:
                connection.close()
        if self._connections:
            self._sweeper = self.loop.call_later(self.limits.sweep_seconds, self._sweep)
