"""Starting a worker's process, and ending it with all that it started.

No module of the standard library is imported here that takes a while: the core starts its first workers before it
imports what it needs itself, and they get ready meanwhile.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO


class Process:
    """One that leads a session and a process group of its own, and the ends of its pipes."""

    def __init__(self, pid: int, jobs: BinaryIO, answers: BinaryIO) -> None:
        self.jobs = jobs
        self.answers = answers
        self._pid = pid
        self._over = False

    def kill(self) -> None:
        """End it and whatever it started."""
        if self._over:
            return  # its number may be another's by now, which it is not before `is_over` has said so
        try:
            os.killpg(self._pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # nothing of it is left; macOS says the other of one whose last process was not waited for yet

    def is_over(self) -> bool:
        """Tell whether it has ended. Until this was so, the system keeps what is left of it."""
        if not self._over:
            try:
                self._over = os.waitpid(self._pid, os.WNOHANG) != (0, 0)
            except ChildProcessError:
                self._over = True  # somebody else took note
        return self._over


def start(kind: str, environment: Mapping[str, str]) -> Process:
    """Start a worker of `kind`. Raises `OSError` where the system gives none."""
    # As isolated as the core itself; -E and -P keep an installation of the user's own site in sight.
    isolation = ["-I"] if sys.flags.isolated else ["-E", "-P"]
    command = [sys.executable, *isolation, "-m", "dsqltokd.worker", kind]
    ends: list[int] = []  # of pipes that no program inherits
    try:
        ends += os.pipe()
        ends += os.pipe()
        moves = [(os.POSIX_SPAWN_DUP2, ends[0], 0), (os.POSIX_SPAWN_DUP2, ends[3], 1)]
        pid = os.posix_spawn(sys.executable, command, environment, file_actions=moves, setsid=True)
    except OSError:
        for end in ends:
            os.close(end)
        raise
    os.close(ends[0])
    os.close(ends[3])
    return Process(pid, os.fdopen(ends[1], "wb", 0), os.fdopen(ends[2], "rb", 0))
