"""The running proxy: a gate for each env, the core that gives tokens, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING, Any

from dsqltok import asking
from dsqltok.errors import DsqltokError
from dsqltokd.pgproxy import owners, served, succession, upstream
from dsqltokd.pgproxy.announce import Announcer
from dsqltokd.pgproxy.core import Core
from dsqltokd.pgproxy.gate import Gate
from dsqltokd.pgproxy.served import Served
from dsqltokd.pgproxy.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from dsqltokd.pgproxy.listening import Entrance
    from dsqltokd.pgproxy.selecting import Selector

_log = logging.getLogger(__name__)
_DRAIN_SECONDS = 3600.0  # as long as DSQL lets a session live
_STOP_SECONDS = 10.0


class Proxy:
    """Made inside the event loop, whose selector it is given, from the words of `dsqltok proxy`.

    `inherited` are the sockets that systemd handed over; `say` is given a line for each entrance.
    """

    def __init__(
        self, options: dict[str, Any], inherited: Sequence[Entrance], selector: Selector, say: Callable[[str], None]
    ) -> None:
        self._selector = selector
        self._say = say
        self._context = upstream.trusting(options.get("ca"))
        names: list[str | None] = options.get("names") or [options.get("env")]
        all_served = [Served(name, options) for name in names]
        served.let_in(all_served, options, inherited)
        self._announcer = Announcer(self._report, self._heed)
        self._gates = {each: self._gate(each) for each in all_served}
        self._tasks: set[asyncio.Task[None]] = set()
        self._told = False
        self._handing_over: asyncio.Task[None] | None = None

    def _gate(self, each: Served) -> Gate:
        password = None
        if not all(owners.tells(sock.family) for sock in each.entrance.sockets):
            password, passfile = each.entrance.keep()
            self._say(f"this system does not tell whose a connection is: set PGPASSFILE={passfile}")
        return Gate(
            each.name,
            each.entrance.sockets,
            Upstream(Core(each.selection), self._context, each.traffic.step),
            each.traffic,
            selector=self._selector,
            password=password,
            elsewhere=self._announcer.ask_others,
        )

    async def run(self) -> None:
        """Serve until told to leave, and the last session has ended."""
        await asyncio.to_thread(asking.ask, "daemon.status", {})  # which starts a core where none runs
        for each, gate in self._gates.items():
            if not each.entrance.inherited:  # nobody else takes over there, so that nothing has to be compared
                await asyncio.to_thread(each.settle)
            if not gate.left:
                each.entrance.open()
                gate.open()
                self._say(f"{each.entrance.name}{succession.LEADS}{each.name}")
        announcing = asyncio.create_task(self._announcer.run())
        await asyncio.gather(*(gate.empty() for gate in self._gates.values()))
        announcing.cancel()

    def leave(self) -> None:
        """Take nobody new, and end once those that are there have had a while; said a second time, end now.

        A successor that is on its way is ended, too.
        """
        if self._handing_over is not None:
            self._handing_over.cancel()
        for each, gate in self._gates.items():
            if self._told:
                gate.end()
            else:
                _leave(each, gate, _STOP_SECONDS)
        self._told = True

    def hand_over(self, environment: dict[str, str], told: Callable[[int], None]) -> None:
        """Start a successor at the same sockets, from `environment`; once it takes clients, leave all to it.

        `told` is then given its process.
        """
        if self._handing_over is not None or any(gate.left for gate in self._gates.values()):
            _log.info("a successor is on its way already, or this process ends")
            return
        self._handing_over = self._begin(self._handed_over(environment, told))

    async def _handed_over(self, environment: dict[str, str], told: Callable[[int], None]) -> None:
        try:
            successor = await succession.begin(environment, [each.entrance for each in self._gates])
        except (DsqltokError, OSError) as error:
            _log.warning("no successor takes over: %s", error)
            return
        finally:
            self._handing_over = None
        told(successor)
        for each, gate in self._gates.items():
            _leave(each, gate, _DRAIN_SECONDS)

    def _heed(self, what: str, params: dict[str, Any]) -> None:
        """The core has word of another proxy."""
        if what == "cancel":
            self._begin(self._cancel(bytes.fromhex(params["key"])))
            return
        for each, gate in self._gates.items():
            if each.entrance.name != params.get("listen") or each.entrance.inherited:
                continue  # a service's place goes to its own successor alone, by `hand_over`
            if what == "share":
                each.entrance.share()
            elif what == "leave" and not gate.left:
                _log.info("another proxy takes over %s", each.entrance.name)
                each.entrance.divert()
                _leave(each, gate, _DRAIN_SECONDS)  # who comes now is the other one's

    async def _cancel(self, key: bytes) -> None:
        for gate in self._gates.values():
            with contextlib.suppress(DsqltokError, OSError):
                await gate.cancel(key)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _report(self) -> dict[str, Any]:
        gates = [each.report(left=gate.left) for each, gate in self._gates.items()]
        return {"pid": os.getpid(), "gates": gates}


def _leave(each: Served, gate: Gate, seconds: float) -> None:
    gate.leave(seconds)
    each.entrance.close()
