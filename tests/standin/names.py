"""A machine on which the names of clusters lead to the stand-in, for clients that can be told a name and nothing else.

A program that is started with `argv` sees an `/etc/hosts` of its own, in a mount namespace of its own: every client
reads that file, whatever it resolves names with. Nothing else on the machine sees it.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from . import people

if TYPE_CHECKING:
    from pathlib import Path

_BIND = 'mount --bind "$0" /etc/hosts && exec "$@"'


def missing() -> str:
    """Say what the bed lacks; nothing if it is available."""
    if not people.is_root():
        return "no names of clusters: needs root, to give programs an /etc/hosts of their own"
    lacking = [program for program in ("unshare", "mount") if not shutil.which(program)]
    return f"no names of clusters: {', '.join(lacking)} not found" if lacking else ""


def write_hosts(path: Path, address: str, *names: str) -> Path:
    """Write the file in which these names lead to `address`, and return its path."""
    path.write_text(f"127.0.0.1 localhost\n{address} {' '.join(names)}\n")
    path.chmod(0o644)
    return path


def argv(hosts: Path, *command: str) -> list[str]:
    """Return the argv that runs `command`, in the same process, where `hosts` is `/etc/hosts`. Needs root."""
    return ["unshare", "--mount", "--", "sh", "-c", _BIND, str(hosts), *command]
