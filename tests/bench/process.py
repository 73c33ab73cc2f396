"""What a process takes of the machine: processor time, wake-ups, memory. All but memory on Linux only."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

_PATIENCE = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")
LACKING = "" if Path("/proc/self/schedstat").exists() else "no /proc that tells of processor time"


class Activity(NamedTuple):
    """What a process's threads have done so far."""

    seconds: float  # of the processor
    wake_ups: int


def activity(pid: int) -> Activity:
    """Return what the threads that there are have done, to the nanosecond."""
    seconds, wake_ups = 0.0, 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
        lines = (task / "status").read_text().splitlines()
        wake_ups += sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return Activity(seconds, wake_ups)


def processor_seconds(pid: int, *, children: bool = False) -> float:
    """Return the processor time of a process, to a tick (10 ms); and that of the children which have ended."""
    fields = _stat(pid)
    return sum(map(int, fields[11 : 15 if children else 13])) / _TICKS


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that have not ended."""
    return [int(child) for task in Path(f"/proc/{pid}").glob("task/*/children") for child in task.read_text().split()]


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


def _stat(pid: int) -> list[str]:
    """Return the fields after the program's name, which may have spaces in it: `proc(5)`'s third is the first here."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
