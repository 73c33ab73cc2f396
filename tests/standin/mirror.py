"""A directory seen through a FUSE file system, as over a network: what changes behind it makes no event in front of it.

It can stop answering, and then whoever asks anything of it hangs: a test looks only behind it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from .leash import bed_directory, leashed
from .people import is_root

if TYPE_CHECKING:
    from pathlib import Path

_START_S = 60.0


def missing() -> str:
    """Say what the bed lacks; nothing if it is available."""
    if not is_root():
        return "no mirror: only root may mount one for others"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "no mirror: there is no /dev/fuse here"
    return "" if shutil.which("bindfs") else "no mirror: bindfs not found"


class Mirror:
    """A mirror, as a context manager: what is in `behind` is seen in `front` too."""

    behind: Path
    front: Path

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            directory = parts.enter_context(bed_directory("mirror-")).resolve()
            self.behind, self.front = directory / "behind", directory / "front"
            self.behind.mkdir()
            self.front.mkdir()
            command = ["bindfs", "-f", "-o", "allow_other", str(self.behind), str(self.front)]
            nowhere = subprocess.DEVNULL  # at its end it complains that somebody else has unmounted it
            self._process = subprocess.Popen(command, stdin=nowhere, stderr=nowhere, text=True)
            parts.enter_context(leashed(self._process, directory, signal.SIGTERM))
            parts.callback(subprocess.run, ["umount", "--lazy", str(self.front)], check=True)
            parts.callback(self.go_on)
            self._wait_until_mounted()
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def stop(self) -> None:
        """Answer nobody."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer again, first of all whoever waits."""
        self._process.send_signal(signal.SIGCONT)

    def _wait_until_mounted(self) -> None:
        end = time.monotonic() + _START_S
        while not os.path.ismount(self.front):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("bindfs did not start")
            time.sleep(0.01)
