"""Non-blocking sockets, plain and with TLS, as coroutines: for the beginning of a session, whose end is `relay`'s.

A connection goes to whichever of the host's addresses answers first, the next being tried while one is silent.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import socket
import ssl
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

_STAGGER = 0.25  # seconds until the next address is tried beside one that is silent
_CHUNK = 65_536
# A peer that is gone without a word is noticed after about a minute and a half; a server on Linux after what follows,
# since this counts for all that is sent, and a server may take nothing during a transaction: five minutes in DSQL.
_SERVER_UNHEARD_MS = 330_000
_KEEPALIVE = (("TCP_KEEPIDLE", 45), ("TCP_KEEPALIVE", 45), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 3))


async def connect(host: str, port: int) -> socket.socket:
    """Return a connection to a host name or address. Raises `OSError`; what bounds the time is the caller's."""
    family = _family(host)
    if family is not None:
        return await _one(family, (host, port))
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await _first([(family, place) for family, _, _, _, place in _by_turns(found)])


def _family(host: str) -> int | None:
    """Return an address's family, None for a name, which has to be asked for in a thread."""
    try:
        return socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET  # noqa: PLR2004 - IPv6
    except ValueError:
        return None


def _by_turns(found: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the addresses with the families taking turns, each in the system's order of preference."""
    families = dict.fromkeys(each[0] for each in found)
    queues = [[each for each in found if each[0] == family] for family in families]
    return [each for turn in itertools.zip_longest(*queues) for each in turn if each is not None]


async def _first(places: Sequence[tuple[int, Any]]) -> socket.socket:
    rest = iter(places)
    tries: set[asyncio.Task[socket.socket]] = set()
    failure: BaseException = OSError("the host has no address")
    try:
        while True:
            place = next(rest, None)
            if place is not None:
                tries.add(asyncio.create_task(_one(*place)))
            if not tries:
                raise failure
            done, tries = await asyncio.wait(
                tries, timeout=None if place is None else _STAGGER, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    return task.result()
                failure = error
    finally:
        for task in tries:
            task.cancel()
            task.add_done_callback(_discard)


def _discard(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _one(family: int, place: Any) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(sock)
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SERVER_UNHEARD_MS)
        await asyncio.get_running_loop().sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock


def keep_alive(sock: socket.socket) -> None:
    """Have the system ask a silent peer whether it is there."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


async def secure(
    sock: socket.socket, host: str, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> ssl.SSLSocket:
    """Return the connection inside TLS, in a session that is resumed if there is one and the server knows it.

    Raises `OSError`, of which `ssl.SSLCertVerificationError` is one.
    """
    secured = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False, session=session)
    try:
        await _done(secured, secured.do_handshake, writing=False)
    except BaseException:
        secured.close()
        raise
    return secured


async def receive(sock: socket.socket) -> bytes:
    """Return what has arrived, nothing at the end."""
    return await _done(sock, lambda: sock.recv(_CHUNK), writing=False)


async def send(sock: socket.socket, data: bytes) -> None:
    """Send all of it."""
    rest = data
    while rest:
        sent = await _done(sock, partial(sock.send, rest), writing=True)
        rest = rest[sent:]


async def _done(sock: socket.socket, act: Callable[[], T], *, writing: bool) -> T:
    """Return what `act` returns once it can be done."""
    while True:
        try:
            return act()
        except ssl.SSLWantReadError:
            await _until(sock, writing=False)
        except ssl.SSLWantWriteError:
            await _until(sock, writing=True)
        except BlockingIOError:
            await _until(sock, writing=writing)


async def _until(sock: socket.socket, *, writing: bool) -> None:
    """Return when something can be read, or written."""
    loop = asyncio.get_running_loop()
    number = sock.fileno()  # given the socket, a selector that does not know it yet puts all about it into words
    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    ready = loop.create_future()
    add(number, _set, ready)
    try:
        await ready
    finally:
        remove(number)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
