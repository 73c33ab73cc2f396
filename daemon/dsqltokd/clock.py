"""The one place that reads the clocks; everything else takes the moment as an argument."""

from __future__ import annotations

import sys
import time

from dsqltokd.model import Instant

if sys.platform == "linux":
    _BOOT = time.CLOCK_BOOTTIME
else:
    _BOOT = time.CLOCK_MONOTONIC  # which on macOS goes on in sleep


def now() -> Instant:
    """Return this moment."""
    return Instant(time.time(), time.clock_gettime(_BOOT))
