"""Who runs a program. Run by root, the suite can play an ordinary user and a stranger; otherwise only itself.

The two are accounts that every Debian and macOS has, since PostgreSQL and others look their uid up.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NEEDS_ROOT = "needs root, to run a program as a different user"


@dataclass(frozen=True)
class Person:
    """A user account. All its methods need root unless it is the one we run as."""

    uid: int
    gid: int

    @property
    def is_me(self) -> bool:
        return self.uid == os.geteuid()

    def argv(self, *command: str) -> list[str]:
        """Return the argv that runs `command` as this person, in the same process and environment.

        setpriv has root's rights until it hands over: a program in a directory that is closed to the person starts,
        but does not get at the libraries beside it.
        """
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
    """Return an ordinary user: whoever we are, or `nobody` where we are root."""
    return _account("nobody") if is_root() else Person(os.geteuid(), os.getegid())


def stranger() -> Person:
    """Return a user who is neither root nor `ordinary()`. Without root nothing can be run as such: see NEEDS_ROOT."""
    return _account("daemon")


def _account(name: str) -> Person:
    entry = pwd.getpwnam(name)
    return Person(entry.pw_uid, entry.pw_gid)
