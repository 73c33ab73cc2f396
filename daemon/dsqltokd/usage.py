"""What this process takes of the machine, as the system itself says it."""

from __future__ import annotations

import os
import resource
import sys
import threading


def usage() -> dict[str, int]:
    """Return resident memory in bytes, the numbers of open descriptors and threads, and of living child processes."""
    return {
        "rss": _resident(),
        "fds": len(os.listdir("/dev/fd")) - 1,  # one of them lists them
        "threads": _threads(),
        "children": _children(),
    }


def _resident() -> int:
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, and the most there ever was


def _threads() -> int:
    return len(os.listdir("/proc/self/task")) if sys.platform == "linux" else threading.active_count()


def _children() -> int:
    found = 0
    for task in os.listdir("/proc/self/task") if sys.platform == "linux" else ():
        try:
            with open(f"/proc/self/task/{task}/children", encoding="ascii") as file:
                found += len(file.read().split())
        except OSError:
            pass  # a thread that has just ended, or a kernel that does not tell
    return found
