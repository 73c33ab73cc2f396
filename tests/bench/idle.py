"""What the core takes of the machine while nobody asks for anything, with ten projects warm; and what a refresh takes.

The daemon is one of its own, which rests while other things are measured: what it does by itself does not depend on
them. Only the time after its last worker has gone counts, since a worker that lingers is not what a day consists of.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import figures, lookup, many, place, process
from bench.figures import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.place import Home, Installation
    from bench.process import Activity

_PROJECTS = 10
_REFRESHES = 10
_WORKERS_STAY = 32.0  # seconds, at most
_SECONDS = 330.0  # it looks at its socket, its files and its tokens every 5 minutes; a token lasts for 10
_DAY = 86_400
_WAKE_UPS = "core, idle, 10 projects warm: wake-ups a second"
_CPU_A_DAY = "core, idle, 10 projects warm: CPU in s a day"
_CPU_OF_REFRESH = "CPU of a refresh of one identity, workers included, in s"
_GOALS = {_WAKE_UPS: at_most(1.0), _CPU_A_DAY: at_most(2.0), _CPU_OF_REFRESH: at_most(0.3)}


class Idle:
    """The daemon that rests, measured meanwhile."""

    def __init__(self, home: Home, pid: int) -> None:
        self._pid = pid
        for each in many.projects(home, "warm", _PROJECTS).files:
            lookup.answered(home.socket, lookup.question("token.get", config=str(each), env=place.ENV))
        self._refreshes = _refreshes(home, pid)
        self._readings: list[Activity] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        for seconds in (_WORKERS_STAY, _SECONDS):
            time.sleep(seconds)
            self._readings.append(process.activity(self._pid))

    def rows(self) -> list[Row]:
        """Wait until the time that counts is over."""
        self._reading.join()
        before, after = self._readings
        wake_ups = figures.one((after.wake_ups - before.wake_ups) / _SECONDS)
        daily = figures.one((after.seconds - before.seconds) / _SECONDS * _DAY)
        return [
            _row(_WAKE_UPS, wake_ups, f"{_SECONDS:.0f} s"),
            _row(_CPU_A_DAY, daily, f"without refreshes; {_SECONDS:.0f} s"),
            _row(_CPU_OF_REFRESH, figures.spread(self._refreshes), f"a worker's start with it; {_REFRESHES} refreshes"),
        ]


@contextlib.contextmanager
def resting(installation: Installation, there: str) -> Iterator[Idle]:
    """Run the daemon until the block ends, in a directory of its own in `there`, beside which little comes and goes."""
    with tempfile.TemporaryDirectory(prefix="dsqltok-rest-", dir=there) as directory:
        home = place.furnish(Path(directory).resolve() / "r", installation)
        with place.daemon(installation, home) as pid:
            yield Idle(home, pid)


def missing() -> list[Row]:
    """Return the rows where the system does not tell what they need."""
    return [figures.missing(what, "-", goal, process.LACKING) for what, goal in _GOALS.items()]


def _row(what: str, figure: figures.Spread, detail: str) -> Row:
    return Row(what, "-", figure, _GOALS[what], detail)


def _refreshes(home: Home, pid: int) -> list[float]:
    """Return the processor seconds of refreshes, each for a caller with keys of its own, so that no worker lingers."""
    found = []
    before = len(process.children(pid))
    for number in range(_REFRESHES):
        begin = process.seconds_with_children(pid)
        keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": f"an example, number {number}"}
        lookup.answered(home.socket, lookup.request(home, keys))
        process.wait_for_children(pid, at_most=before)
        found.append(process.seconds_with_children(pid) - begin)
    return found
