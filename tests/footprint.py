"""What a process has, for tests that it has no more of it later."""

from __future__ import annotations

from pathlib import Path


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, whichever of its threads did."""
    return [int(child) for task in Path(f"/proc/{pid}").glob("task/*/children") for child in task.read_text().split()]


class Process:
    """What a process has, as the system sees it; all of it together with the processes that it started."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._at = Path(f"/proc/{pid}")

    def usage(self) -> dict[str, int]:
        """Return resident memory in KiB, descriptors, threads and child processes."""
        status = dict(line.split(":", 1) for line in (self._at / "status").read_text().splitlines())
        return {
            "rss": int(status["VmRSS"].split()[0]),
            "fds": len(list((self._at / "fd").iterdir())),
            "threads": int(status["Threads"]),
            "children": len(children(self._pid)),
        }
