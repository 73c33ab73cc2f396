"""What the proxy has from the core: where an env leads, and a token for each connection.

A core that runs, and has the token in hand, is asked in the event loop, since a thread in between costs more than the
answer. For all else the client's own way is taken, which starts a core where none runs, and says what is wrong. It
waits, so it has threads of its own: one that is kept waiting holds up nobody while there are others.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dsqltok import asking, paths, protocol
from dsqltok.errors import EnvironmentNeededError
from dsqltokd import peers
from dsqltokd.pgproxy import sockets
from dsqltokd.pgproxy.etiquette import Env

if TYPE_CHECKING:
    from collections.abc import Callable

_METHOD = "connection.get"
_THREADS = 16
_AT_ONCE_SECONDS = 1.0
_CONNECT_SECONDS = 10.0
_DIGITS = 9  # of what a url may say there: more would overflow, and is as good as for ever
_LEAST_SECONDS = 2.0  # libpq takes no less for its connect_timeout


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect: `address`, a name or an IP address, is where `host` is; `direct` is TLS without asking.

    The network's part of it, and TLS, may take `seconds` each.
    """

    host: str
    address: str
    port: int
    direct: bool
    seconds: float
    env: Env
    token: str = field(repr=False)


class Core:
    """Asks for one env. `selection` gives the parameters of a request, as they are now."""

    def __init__(self, selection: Callable[[], dict[str, Any]]) -> None:
        self._selection = selection
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="core")
        self._read: dict[str, str | None] = {}

    async def place(self, *, fresh: bool = False) -> Place:
        """Return where to connect, with a token; `fresh`, one that was not served before. Raises `DsqltokError`."""
        params = self._selection()
        params["environment"] |= self._read  # which the project was found to read
        if fresh:
            params["fresh"] = True
        at_hand = None if fresh else await _at_hand(params)
        if at_hand is not None:
            return _place(at_hand)
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, asking.request, _METHOD, params)
        self._read = params["environment"]
        return _place(answer)


async def _at_hand(params: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the core answers at once, None where it does not. Raises `DsqltokError`."""
    sock = socket.socket(socket.AF_UNIX)
    line = b""
    with sock, contextlib.suppress(OSError, TimeoutError):
        sock.setblocking(False)
        sock.connect(paths.socket_path())
        if peers.uid(sock) != os.getuid():
            return None
        async with asyncio.timeout(_AT_ONCE_SECONDS):
            await sockets.send(sock, protocol.request(_METHOD, params))
            while more := await sockets.receive(sock):
                line += more
                if line.endswith(b"\n"):
                    break
    if not line.endswith(b"\n") or line.startswith((protocol.WAIT_PREFIX, protocol.LEAVING_PREFIX)):
        return None
    try:
        return protocol.read_answer(line)
    except EnvironmentNeededError:
        return None


def _place(answer: dict[str, Any]) -> Place:
    connection = answer["connection"]
    carried = dict(connection["parameters"])
    direct = carried.pop("sslnegotiation", "") == "direct"
    patience = carried.pop("connect_timeout", "")
    return Place(
        host=connection["host"],
        address=connection["hostaddr"] or connection["host"],
        port=int(connection["port"]),
        direct=direct,
        seconds=_seconds(patience),
        env=Env(connection["user"], connection["dbname"], carried),
        token=answer["token"],
    )


def _seconds(patience: str) -> float:
    """Read libpq's `connect_timeout`; what is none, or for ever, is ours."""
    given = int(patience[:_DIGITS]) if patience.isascii() and patience.isdecimal() else 0
    return max(given, _LEAST_SECONDS) if given else _CONNECT_SECONDS
