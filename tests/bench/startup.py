"""What a warm `dsqltok get` costs as a program: against an empty Python, against boto3, and in modules. And `exec`.

An empty Python against boto3 has no goal: it shows how far below its own a `get` that takes no time at all would be.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

from bench import figures, runs
from bench.figures import Goal, Row, at_most
from bench.place import BOTO3_SCRIPT, ENV

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.place import Home, Installation

_WHAT = "dsqltok get, warm"
_STARTS = 200
_SCRIPTS = 30


def measure(installation: Installation, home: Home) -> list[Row]:
    """Measure with the project's directory as the working directory, and the daemon at `home` running and warm."""
    warm, empty, boto3 = get(installation, _WHAT), nothing(installation), boto3_script(installation)
    exec_true = Program("dsqltok exec … true", [installation.dsqltok, "exec", ENV, "--", "true"])
    return [
        compare(warm, empty, home, _STARTS, at_most(1.05)),
        compare(warm, boto3, home, _SCRIPTS, Goal(1 / 25, "≤ 1/25 = 0.04")),
        compare(empty, boto3, home, _SCRIPTS, None),
        compare(exec_true, warm, home, _STARTS, at_most(1.5)),
        _modules(installation, home),
    ]


class Program(NamedTuple):
    """A program as the table calls it, and how it is started."""

    name: str
    argv: list[str]


def get(installation: Installation, name: str) -> Program:
    """Return the client of an installation, asking for the project's token."""
    return Program(name, [installation.dsqltok, "get", ENV])


def nothing(installation: Installation) -> Program:
    """Return what any program in that Python takes."""
    return Program("python -c pass", [installation.python, "-c", "pass"])


def boto3_script(installation: Installation) -> Program:
    """Return what dsqltok replaces."""
    return Program("a boto3 script", [installation.python, BOTO3_SCRIPT])


def compare(
    ours: Program,
    theirs: Program,
    home: Home,
    count: int,
    goal: Goal | None,
    *,
    warm_ups: int = 3,
    after: list[str] | None = None,
) -> Row:
    """Return the row of two programs, each run `count` times, in turn; `after` as in `runs.pairs`."""
    found = runs.pairs(ours.argv, theirs.argv, home.environment, count, warm_ups=warm_ups, after=after)
    here, there = (figures.spread([1000 * pair[side].wall for pair in found]) for side in (0, 1))
    wall = figures.ratios([(first.wall, second.wall) for first, second in found])
    cpu = figures.ratios([(first.cpu, second.cpu) for first, second in found])
    detail = f"{here.median:.1f} ms, {there.median:.1f} ms; {count} pairs; processor time {cpu}"
    return Row(ours.name, theirs.name, wall, goal, detail)


def _modules(installation: Installation, home: Home) -> Row:
    own = _imported([installation.python, "-X", "importtime", "-c", "pass"], home)
    ours = _imported([installation.python, "-X", "importtime", installation.dsqltok, "get", ENV], home)
    added = [name for name in ours if name not in own]
    others = [name for name in added if not _is_wanted(name)]
    detail = "beyond the interpreter's own: " + ", ".join(added)
    return Row(f"{_WHAT}: modules off the hot path", "-", figures.one(len(others)), Goal(0, "0"), detail)


def _is_wanted(module: str) -> bool:
    return module in ("_socket", "_json") or module.partition(".")[0] == "dsqltok"


def _imported(argv: Sequence[str], home: Home) -> list[str]:
    """Return the modules that a program imports, in the order in which they are done."""
    found = subprocess.run(argv, env=home.environment, capture_output=True, text=True, check=True)
    _title, *lines = [line for line in found.stderr.splitlines() if line.startswith("import time:")]
    return [line.rpartition("|")[2].strip() for line in lines]
