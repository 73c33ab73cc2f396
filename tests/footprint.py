"""What a process has, for tests that it has no more of it later."""

from __future__ import annotations

from pathlib import Path


class Process:
    """What a process has, as the system sees it; all of it together with the processes that it started."""

    def __init__(self, pid: int) -> None:
        self._at = Path(f"/proc/{pid}")

    def usage(self) -> dict[str, int]:
        """Return resident memory in KiB, descriptors, threads and child processes."""
        status = dict(line.split(":", 1) for line in (self._at / "status").read_text().splitlines())
        children = " ".join(task.read_text() for task in self._at.glob("task/*/children"))
        return {
            "rss": int(status["VmRSS"].split()[0]),
            "fds": len(list((self._at / "fd").iterdir())),
            "threads": int(status["Threads"]),
            "children": len(children.split()),
        }
