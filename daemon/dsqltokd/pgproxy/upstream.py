"""Beginning a session at the server: a token, a connection, TLS that proves the endpoint, and the login.

The rules:
1. The endpoint's certificate is verified, name and all, against the system's roots or those that the user named at the
   command line: what a project says of that does not count. The token is sent to nobody else. `resumption` says how
   long a proof holds.
2. Each step ends in time, and says which it was.
3. A refusal is taken as `etiquette` has it: tried again, or passed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsqltok import pglogin, refusals
from dsqltok.errors import TimedOutError, UnavailableError
from dsqltokd.pgproxy import etiquette, sockets, wire
from dsqltokd.pgproxy.resumption import Proven

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
    from typing import TypeVar

    from dsqltokd.pgproxy.core import Core, Place
    from dsqltokd.pgproxy.etiquette import Retry

    T = TypeVar("T")
    Observe = Callable[[str, float], None]
    """Hears how many seconds a step took: `token`, `tcp`, `tls` or `auth`."""

_LOGIN_SECONDS = 20.0
_ALPN = "postgresql"
_ALPN_REFUSED = "no application protocol"  # an alert, by OpenSSL's name for it
_OPENSSL = re.compile(r"^\[[^]]*\] | \(_ssl\.c:\d+\)$")  # what the ssl module puts around OpenSSL's words


@dataclass(slots=True)
class Session:
    """A session that has begun: its connection, what the client is to hear first, and what cancels it where.

    `steps` are the seconds that each step of the beginning took, with what was tried in vain.
    """

    server: ssl.SSLSocket
    opening: bytes
    key: bytes | None
    place: Place
    steps: Mapping[str, float]


class Upstream:
    """Begins the sessions of one env. `observe` hears what the steps took."""

    def __init__(self, core: Core, context: ssl.SSLContext, observe: Observe) -> None:
        self._core = core
        self._context = context
        self._observe = observe
        self._proven = Proven()

    async def begin(self, startup: wire.Startup, account: str, tell: Callable[[str], None]) -> Session:
        """Return a session for a client of `account`; `tell` is given what the client is to hear meanwhile.

        A client that was told something was let in by that, to protocol 3.0, which its session is in then.
        Raises `DsqltokError`, and `wire.RefusedError` with what the server says, our hint added.
        """
        retries: list[Retry] = []
        steps: dict[str, float] = {}
        while True:
            fresh = bool(retries) and retries[-1].fresh
            with self._timed("token", steps):
                place = await self._core.place(fresh=fresh)
            left_out = {retry.without for retry in retries if retry.without}
            sent = etiquette.without(etiquette.asked(startup.parameters, place.env, account), left_out)
            login = wire.Login(startup.version, sent, place.token)
            try:
                return await self._session(place, login, steps)
            except wire.RefusedError as refused:
                retry = etiquette.verdict(refused.said, sent, retries)
                if retry is None:
                    raise wire.RefusedError(_explained(refused.said, place)) from None
            retries.append(retry)
            if retry.notice:
                tell(retry.notice)
                startup = startup.in_oldest()
            await asyncio.sleep(retry.pause)

    async def _session(self, place: Place, login: wire.Login, steps: dict[str, float]) -> Session:
        async with self._connected(place, steps) as server:
            with self._timed("auth", steps):
                await _within(_LOGIN_SECONDS, "the login", _log_in(server, login))
        self._proven.keep(place.host, server)
        return Session(server, login.opening, login.key, place, steps)

    async def cancel(self, place: Place, key: bytes) -> None:
        """Cancel what the session of `key` does there. Raises `DsqltokError`."""
        async with self._connected(place, {}) as server:
            await _within(place.seconds, "cancelling", _say_and_hear_out(server, wire.cancel(key)))
            server.close()

    @contextlib.asynccontextmanager
    async def _connected(self, place: Place, steps: dict[str, float]) -> AsyncIterator[ssl.SSLSocket]:
        """Give a connection to the endpoint inside TLS, which is closed where the block fails."""
        with self._timed("tcp", steps):
            sock = await _within(
                place.seconds, f"connecting to {place.host}", sockets.connect(place.address, place.port)
            )
        with self._timed("tls", steps):
            server = await _within(place.seconds, f"TLS with {place.host}", self._secured(sock, place))
        try:
            yield server
        except BaseException:
            server.close()
            raise

    async def _secured(self, sock: socket.socket, place: Place) -> ssl.SSLSocket:
        try:
            if not place.direct:
                await _ask_for_tls(sock)
            server = await sockets.secure(sock, place.host, self._context, self._proven.of(place.host))
        except BaseException:
            sock.close()
            raise
        if place.direct and server.selected_alpn_protocol() != _ALPN:
            server.close()
            raise ConnectionError("the server takes tls at once, and does not say that it speaks postgresql")
        return server

    @contextlib.contextmanager
    def _timed(self, step: str, steps: dict[str, float]) -> Iterator[None]:
        begin = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - begin
            steps[step] = steps.get(step, 0.0) + seconds
        self._observe(step, seconds)


def _explained(said: wire.Response, place: Place) -> wire.Response:
    """Return what the server says with our hint, and without the token, should it be quoted."""
    clear = pglogin.RefusedError(said.message, said.code, said.hint).without(place.token)
    words = refusals.words(clear, place.env.user)
    return etiquette.explained(said, clear.message, clear.hint, f"{words}; run dsqltok doctor" if words else "")


def trusting(roots: str | None) -> ssl.SSLContext:
    """Return the TLS of every connection: the roots in a file, or the system's. Raises `UnavailableError`."""
    try:
        context = ssl.create_default_context(cafile=roots)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnavailableError(f"{roots} holds no root certificates: {reason}", hint="--ca names a PEM file") from None
    context.set_alpn_protocols([_ALPN])
    return context


async def _ask_for_tls(sock: socket.socket) -> None:
    await sockets.send(sock, wire.SSL_REQUEST)
    if await sockets.receive(sock) != b"S":
        raise ConnectionError("the server takes no TLS")


async def _say_and_hear_out(server: ssl.SSLSocket, words: bytes) -> None:
    await sockets.send(server, words)
    await sockets.receive(server)  # the server hangs up when it has taken it


async def _log_in(server: ssl.SSLSocket, login: wire.Login) -> None:
    await sockets.send(server, login.greeting)
    while not login.ready:
        data = await sockets.receive(server)
        if not data:
            raise ConnectionError("the server hung up")
        answer = login.receive(data)
        if answer:
            await sockets.send(server, answer)


async def _within(seconds: float, what: str, work: Awaitable[T]) -> T:
    """Return what `work` returns. Raises a `DsqltokError` that names `what` for whatever an endpoint may do."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise TimedOutError(f"{what} takes more than {seconds:g} s", hint="check the network, and the VPN") from None
    except ssl.SSLCertVerificationError as error:
        raise UnavailableError(
            f"{what}: the certificate is not accepted: {error.verify_message.lower()}",
            hint="dsqltok doctor says what is wrong with it; --ca FILE names a root of your own",
            retryable=False,
        ) from None
    except wire.GarbageError as error:
        raise UnavailableError(f"{what}: {error.message}", hint="see where the url leads", retryable=False) from None
    except OSError as error:
        raise UnavailableError(
            f"{what}: {_reason(error)}", hint="dsqltok doctor walks the way to the endpoint"
        ) from None


def _reason(error: OSError) -> str:
    words = _OPENSSL.sub("", error.strerror or str(error)).lower()
    return "the server does not speak postgresql inside tls" if _ALPN_REFUSED in words else words
