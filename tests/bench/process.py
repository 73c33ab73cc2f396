"""What a process takes of the machine: processor time, wake-ups, memory. All but memory on Linux only."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")
LACKING = "" if Path("/proc/self/task").exists() else "no /proc that tells of processes"


class Activity(NamedTuple):
    """What a process has done so far."""

    seconds: float  # of the processor
    wake_ups: int


def activity(pid: int) -> Activity:
    """Return the processor time of a process, to the nanosecond, and how often the threads that it has were woken."""
    clock = (~pid << 3) | 2  # as clock_getcpuclockid(3) gives it, which Python has only for threads
    wake_ups = 0
    for status in _of_threads(pid, "status"):
        wake_ups += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("voluntary_ctxt"))
    return Activity(time.clock_gettime(clock), wake_ups)


def seconds_with_children(pid: int) -> float:
    """Return the processor time of a process and of its children that have ended, to a tick (10 ms)."""
    return sum(map(int, _stat(pid)[11:15])) / _TICKS


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that have not ended."""
    return [int(child) for found in _of_threads(pid, "children") for child in found.split()]


def _of_threads(pid: int, name: str) -> Iterator[str]:
    """Give what a file of each thread says. One that ends meanwhile is left out."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            yield (task / name).read_text()


@contextlib.contextmanager
def together(pid: int) -> Iterator[None]:
    """Have this process and the first thread of another share a processor until the block ends.

    Else one of them may have to wake up another processor for each word to the other, or not, as the kernel likes.
    """
    before = {each: os.sched_getaffinity(each) for each in (0, pid)}
    for each in before:
        os.sched_setaffinity(each, {min(before[0])})
    try:
        yield
    finally:
        for each, processors in before.items():
            os.sched_setaffinity(each, processors)


def wait_for_children(pid: int, *, at_most: int) -> None:
    """Wait until a process has no more than so many. Raises `RuntimeError` where that takes too long."""
    end = time.monotonic() + _PATIENCE
    while len(children(pid)) > at_most:
        if time.monotonic() > end:
            raise RuntimeError(f"process {pid} has more than {at_most} children for {_PATIENCE:g} s")
        time.sleep(0.01)


def resident(pid: int) -> float:
    """Return a process's resident memory in MB."""
    if sys.platform == "linux":  # where containers often have no ps
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(shown.stdout) / 1024


def grown(pid: int, before: float) -> float:
    """Return by how many MB a process's resident memory has grown since it was `before`: by no less than a page."""
    return max(resident(pid) - before, os.sysconf("SC_PAGE_SIZE") / 2**20)


def _stat(pid: int) -> list[str]:
    """Return the fields after the program's name, which may have spaces in it: `proc(5)`'s third is the first here."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
