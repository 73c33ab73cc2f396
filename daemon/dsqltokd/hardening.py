"""What a process asks of the system for itself: a memory that nobody looks into, room for its connections, an end."""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_MOST_FILES = 65_536
_M_MMAP_THRESHOLD = -3
_LARGE = 128 * 1024  # bytes; glibc begins with that, too


def protect_memory() -> None:
    """Have no core files and, on Linux, no debugger or /proc reader of the same user; not so for later programs."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def hear_of_orphanhood(number: int) -> None:
    """Have the signal sent to this process, on Linux, when the thread that started it ends, as its process does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def give_memory_back() -> None:
    """Have the system take what the C library keeps of the memory that was freed, where it can be told to."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def give_large_buffers_their_own_memory() -> None:
    """Have the system take back large buffers, such as workers' answers, as soon as they are freed, where it can.

    Once one was freed glibc would make the next among what is small, which leaves holes there.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        set_option(_M_MMAP_THRESHOLD, _LARGE)


def raise_file_limit() -> int:
    """Allow as many open files as the system lets this process have, within reason; return how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)
