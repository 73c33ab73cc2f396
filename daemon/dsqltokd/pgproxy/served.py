"""The envs that a proxy serves: what is asked of the core for each, and where its clients come in.

A place that another proxy for the same has, with the same AWS identity, is taken over from it, with the core's help.
Any other's is left alone, and so is a service's, whose socket is not the process's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from _blake2 import blake2b  # as in dsqltokd.schedule
from typing import TYPE_CHECKING, Any

from dsqltok import arguments, asking
from dsqltok.errors import ConfigurationError, DsqltokError, UsageError
from dsqltokd.pgproxy import listening
from dsqltokd.pgproxy.traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsqltokd.pgproxy.listening import Entrance

_PORT = 5432
_MOST_PORT = 65_535
_DIGITS = 9  # more, by the thousand, Python would not read
_KNOWN_SECONDS = 3.0  # until the core knows of each proxy that runs
_KNOWN_PAUSE = 0.1


class Served:
    """One env: where clients come in, and what passes."""

    def __init__(self, name: str | None, options: dict[str, Any]) -> None:
        # Which project is meant is settled here: a file that comes or goes later must not lead a session elsewhere.
        self._params = arguments.selection({**options, **({"name": name} if name else {})})
        self.name = name or "the only one"
        self.traffic = Traffic()
        self.entrance = listening.NOWHERE
        self._roots = os.path.abspath(options["ca"]) if "ca" in options else None
        self._whose = ""

    def selection(self) -> dict[str, Any]:
        """Return the parameters of a request, for the caller to add to."""
        environment = self._params["environment"]
        assert isinstance(environment, dict)  # noqa: S101 - made by arguments.selection
        return {**self._params, "environment": {**environment}}

    def settle(self) -> None:
        """Find out which variables count here: the usual ones, and those that the project reads if that is known."""
        if self._whose:
            return
        params = self.selection()
        with contextlib.suppress(DsqltokError):  # what is wrong is told to each client
            asking.request("target.describe", params)
        words = json.dumps([params["environment"], self._roots], sort_keys=True)
        self._whose = blake2b(words.encode(), digest_size=32).hexdigest()  # there are secrets among them

    def identity(self, listen: str) -> dict[str, Any]:
        """Return what two proxies have to have in common for one to follow the other."""
        config = self._params["config"] or "an added project"
        chosen = {"vars": self._params.get("vars", []), "data": self._params.get("data")}
        return {"env": self.name, "config": config, "listen": listen, "whose": self._whose, **chosen}

    def report(self, *, left: bool) -> dict[str, Any]:
        """Return what the core is told; `left` says that the entrance is left to another."""
        name = self.entrance.name + (" (leaving)" if left else "")
        return {**self.identity(name), "inherited": self.entrance.inherited, "traffic": self.traffic.shown()}


def let_in(all_served: Sequence[Served], options: dict[str, Any], inherited: Sequence[Entrance]) -> None:
    """Give each env the entrance of its clients. Raises `DsqltokError`, and then none is left open."""
    if inherited:
        if len(inherited) != len(all_served):
            raise ConfigurationError(
                f"systemd handed over {_count(len(inherited), 'socket')} for {_count(len(all_served), 'env')}",
                hint="dsqltokd-proxy@.socket has one ListenStream= for the one env of its name",
            )
        for served, entrance in zip(all_served, inherited, strict=True):
            served.entrance = entrance
        return
    try:
        for port, served in enumerate(all_served, _first_port(options, len(all_served))):
            served.entrance = _entrance(served, options.get("unix"), port)
    except BaseException:
        for served in all_served:
            served.entrance.close()
        raise


def _entrance(served: Served, directory: str | None, port: int) -> Entrance:
    if directory is not None:
        path = listening.path_in(directory, port)
        if listening.answers(path) and not _may_follow(served, path):
            raise listening.PortInUseError(f"something else serves at {path}", hint="choose another directory or port")
        return listening.in_directory(directory, port)
    try:
        return listening.on_port(port)
    except listening.PortInUseError:
        if not _may_follow(served, listening.place_of(port)):
            raise
    return listening.beside_another(port)


def _may_follow(served: Served, place: str) -> bool:
    """Have a proxy for the same share its place, and tell whether there is one.

    One that has just begun the core learns of in a moment. Raises `UsageError` where another one is there.
    """
    served.settle()
    identity = served.identity(place)
    end = time.monotonic() + _KNOWN_SECONDS
    while not asking.ask("proxy.follow", identity)["shares"]:
        others = asking.ask("daemon.status", {}).get("proxies", [])
        assert isinstance(others, list)  # noqa: S101 - the daemon's own shape
        for other in others:
            if other["listen"] == identity["listen"]:
                raise UsageError(
                    f'{other["listen"]} is taken by the proxy of env "{other["env"]}" in {other["config"]}',
                    hint="choose another port: --port N; only one with the same variables and --ca takes over from it, "
                    "and none from a service",
                )
        if time.monotonic() > end:
            return False
        time.sleep(_KNOWN_PAUSE)
    return True


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _first_port(options: dict[str, Any], count: int) -> int:
    given = str(options.get("port", _PORT))
    most = _MOST_PORT + 1 - count  # each further env has the next one
    if not given.isascii() or not given.isdecimal() or len(given) > _DIGITS or not 0 < int(given) <= most:
        raise UsageError(f"{given} is no port", hint=f"--port takes a number from 1 to {most} here")
    return int(given)
