"""What makes a file the same file with the same text, as far as `stat` can tell."""

from __future__ import annotations

import os

Identity = tuple[int, int, int, int, int, int]


def identity(path: str) -> Identity | None:
    """Return (device, inode, size, mtime ns, ctime ns, mode) of what `path` leads to, None for nothing.

    Two equal identities mean that nobody has written, replaced or changed the permissions of the file in between.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode)
