"""Where clients come in: who may, what they say first, a session at the server for each, and the relay between.

The rules:
1. Only this user: whose the other end is, the kernel tells. Where it does not, the gate's own password is wanted.
2. Who says nothing, or talks nonsense, is sent away in time and troubles nobody else.
3. A client that goes while its session is being begun ends that beginning.
4. A gate that is left takes nobody new; sessions that it let in go on until they end, or their time is over. Then each
   client that waits for nothing is told why.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import pwd
import socket
from typing import TYPE_CHECKING

from dsqltok.errors import CredentialsError, DeniedError, UnavailableError
from dsqltokd import clock
from dsqltokd.pgproxy import owners, refusal, sockets, talk, wire
from dsqltokd.pgproxy.relay import Relay
from dsqltokd.pgproxy.tidings import Tidings
from dsqltokd.pgproxy.traffic import Traffic, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dsqltokd.pgproxy.refusal import Refusal
    from dsqltokd.pgproxy.selecting import Selector
    from dsqltokd.pgproxy.upstream import Session, Upstream

_log = logging.getLogger(__name__)
_GREETING_SECONDS = 15.0
_STRANGER_SECONDS = 2.0
_MOST_STRANGERS = 32  # of other users, who are to be told no; more are hung up on
_MOST_UNKNOWN = 512  # who have not said the password yet
_BURST = 64  # taken in before the others have their turn
_SHORTAGE_SECONDS = 0.2
_CAP_SECONDS = 59 * 60


class Gate:
    """Serves the clients of one env.

    `selector` is the event loop's; `password` is wanted of those whose owner cannot be known, and None where the system
    tells; `elsewhere` is given the key of a session that is to be cancelled and is none of these.
    """

    def __init__(
        self,
        name: str,
        listeners: Sequence[socket.socket],
        upstream: Upstream,
        traffic: Traffic,
        *,
        selector: Selector,
        password: str | None,
        elsewhere: Callable[[bytes], None],
        is_ours: Callable[[socket.socket], bool | None] = owners.is_ours,
    ) -> None:
        self._name = name
        self._listeners = listeners
        self._upstream = upstream
        self._traffic = traffic
        self._selector = selector
        self._password = password
        self._elsewhere = elsewhere
        self._is_ours = is_ours
        self._account = _account()
        self._loop = asyncio.get_running_loop()
        self._tidings = Tidings(name, self._loop.time)
        self._tasks: set[asyncio.Task[None]] = set()
        self._strangers: set[asyncio.Task[None]] = set()  # among the tasks
        self._relays: dict[Relay, Session] = {}
        self._open = False
        self._left = False
        self._empty = asyncio.Event()

    def open(self) -> None:
        """Let clients in from now on."""
        self._open = True
        for listener in self._listeners:
            listener.setblocking(False)
            self._loop.add_reader(listener, self._accept, listener)

    @property
    def left(self) -> bool:
        """Tell whether nobody new is taken any more."""
        return self._left

    def leave(self, seconds: float) -> None:
        """Let nobody in any more, and end what is left of the sessions after so many seconds."""
        self._left = True
        if self._open:
            self._open = False
            for listener in self._listeners:
                self._loop.remove_reader(listener)
                self._accept(listener, refusal.MOST)  # who is in the queue would be hung up on
        self._loop.call_later(seconds, self.end)
        self._look_whether_empty()

    async def empty(self) -> None:
        """Return when the gate was left and the last session has ended."""
        await self._empty.wait()

    def end(self) -> None:
        """End every session now."""
        for task in self._tasks:
            task.cancel()
        for relay in [*self._relays]:
            relay.end(refusal.ENDING)

    def _accept(self, listener: socket.socket, most: int = _BURST) -> None:
        for _ in range(most):
            try:
                client, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                why = os.strerror(error.errno or 0).lower()
                self._tidings.complain("no connection", f"no connection can be taken: {why}")
                self._pause(listener)
                return
            client.setblocking(False)
            self._receive(client)

    def _receive(self, client: socket.socket) -> None:
        try:
            ours = self._is_ours(client)
        except OSError as error:
            self._turn_away(client, refusal.of(error))
            return
        if not ours and len(self._strangers) >= (_MOST_STRANGERS if ours is False else _MOST_UNKNOWN):
            self._turn_away(client, refusal.CROWDED)
            return
        if len(self._tasks) - len(self._strangers) + len(self._relays) >= refusal.MOST:
            self._turn_away(client, refusal.FULL)
            return
        task = self._loop.create_task(self._serve(client, ours))
        self._tasks.add(task)
        if not ours:
            self._strangers.add(task)
        task.add_done_callback(self._gone)

    def _turn_away(self, client: socket.socket, why: Refusal) -> None:
        self._refused(why)
        with contextlib.suppress(OSError):
            if why.words:
                client.send(why.words)
        client.close()

    def _pause(self, listener: socket.socket) -> None:
        """Take nobody for a moment: there are no descriptors, and the listener would be ready again at once."""
        self._loop.remove_reader(listener)
        self._loop.call_later(_SHORTAGE_SECONDS, self._go_on, listener)

    def _go_on(self, listener: socket.socket) -> None:
        if self._open:
            self._loop.add_reader(listener, self._accept, listener)

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._strangers.discard(task)
        self._look_whether_empty()

    def _look_whether_empty(self) -> None:
        if self._left and not self._tasks and not self._relays:
            self._empty.set()

    async def _serve(self, client: socket.socket, ours: bool | None) -> None:
        handed_on = False
        try:
            handed_on = await self._introduce(client, ours)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):
                client.send(refusal.ENDING)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client hears of it, and the others go on
            await self._send_away(client, refusal.of(error))
        finally:
            if not handed_on:
                client.close()

    async def _send_away(self, client: socket.socket, why: Refusal) -> None:
        self._refused(why)
        if why.words:
            await talk.farewell(client, why.words)

    def _refused(self, why: Refusal) -> None:
        self._traffic.refused(why.reason)
        if why.told:
            self._tidings.complain(why.reason, why.told, why.fault)

    async def _introduce(self, client: socket.socket, ours: bool | None) -> bool:
        """Lead a client to its session; tell whether it has one now. Raises whatever keeps it from one."""
        greeting = wire.Greeting()
        async with asyncio.timeout(_GREETING_SECONDS if ours else _STRANGER_SECONDS):
            said = await talk.greeted(client, greeting)
            if ours is False:
                raise DeniedError("this proxy serves another user", hint="start your own: dsqltok proxy")
            if isinstance(said, wire.Startup) and ours is None:
                await self._admit(client, greeting)
        if isinstance(said, wire.Cancel):  # whose key is a secret of its own
            if not await self.cancel(said.key):
                self._elsewhere(said.key)
            return False
        await self._begin(client, said, greeting.rest)
        return True

    async def _admit(self, client: socket.socket, greeting: wire.Greeting) -> None:
        """Have a client whose owner cannot be known say the password."""
        if self._password is None:
            raise UnavailableError("the system did not tell whose this connection is", hint="try again")
        if not hmac.compare_digest(await talk.password(client, greeting), self._password.encode()):
            raise CredentialsError("the password is wrong", hint="take the one that dsqltok proxy wrote")
        self._strangers -= {asyncio.current_task()}

    async def _begin(self, client: socket.socket, startup: wire.Startup, rest: bytes) -> None:
        let_in = False

        def tell(words: str) -> None:
            nonlocal let_in
            # A notice may come once a client is let in, and not before.
            words_on_wire = wire.notice(words) if let_in else wire.letting_in(startup) + wire.notice(words)
            let_in = True
            with contextlib.suppress(OSError):
                client.send(words_on_wire)  # some bytes, to a socket that has not been written to

        session, early = await talk.unless_gone(client, self._upstream.begin(startup, self._account, tell))
        opening = wire.without_letting_in(session.opening) if let_in else session.opening
        self._join(client, session, opening, rest + early)

    def _join(self, client: socket.socket, session: Session, opening: bytes, rest: bytes) -> None:
        if client.family != socket.AF_UNIX:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets.keep_alive(client)
        begun = clock.now().boot
        relay = Relay(self._selector, client, session.server, lambda: self._ended(relay, begun))
        session.opening = b""  # which may be long, and is needed no more
        self._relays[relay] = session
        self._traffic.begun(relay)
        relay.start(opening, rest)

    def _ended(self, relay: Relay, begun: float) -> None:
        session = self._relays.pop(relay)
        seconds = clock.now().boot - begun  # in a suspend, too, DSQL's hour goes on
        self._traffic.ended(relay)
        self._tidings.ended(summary(seconds, relay.carried, session.steps))
        if seconds > _CAP_SECONDS:
            _log.info(
                "%s: a session ended after %d min: DSQL ends each after 60, so let a pool replace its own after 55",
                self._name,
                seconds // 60,
            )
        self._look_whether_empty()

    async def cancel(self, key: bytes) -> bool:
        """Cancel what the session of `key` does; tell whether it is one of these."""
        place = next((session.place for session in self._relays.values() if session.key == key), None)
        if place is None:
            return False
        await self._upstream.cancel(place, key)
        return True


def _account() -> str:
    """Return the name that clients of this user give where nobody named a user, "" where he has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container, say
        return ""
