"""Ten thousand targets over twenty identities: memory, a full refresh, and lookups meanwhile. And how each grows.

The identities are profiles of a file of their own, with the session tokens that roles and single sign-on give: these
make a token as long as it is for most people. They are made warm by projects with many data sources, of which all
tokens are asked for at once. A full refresh is what a change of that file calls for.

Growth is that of one identity, since an identity has a worker, whose start would hide what a target costs.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, NamedTuple

from bench import blocks, figures, growth, lookup, place, process
from bench.figures import Goal, Row, at_most

if TYPE_CHECKING:
    from pathlib import Path

    from bench.place import Home, Installation

_TARGETS = 10_000
_IDENTITIES = 20
_AT_ONCE = 250  # data sources of a project
_SIZES = (1, 10, 100, 1000, _TARGETS)
_ROUNDS = 4
_LOOKUPS = 1500
_REFRESHES = 3
_SESSION_TOKEN = "IQoJb3JpZ2luX2VjE" + 39 * "ExampleSessionToken/"  # about as long as those of AWS
_PATIENCE = 120.0
_LOOK = 0.02
_WHO = f"{_TARGETS:,} targets of {_IDENTITIES} identities"
_MEMORY, _REFRESH, _LATENCY = (
    f"{_WHO}: memory",
    f"{_WHO}: CPU of a full refresh, in s",
    f"token.get while {_WHO} refresh",
)
_MOST_SECONDS = 2 + 0.4 * _IDENTITIES
_GOALS = {
    _MEMORY: at_most(1.5),
    _REFRESH: Goal(_MOST_SECONDS, f"≤ 2 + 0.4 each = {_MOST_SECONDS:g}"),
    _LATENCY: at_most(3),
}
_DATA = """\
data "aws_dsql_token" "t{0}" {{
  endpoint = "target{0}.dsql.us-east-1.on.aws"
  region   = "us-east-1"
  admin    = true
  profile  = "{1}"
}}
"""
_ENV = """\
env "bulk" {{
  url = "dsql://admin:${{urlescape(data.aws_dsql_token.t{0})}}@{1}:5432/postgres?sslmode=require"
}}
"""
_HOST = "target0.dsql.us-east-1.on.aws"
# Else the project is evaluated once more for each token that the url must not carry.
_CONFIG = f'allow_hosts = ["{_HOST}"]\n'


def measure(installation: Installation, home: Home) -> list[Row]:
    """Measure at daemons of its own; none may run at `home`."""
    if process.LACKING:
        return [figures.missing(what, "-", goal, process.LACKING) for what, goal in _GOALS.items()]
    home.config.write_text(home.config.read_text() + _CONFIG)
    with place.daemon(installation, home) as pid:
        rows = _many(home, pid)
    with place.daemon(installation, home) as pid:
        return [*rows, *_growth(home, pid)]


def _many(home: Home, pid: int) -> list[Row]:
    line = lookup.request(home, {})
    lookup.answered(home.socket, line)
    bulk = _Bulk(home, pid, _IDENTITIES)
    before = process.resident(pid)
    size = bulk.warm(_TARGETS)
    used = process.resident(pid) - before
    kinds = {_LATENCY: bulk.refresh}
    refreshes = [bulk.cost_of_refresh().all for _ in range(_REFRESHES)]
    rounds = blocks.measure(home.socket, line, kinds, rounds=_ROUNDS, lookups=_LOOKUPS)
    overhead = (used * 2**20 - size) / _TARGETS
    detail = f"{used:.1f} MB, {size / 2**20:.1f} MB of tokens; {overhead:.0f} bytes a target beside its token"
    return [
        Row(_MEMORY, "the tokens' bytes", figures.one(used * 2**20 / size), _GOALS[_MEMORY], detail),
        Row(_REFRESH, "-", figures.spread(refreshes), _GOALS[_REFRESH], f"core and workers; {_REFRESHES} refreshes"),
        blocks.row(_LATENCY, rounds, _LATENCY, 50, None),
        blocks.row(_LATENCY, rounds, _LATENCY, 99, _GOALS[_LATENCY]),
    ]


def _growth(home: Home, pid: int) -> list[Row]:
    lookup.answered(home.socket, lookup.request(home, {}))
    bulk = _Bulk(home, pid, 1)
    before = process.resident(pid)
    core, everything, memory = {}, {}, {}
    for size in _SIZES:
        bulk.warm(size)
        memory[size] = process.grown(pid, before)
        cost = bulk.cost_of_refresh()
        core[size], everything[size] = cost.core, cost.all
    return [
        growth.row("targets of one identity: CPU of a refresh", everything, "s, core and worker"),
        growth.row("targets of one identity: the core's part of it", core, "s"),
        growth.row("targets of one identity: memory of the core", memory, "MB beyond that with one other target"),
    ]


class _Cost(NamedTuple):
    """Processor seconds: the core's own, and all with the workers'."""

    core: float
    all: float


class _Bulk:
    """Targets that are warm, of so many identities."""

    def __init__(self, home: Home, pid: int, identities: int) -> None:
        self._home = home
        self._pid = pid
        self._profiles = [f"p{number}" for number in range(identities)]
        self._credentials = home.project.parent / "many-credentials"
        self._environment = {"AWS_SHARED_CREDENTIALS_FILE": str(self._credentials)}
        self._edits = 0
        self._warm = 0
        self.edit()

    def warm(self, targets: int) -> int:
        """Ask for the tokens of so many targets, which include all before; return the bytes of those that are new."""
        size = 0
        for begin in range(self._warm, targets, _AT_ONCE):
            numbers = range(begin, min(begin + _AT_ONCE, targets))
            config = self._project(numbers, self._profiles[begin * len(self._profiles) // _TARGETS])
            question = lookup.question("project.inspect", config=config, environment=self._environment, reveal=True)
            size += sum(map(len, lookup.answered(self._home.socket, question)["local"]["all"]))
        self._warm = targets
        self._end_workers()
        return size

    def refresh(self) -> _Refresh:
        """Have all of them signed for again."""
        return _Refresh(self, len(self._profiles), self._home.log)

    def cost_of_refresh(self) -> _Cost:
        """Return what it takes to sign for all of them again."""
        core, everything = self._spent()
        self.refresh().finish()
        self._end_workers()
        after = self._spent()
        return _Cost(after.core - core, after.all - everything)

    def _spent(self) -> _Cost:
        # The core's own to the nanosecond, since a single target takes less than a tick.
        return _Cost(process.activity(self._pid).seconds, process.seconds_with_children(self._pid))

    def edit(self) -> None:
        """Write the identities' file anew, with the same in it."""
        keys = "aws_access_key_id = ASIAIOSFODNN7EXAMPLE\naws_secret_access_key = an/example\n"
        sections = [f"[{name}]\n{keys}aws_session_token = {_SESSION_TOKEN}\n" for name in self._profiles]
        self._edits += 1
        draft = self._credentials.with_name("credentials~")
        draft.write_text(f"# edited {self._edits} times\n" + "".join(sections))
        draft.replace(self._credentials)

    def _project(self, numbers: range, profile: str) -> str:
        names = ", ".join(f"data.aws_dsql_token.t{number}" for number in numbers)
        data = "".join(_DATA.format(number, profile) for number in numbers)
        path = self._home.project.parent / f"targets-{numbers[0]}-{numbers[-1]}" / "atlas.hcl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(data + f"locals {{\n  all = [{names}]\n}}\n" + _ENV.format(numbers[0], _HOST))
        return str(path)

    def _end_workers(self) -> None:
        """Have the workers that linger end, since only those which have ended are counted: a flush does that."""
        keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "an example of nobody's"}
        config = str(self._home.project / "atlas.hcl")
        flush = lookup.question("tokens.flush", config=config, env=place.ENV, environment=keys)
        lookup.answered(self._home.socket, flush)
        process.wait_for_children(self._pid, at_most=0)


class _Refresh:
    """A full refresh, from the edit that calls for it until the daemon has logged the last of it."""

    def __init__(self, bulk: _Bulk, identities: int, log: Path) -> None:
        self._log = log
        self._from = log.stat().st_size
        self._left = identities
        bulk.edit()

    def is_over(self) -> bool:
        with self._log.open("rb") as log:
            log.seek(self._from)
            found = log.read()
        whole = found[: found.rfind(b"\n") + 1]
        self._from += len(whole)
        self._left -= len(re.findall(rb"refreshed [0-9]+ tokens of profile p", whole))
        return self._left <= 0

    def finish(self) -> None:
        end = time.monotonic() + _PATIENCE
        while not self.is_over():
            if time.monotonic() > end:
                raise RuntimeError(f"{self._left} identities are not refreshed")
            time.sleep(_LOOK)
