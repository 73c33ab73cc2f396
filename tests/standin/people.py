"""Who runs a program. Run by root, the suite can play an ordinary user and a stranger; otherwise only itself.

The two are accounts that every Debian and macOS has, since PostgreSQL and others look their uid up. They can be played
only where they may reach this checkout and its Python: `why_no_stranger` tells.
"""

from __future__ import annotations

import functools
import os
import pwd
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NEEDS_ROOT = "needs root, to run a program as a different user"
OUT_OF_REACH = (
    f"needs a checkout and a Python that every user may reach: {sys.executable} is not, so that root plays all parts"
)
# An interpreter that starts another one: setpriv itself still has root's rights when it starts the first.
_PROBE = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import dsqltok'], check=True)"


@dataclass(frozen=True)
class Person:
    """A user account. All its methods need root unless it is the one we run as."""

    uid: int
    gid: int

    @property
    def is_me(self) -> bool:
        return self.uid == os.geteuid()

    def argv(self, *command: str) -> list[str]:
        """Return the argv that runs `command` as this person, in the same process and environment."""
        if self.is_me:
            return [*command]
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--", *command]

    def own(self, tree: Path) -> None:
        """Make `tree`, a file or a directory with all that is in it, belong to this person."""
        if self.is_me:
            return
        for path in (tree, *tree.rglob("*")):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def is_root() -> bool:
    return os.geteuid() == 0


def ordinary() -> Person:
    """Return an ordinary user: whoever we are, or `nobody` where we are root and `nobody` can run our programs."""
    return nobody() if is_root() and in_reach() else Person(os.geteuid(), os.getegid())


def nobody() -> Person:
    """Return the user that PostgreSQL runs as where we are root, since it refuses root."""
    return _account("nobody")


def stranger() -> Person:
    """Return a user who is neither root nor `ordinary()`. `why_no_stranger` says where none can be played."""
    return _account("daemon")


def why_no_stranger() -> str:
    """Say why no program can be run as a different user; nothing if one can."""
    if not is_root():
        return NEEDS_ROOT
    return "" if in_reach() else OUT_OF_REACH


@functools.cache
def in_reach() -> bool:
    """Tell whether an ordinary user can run what we run. Needs root."""
    command = nobody().argv(sys.executable, "-c", _PROBE)
    done = subprocess.run(command, cwd="/", capture_output=True, env={"PATH": "/usr/bin:/bin"}, check=False)
    return done.returncode == 0


def _account(name: str) -> Person:
    entry = pwd.getpwnam(name)
    return Person(entry.pw_uid, entry.pw_gid)
