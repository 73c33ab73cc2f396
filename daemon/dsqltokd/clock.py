"""The one place that reads the clocks; everything else takes the moment as an argument."""

from __future__ import annotations

import sys
import time

from dsqltokd.model import Instant

if sys.platform == "linux":
    _BOOT = time.CLOCK_BOOTTIME
else:
    _BOOT = time.CLOCK_MONOTONIC  # which on macOS goes on in sleep


_JUMP = 1.0  # seconds: more than a clock is corrected by in passing


class Jumps:
    """Notices that the wall clock was set or that the machine slept, since neither moves the clock of the timers."""

    def __init__(self) -> None:
        self._apart = _apart()

    def look(self) -> bool:
        """Tell whether there was a jump since the last look."""
        before, self._apart = self._apart, _apart()
        return any(abs(then - since) > _JUMP for then, since in zip(before, self._apart, strict=True))


def _apart() -> tuple[float, float]:
    """Return how far the wall clock and the boot clock are ahead of that of the timers."""
    timers = time.monotonic()
    return time.time() - timers, time.clock_gettime(_BOOT) - timers


def now() -> Instant:
    """Return this moment."""
    return Instant(time.time(), time.clock_gettime(_BOOT))
