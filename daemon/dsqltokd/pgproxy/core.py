"""What the proxy has from the core: where an env leads, and a token for each connection.

The client's own way to the core is taken, which starts one where none runs. It waits, so it has threads of its own: one
that is kept waiting holds up nobody while there are others.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dsqltok import asking
from dsqltokd.pgproxy.etiquette import Env

if TYPE_CHECKING:
    from collections.abc import Callable

_THREADS = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect: `address`, a name or an IP address, is where `host` is; `direct` is TLS without asking."""

    host: str
    address: str
    port: int
    direct: bool
    env: Env
    token: str = field(repr=False)


class Core:
    """Asks for one env. `selection` gives the parameters of a request, as they are now."""

    _threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="core")

    def __init__(self, selection: Callable[[], dict[str, Any]]) -> None:
        self._selection = selection

    async def place(self, *, fresh: bool = False) -> Place:
        """Return where to connect, with a token; `fresh`, one that was not served before. Raises `DsqltokError`."""
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, fresh)
        return _place(answer)

    def _ask(self, fresh: bool) -> dict[str, Any]:
        params = self._selection()
        if fresh:
            params["fresh"] = True
        return asking.request("connection.get", params)


def _place(answer: dict[str, Any]) -> Place:
    connection = answer["connection"]
    carried = dict(connection["parameters"])
    direct = carried.pop("sslnegotiation", "") == "direct"
    carried.pop("connect_timeout", None)  # libpq's own
    return Place(
        host=connection["host"],
        address=connection["hostaddr"] or connection["host"],
        port=int(connection["port"]),
        direct=direct,
        env=Env(connection["user"], connection["dbname"], carried),
        token=answer["token"],
    )
