"""The running proxy: a gate for each env, the core that gives tokens, and the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import time
from typing import TYPE_CHECKING, Any

from dsqltok import arguments, asking
from dsqltok.errors import ConfigurationError, DsqltokError, UsageError
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
_KNOWN_SECONDS = 3.0  # until the core knows of each proxy that runs
_KNOWN_PAUSE = 0.1


class _Served:
    """One env: where clients come in, and what passes."""

    def __init__(self, name: str | None, options: dict[str, Any]) -> None:
        # Which project is meant is settled here: a file that comes or goes later must not lead a session elsewhere.
        self._params = arguments.selection({**options, **({"name": name} if name else {})})
        self.name = name or "the only one"
        self.traffic = Traffic()
        self.entrance = listening.NOWHERE

    def selection(self) -> dict[str, Any]:
        """Return the parameters of a request, for the caller to add to."""
        environment = self._params["environment"]
        assert isinstance(environment, dict)  # noqa: S101 - made by arguments.selection
        return {**self._params, "environment": {**environment}}

    def identity(self, listen: str) -> dict[str, Any]:
        """Return what two proxies have to have in common for one to follow the other."""
        config = self._params["config"] or "an added project"
        chosen = {"vars": self._params.get("vars", []), "data": self._params.get("data")}
        return {"env": self.name, "config": config, "listen": listen, **chosen}

    def report(self, leaving: str) -> dict[str, Any]:
        """Return what the core is told; where it is left to others, `leaving` says so."""
        return {**self.identity(self.entrance.name + leaving), "traffic": self.traffic.shown()}


class Proxy:
    """Made inside the event loop, whose selector it is given, from the words of `dsqltok proxy`.

    `inherited` are the sockets that systemd handed over.
    """

    def __init__(self, options: dict[str, Any], inherited: Sequence[Entrance], selector: Selector) -> None:
        self._selector = selector
        self._context = upstream.trusting(options.get("ca"))
        names: list[str | None] = options.get("names") or [options.get("env")]
        self._served = [_Served(name, options) for name in names]
        _let_in(self._served, options, inherited)
        self._gates: list[Gate] = []
        self._cancelling: set[asyncio.Task[None]] = set()
        self._announcer = Announcer(self._report, self._heed)
        self._told = False
        self._leaving = asyncio.Event()
        self._drain = _STOP_SECONDS

    def leave(self) -> None:
        """Take nobody new, and end once those that are there have had a while; said a second time, end now."""
        if self._told:
            self._end()
        self._told = True
        asyncio.get_running_loop().call_later(_STOP_SECONDS, self._end)
        self._leaving.set()

    def _end(self) -> None:
        for gate in self._gates:
            gate.end()

    def _heed(self, what: str, params: dict[str, Any]) -> None:
        """The core has word of another proxy for the same."""
        if what == "share":
            for served in self._served:
                served.entrance.share()
        elif what == "leave" and not self._leaving.is_set():
            # Who comes now is the other one's: end when the last one that is here has gone.
            _log.info("another proxy takes over")
            self._drain = _DRAIN_SECONDS
            self._leaving.set()
        elif what == "cancel":
            task = asyncio.get_running_loop().create_task(self._cancel(bytes.fromhex(params["key"])))
            self._cancelling.add(task)
            task.add_done_callback(self._cancelling.discard)

    async def _cancel(self, key: bytes) -> None:
        for gate in self._gates:
            with contextlib.suppress(DsqltokError, OSError):
                await gate.cancel(key)

    async def run(self, say: Callable[[str], None]) -> None:
        """Serve until told to leave. `say` is given a line for each entrance. Raises `UsageError`."""
        await asyncio.to_thread(asking.ask, "daemon.status", {})  # which starts a core where none runs
        self._gates += [self._opened(served, say) for served in self._served]
        announcing = asyncio.create_task(self._announcer.run())
        await self._leaving.wait()
        for gate in self._gates:
            gate.close()
        for served in self._served:
            served.entrance.close()
        await asyncio.gather(*(gate.drained(self._drain) for gate in self._gates))
        announcing.cancel()

    def _opened(self, served: _Served, say: Callable[[str], None]) -> Gate:
        way = Upstream(Core(served.selection), self._context, served.traffic.step)
        password = secrets.token_urlsafe()
        gate = Gate(
            served.name,
            served.entrance.sockets,
            way,
            served.traffic,
            selector=self._selector,
            password=password,
            elsewhere=self._announcer.ask_others,
        )
        gate.open()
        say(f"{served.entrance.name} leads to {served.name}")
        if not all(owners.tells(sock.family) for sock in served.entrance.sockets):
            say(f"this system does not tell whose a connection is: set PGPASSFILE={served.entrance.keep(password)}")
        return gate

    def _report(self) -> dict[str, Any]:
        leaving = " (leaving)" if self._leaving.is_set() else ""
        return {"pid": os.getpid(), "gates": [served.report(leaving) for served in self._served]}


def _let_in(all_served: Sequence[_Served], options: dict[str, Any], inherited: Sequence[Entrance]) -> None:
    """Give each env the entrance of its clients. Raises `DsqltokError`, and then none is left open."""
    if inherited:
        if len(inherited) != len(all_served):
            raise ConfigurationError(
                f"systemd handed over {len(inherited)} sockets for {len(all_served)} envs",
                hint="dsqltokd-proxy@.socket has one ListenStream= for the one env of its name",
            )
        for served, entrance in zip(all_served, inherited, strict=True):
            served.entrance = entrance
        return
    try:
        for port, served in enumerate(all_served, _first_port(options)):
            served.entrance = _entrance(served, options.get("unix"), port)
    except BaseException:
        for served in all_served:
            served.entrance.close()
        raise


def _entrance(served: _Served, directory: str | None, port: int) -> Entrance:
    if directory is not None:
        path = listening.path_in(directory, port)
        if listening.answers(path) and not _may_follow(served.identity(path)):
            raise listening.PortInUseError(f"something else serves at {path}", hint="choose another directory or port")
        return listening.in_directory(directory, port)
    try:
        return listening.on_port(port)
    except listening.PortInUseError:
        if not _may_follow(served.identity(listening.place_of(port))):
            raise
    return listening.beside_another(port)


def _may_follow(identity: dict[str, Any]) -> bool:
    """Have a proxy for the same share its place, and tell whether there is one.

    One that has just begun the core learns of in a moment. Raises `UsageError` where another env's is there.
    """
    end = time.monotonic() + _KNOWN_SECONDS
    while not asking.ask("proxy.follow", identity)["shares"]:
        others = asking.ask("daemon.status", {}).get("proxies", [])
        assert isinstance(others, list)  # noqa: S101 - the daemon's own shape
        for other in others:
            if other["listen"] == identity["listen"]:
                raise UsageError(
                    f'{other["listen"]} is taken by the proxy of env "{other["env"]}" in {other["config"]}',
                    hint="choose another port: --port N",
                )
        if time.monotonic() > end:
            return False
        time.sleep(_KNOWN_PAUSE)
    return True


def _first_port(options: dict[str, Any]) -> int:
    given = str(options.get("port", _PORT))
    if not given.isascii() or not given.isdecimal() or not 0 < int(given) <= _MOST_PORT:
        raise UsageError(f"{given} is no port", hint=f"--port takes a number from 1 to {_MOST_PORT}")
    return int(given)
