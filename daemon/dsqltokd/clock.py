"""The one place that reads the clocks; everything else takes the moment as an argument."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
import time

from dsqltokd.model import Instant

if sys.platform == "linux":
    _BOOT = time.CLOCK_BOOTTIME
else:
    _BOOT = time.CLOCK_MONOTONIC  # which on macOS goes on in sleep


_JUMP = 1.0  # seconds: more than a clock is corrected by in passing


# Of timerfd_create(2): by absolute time, and cancelled where the clock is set, as it is when the machine wakes up.
_ABSOLUTE, _CANCEL_ON_SET = 1, 2
_NEVER = struct.pack("@4l", 0, 0, sys.maxsize, 0)


class Jumps:
    """Notices that the wall clock was set or that the machine slept, since neither moves the clock of the timers.

    `told` is a descriptor that can be read once that may have happened, until the next look; None where the system has
    no such thing.
    """

    def __init__(self) -> None:
        self._apart = _apart()
        self.told = _armed()

    def look(self) -> bool:
        """Tell whether there was a jump since the last look."""
        if self.told is not None and _ended(self.told):
            _arm(self.told)
        before, self._apart = self._apart, _apart()
        return any(abs(then - since) > _JUMP for then, since in zip(before, self._apart, strict=True))


def _ended(timer: int) -> bool:
    """Tell whether the timer was cancelled, which counts as told by this."""
    try:
        os.read(timer, 8)
    except BlockingIOError:
        return False
    except OSError as error:
        return error.errno == errno.ECANCELED
    return True


def _armed() -> int | None:
    create = getattr(ctypes.CDLL(None), "timerfd_create", None)
    timer = -1 if create is None else create(time.CLOCK_REALTIME, os.O_NONBLOCK | os.O_CLOEXEC)
    return timer if timer != -1 and _arm(timer) else None


def _arm(timer: int) -> bool:
    failed: int = ctypes.CDLL(None).timerfd_settime(timer, _ABSOLUTE | _CANCEL_ON_SET, _NEVER, None)
    return not failed


def _apart() -> tuple[float, float]:
    """Return how far the wall clock and the boot clock are ahead of that of the timers."""
    timers = time.monotonic()
    return time.time() - timers, time.clock_gettime(_BOOT) - timers


def now() -> Instant:
    """Return this moment."""
    return Instant(time.time(), time.clock_gettime(_BOOT))
