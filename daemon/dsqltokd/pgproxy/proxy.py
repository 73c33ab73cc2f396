"""The running proxy: a gate for each env, the core that gives tokens, and the end."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from dsqltok import arguments, asking
from dsqltok.errors import ConfigurationError, UsageError
from dsqltokd.pgproxy import listening, owners, upstream
from dsqltokd.pgproxy.announce import Announcer
from dsqltokd.pgproxy.core import Core
from dsqltokd.pgproxy.gate import Gate
from dsqltokd.pgproxy.traffic import Traffic
from dsqltokd.pgproxy.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dsqltokd.pgproxy.listening import Entrance
    from dsqltokd.pgproxy.selecting import Selector

_log = logging.getLogger(__name__)
_PORT = 5432
_MOST_PORT = 65_535
_DRAIN_SECONDS = 3600.0  # as long as DSQL lets a session live
_STOP_SECONDS = 10.0


class _Served:
    """One env: where clients come in, and what passes."""

    def __init__(self, name: str | None, options: dict[str, Any], entrance: Entrance) -> None:
        self.selection = partial(arguments.selection, {**options, **({"name": name} if name else {})})
        self.name = name or "the only one"
        self.entrance = entrance
        self.traffic = Traffic()

    def report(self) -> dict[str, Any]:
        config = self.selection()["config"] or "an added project"
        return {"env": self.name, "config": config, "listen": self.entrance.name, "traffic": self.traffic.shown()}


class Proxy:
    """Made inside the event loop, whose selector it is given, from the words of `dsqltok proxy`.

    `inherited` are the sockets that systemd handed over.
    """

    def __init__(self, options: dict[str, Any], inherited: Sequence[Entrance], selector: Selector) -> None:
        self._selector = selector
        self._context = upstream.trusting(options.get("ca"))
        names: list[str | None] = options.get("names") or [options.get("env")]
        self._served = [
            _Served(name, options, entrance)
            for name, entrance in zip(names, _entrances(options, names, inherited), strict=True)
        ]
        self._gates: list[Gate] = []
        self._leaving = asyncio.Event()
        self._drain = _STOP_SECONDS

    def leave(self) -> None:
        """Take nobody new, and end once those that are there have had a while; said a second time, end now."""
        if self._leaving.is_set():
            for gate in self._gates:
                gate.end()
        self._leaving.set()

    def make_way(self) -> None:
        """Another proxy takes who comes now: end when the last one that is here has gone."""
        self._drain = _DRAIN_SECONDS
        self._leaving.set()

    async def run(self, say: Callable[[str], None]) -> None:
        """Serve until told to leave. `say` is given a line for each entrance. Raises `UsageError`."""
        await asyncio.to_thread(self._refuse_another_env)
        self._gates += [self._opened(served, say) for served in self._served]
        announcing = asyncio.create_task(Announcer(self._report, self.make_way).run())
        await self._leaving.wait()
        announcing.cancel()
        for gate in self._gates:
            gate.close()
        for served in self._served:
            served.entrance.close()
        await asyncio.gather(*(gate.drained(self._drain) for gate in self._gates))

    def _opened(self, served: _Served, say: Callable[[str], None]) -> Gate:
        way = Upstream(Core(served.selection), self._context, served.traffic.step)
        password = secrets.token_urlsafe()
        gate = Gate(
            served.name, served.entrance.sockets, way, served.traffic, selector=self._selector, password=password
        )
        gate.open()
        say(f"{served.entrance.name} leads to {served.name}")
        if not all(owners.tells(sock.family) for sock in served.entrance.sockets):
            say(f"this system does not tell whose a connection is: set PGPASSFILE={served.entrance.keep(password)}")
        return gate

    def _refuse_another_env(self) -> None:
        """See that no proxy for something else is where one of ours is to be: it would make way for us."""
        others = asking.ask("daemon.status", {}).get("proxies", [])
        assert isinstance(others, list)  # noqa: S101 - the daemon's own shape
        for served in self._served:
            mine = served.report()
            for other in others:
                if other["listen"] == mine["listen"] and (other["env"], other["config"]) != (
                    mine["env"],
                    mine["config"],
                ):
                    raise UsageError(
                        f'{other["listen"]} is taken by the proxy of env "{other["env"]}" in {other["config"]}',
                        hint="choose another port: --port N",
                    )

    def _report(self) -> dict[str, Any]:
        return {"pid": os.getpid(), "gates": [served.report() for served in self._served]}


def _entrances(
    options: dict[str, Any], names: Sequence[str | None], inherited: Sequence[Entrance]
) -> Sequence[Entrance]:
    """Return where the clients of each env come in. Raises `DsqltokError`."""
    if inherited:
        if len(inherited) != len(names):
            raise ConfigurationError(
                f"systemd handed over {len(inherited)} sockets for {len(names)} envs",
                hint="dsqltokd-proxy@.socket has one ListenStream= for the one env of its name",
            )
        return inherited
    first = _first_port(options)
    ports = range(first, first + len(names))
    directory = options.get("unix")
    found: list[Entrance] = []
    try:
        for port in ports:
            found.append(listening.in_directory(directory, port) if directory else listening.on_port(port))  # noqa: PERF401 - what was made is closed where the next cannot be
    except BaseException:
        for entrance in found:
            entrance.close()
        raise
    return found


def _first_port(options: dict[str, Any]) -> int:
    given = str(options.get("port", _PORT))
    if not given.isascii() or not given.isdecimal() or not 0 < int(given) <= _MOST_PORT:
        raise UsageError(f"{given} is no port", hint=f"--port takes a number from 1 to {_MOST_PORT}")
    return int(given)
