"""Running short-lived programs: one after the other and timed, or beside what is timed."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUIET = [
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
]


class Run(NamedTuple):
    """What one run of a program took, in seconds: by the clock, and of the processor."""

    wall: float
    cpu: float


def once(argv: list[str], environment: Mapping[str, str]) -> Run:
    """Run a program in the working directory and wait for its end. Raises `RuntimeError` where it fails."""
    begin = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, environment, file_actions=_QUIET)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begin
    _check(argv, os.waitstatus_to_exitcode(status))
    return Run(wall, usage.ru_utime + usage.ru_stime)


def pairs(
    ours: list[str],
    theirs: list[str],
    environment: Mapping[str, str],
    count: int,
    *,
    warm_ups: int = 3,
    after: list[str] | None = None,
) -> list[tuple[Run, Run]]:
    """Run the two programs `count` times each, interleaved; which of a pair goes first alternates.

    `after` is a program that is run, and does not count, each time that ours has ended.
    """

    def our_run() -> Run:
        run = once(ours, environment)
        if after is not None:
            once(after, environment)
        return run

    found = []
    for number in range(-warm_ups, count):
        if number % 2:
            second, first = once(theirs, environment), our_run()
        else:
            first, second = our_run(), once(theirs, environment)
        if number >= 0:
            found.append((first, second))
    return found


class Background:
    """A program that runs beside what is measured."""

    def __init__(self, argv: list[str], environment: Mapping[str, str]) -> None:
        self._argv = argv
        self._process = subprocess.Popen(
            argv, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def is_over(self) -> bool:
        """Tell whether it has ended, without waiting."""
        return self._process.poll() is not None

    def finish(self) -> None:
        """Wait for its end. Raises `RuntimeError` where it failed."""
        _check(self._argv, self._process.wait())


def _check(argv: list[str], code: int) -> None:
    if code != 0:
        raise RuntimeError(f"{' '.join(argv)} ended with {code}")
