"""What those who ask for a token pay for what goes on beside: a refresh, 100 projects edited, a keyring that hangs.

Three of these are the daemon's own doings, and have a goal. The fourth is a process that has nothing to do with the
daemon and makes tokens with boto3: it costs the lookups what any busy neighbour on this machine does, and so tells a
stall of the core's own from the wait for a processor.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import TYPE_CHECKING

from bench import blocks, figures, keyring, lookup, many, place, runs
from bench.figures import Row, at_most
from bench.place import BOTO3_SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.many import Projects
    from bench.place import Home, Installation

_GOAL = at_most(3.0)
_ROUNDS = 15
_LOOKUPS = 300
_PROJECTS = 100
_KEYRING_ROUNDS = 4
_KEYRING_LOOKUPS = 1500  # which take less than the 5 s after which a keyring that hangs is given up
_REFRESHING, _RELOADING, _HANGING, _NEIGHBOUR = (
    f"token.get while {what}"
    for what in ("a worker refreshes", f"{_PROJECTS} projects reload", "the keyring hangs", "a boto3 script runs")
)


def measure(installation: Installation, home: Home) -> list[Row]:
    """Measure at the daemon that runs at `home`, and the keyring at one of its own."""
    line = lookup.request(home, {})
    strangers = _strangers()
    projects = many.projects(home, "reloaded", _PROJECTS)
    for each in projects.files:
        lookup.answered(home.socket, lookup.question("token.get", config=str(each), env=place.ENV))
    takes = _seconds_of_a_reload(projects)
    kinds: dict[str, Callable[[], blocks.Work]] = {
        _REFRESHING: lambda: lookup.Pending(home.socket, lookup.request(home, next(strangers))),
        _RELOADING: lambda: _Reload(projects, takes),
        _NEIGHBOUR: lambda: runs.Background([installation.python, BOTO3_SCRIPT], home.environment),
    }
    rounds = blocks.measure(home.socket, line, kinds, rounds=_ROUNDS, lookups=_LOOKUPS)
    return [
        blocks.row(_REFRESHING, rounds, _REFRESHING, 50, None),
        blocks.row(_REFRESHING, rounds, _REFRESHING, 99, _GOAL),
        blocks.row(_RELOADING, rounds, _RELOADING, 50, None),
        blocks.row(_RELOADING, rounds, _RELOADING, 99, _GOAL),
        blocks.row(_NEIGHBOUR, rounds, _NEIGHBOUR, 99, None),
    ]


def measure_keyring(installation: Installation, home: Home) -> list[Row]:
    """Measure at a daemon of its own that uses a keyring, which hangs for half of the time."""
    lacking = keyring.lacking()
    if lacking:
        return [figures.missing(f"{_HANGING}: p99", "the same, idle", _GOAL, lacking)]
    strangers = _strangers()
    with keyring.keyring(home) as (used, service), place.daemon(installation, used):
        line = lookup.request(used, {})
        lookup.answered(used.socket, line)

        def flush() -> blocks.Work:
            return _Hang(used, next(strangers), service)

        rounds = blocks.measure(used.socket, line, {_HANGING: flush}, rounds=_KEYRING_ROUNDS, lookups=_KEYRING_LOOKUPS)
    return [blocks.row(_HANGING, rounds, _HANGING, 50, None), blocks.row(_HANGING, rounds, _HANGING, 99, _GOAL)]


def _strangers() -> Iterator[dict[str, str]]:
    """Give environments with keys in them, no two alike: for each a new worker has to sign, and goes after it."""
    for number in itertools.count():
        yield {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": f"an example, number {number}"}


class _Reload:
    """All the projects are edited. It counts as over when it was, at the first time, so that nobody has to ask."""

    def __init__(self, projects: Projects, seconds: float) -> None:
        self._projects = projects
        projects.edit()
        self._end = time.monotonic() + seconds

    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    def finish(self) -> None:
        self._projects.settle()


def _seconds_of_a_reload(projects: Projects) -> float:
    begin = time.monotonic()
    projects.edit()
    projects.settle()
    return time.monotonic() - begin


class _Hang:
    """The keyring does not answer while the daemon is made to write to it."""

    def __init__(self, home: Home, stranger: dict[str, str], service: keyring.Service) -> None:
        self._hung = contextlib.ExitStack()
        self._hung.enter_context(service.hung())
        config = str(home.project / "atlas.hcl")
        request = lookup.question("tokens.flush", config=config, env=place.ENV, environment=stranger)
        self._flush = lookup.Pending(home.socket, request)

    def is_over(self) -> bool:
        return self._flush.is_over()

    def finish(self) -> None:
        self._hung.close()  # it may go on at once: what is waited for is the answer, not the daemon's patience
        self._flush.finish()
