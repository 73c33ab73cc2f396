"""What the core keeps resident, against a process that did nothing but import asyncio."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from bench import figures, lookup, place, process
from bench.figures import Goal, Row

if TYPE_CHECKING:
    from bench.place import Home, Installation

_ROUNDS = 5
_LOOKUPS = 100
_REFERENCE = "import asyncio, os; os.write(1, b'ok'); os.read(0, 1)"


def measure(installation: Installation, home: Home) -> list[Row]:
    """Compare the two, started anew each round; the core is idle after a refresh and some lookups."""
    found = [(_core(installation, home), _asyncio(installation, home.environment)) for _ in range(_ROUNDS)]
    ours, theirs = (figures.spread([pair[side] for pair in found]) for side in (0, 1))
    detail = f"{ours.median:.1f} MB, {theirs.median:.1f} MB; {_ROUNDS} rounds"
    return [Row("core, idle: resident memory", "import asyncio", figures.ratios(found), Goal(1.3, "≤ 1.3"), detail)]


def _core(installation: Installation, home: Home) -> float:
    with place.daemon(installation, home) as pid:
        for _ in range(_LOOKUPS):
            lookup.timed(home.socket, lookup.request(home, {}))
        return process.resident(pid)


def _asyncio(installation: Installation, environment: dict[str, str]) -> float:
    argv = [installation.python, "-I", "-c", _REFERENCE]
    with subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reference:
        assert reference.stdout is not None
        reference.stdout.read(2)
        return process.resident(reference.pid)
