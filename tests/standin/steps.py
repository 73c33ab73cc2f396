"""Clocks that a test steps under a running program: the wall clock and the boot clock, never the monotonic one.

A machine that sleeps, or whose clock is set, cannot be had on demand. A library that is loaded before the C library
shows a program, and all that it starts, other clocks; which ones is in a file that they share with the test.
"""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .leash import bed_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .ledger import Clock

_SOURCE = Path(__file__).with_name("clockshim.c")
_FORMAT = "dd"
PASSED_ON = 'pass_environment = ["LD_PRELOAD", "CLOCKSHIM"]\n'
"""What config.toml has to say for a daemon that a client starts to see the stepped clocks too."""


def missing() -> str:
    """Say what the bed lacks; nothing if it is available."""
    return "" if shutil.which("cc") else "no stepped clocks: cc (of gcc, with libc6-dev) not found"


class Steps:
    """The steps of both clocks, as a context manager. `clock`, the stand-in's, goes with the wall clock.

    `environment`, once entered, has a program that is started with it see the stepped clocks.
    """

    environment: Mapping[str, str]

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._wall = self._boot = 0.0

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            directory = parts.enter_context(bed_directory("steps-"))
            library, kept = directory / "clockshim.so", directory / "steps"
            compile_shim(_SOURCE, library)
            kept.write_bytes(struct.pack(_FORMAT, 0.0, 0.0))
            kept.chmod(0o644)
            with kept.open("r+b") as file:
                self._shared = parts.enter_context(mmap.mmap(file.fileno(), struct.calcsize(_FORMAT)))
            self.environment = {"LD_PRELOAD": str(library), "CLOCKSHIM": str(kept)}
            self._shift = parts.enter_context(ExitStack())
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def suspend(self, seconds: float) -> None:
        """Have the machine sleep: both clocks go on meanwhile."""
        self._step(seconds, seconds)

    def set(self, seconds: float) -> None:
        """Set the wall clock ahead, or back where `seconds` is negative."""
        self._step(seconds, 0.0)

    def _step(self, wall: float, boot: float) -> None:
        self._wall, self._boot = self._wall + wall, self._boot + boot
        self._shift.close()
        self._shift.enter_context(self.clock.ahead(self._wall))
        self._shared[:] = struct.pack(_FORMAT, self._wall, self._boot)


def compile_shim(source: Path, library: Path) -> None:
    """Compile a library to be loaded before the C library, which every user may load."""
    subprocess.run(
        ["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl", "-lm", "-pthread"],
        check=True,
    )
    library.chmod(0o755)
