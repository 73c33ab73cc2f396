"""The mounted file systems: which of them a path is on, and whether that one tells of every change.

The list is the kernel's own, read from /proc, so that no file system is asked. Where there is none, as on macOS, each
directory counts as a file system of its own.
"""

from __future__ import annotations

import os
import select
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LIST = "/proc/self/mountinfo"
# Types whose files others may change, on another machine or beside the kernel, of which the kernel then knows nothing.
_SHARED = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "coda", "lustre", "beegfs", "gpfs", "gfs2", "ocfs2"}
_SHARED |= {"fuse", "glusterfs", "orangefs", "9p", "virtiofs", "vboxsf", "prl_fs"}
# Types of which the kernel tells each change that is made by a name which it was asked to watch.
_TELLING = {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "tmpfs", "overlay"}
_LONGEST = 4096  # characters of a path, of which there is nothing any longer


class Mounts:
    """What was mounted where at one moment. `types` are those of the file systems, by mount point."""

    def __init__(self, types: dict[str, str]) -> None:
        self._types = types
        self._found: dict[str, str] = {}

    def of(self, path: str) -> str:
        """Return the mount point of the file system that `path` is on, given without a symlink in it."""
        if not self._types:
            return os.path.dirname(path)
        directory = at = os.path.dirname(path[:_LONGEST])
        if path in self._types:
            return path
        while at not in self._types and at not in self._found and at not in ("", "/"):
            at = os.path.dirname(at)
        found = self._found[directory] = self._found.get(at, at)
        return found

    def is_shared(self, mount: str) -> bool:
        """Tell whether files there may change without an event, since others have the same files."""
        kind = self._types.get(mount, "")
        return kind in _SHARED or kind.startswith("fuse.")

    def tells(self, mount: str) -> bool:
        """Tell whether files there are known not to change without an event."""
        return self._types.get(mount) in _TELLING

    def is_mount(self, path: str) -> bool:
        """Tell whether something is mounted at `path` itself."""
        return path in self._types


class Changes:
    """Has `changed` called, in a thread of its own, each time that something is mounted or unmounted."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._end = -1

    def start(self) -> None:
        """Begin, where the system tells of it: where it does not, there is no list either."""
        if os.path.exists(_LIST):
            ended, self._end = os.pipe()
            threading.Thread(target=self._run, args=(os.open(_LIST, os.O_RDONLY), ended), daemon=True).start()

    def stop(self) -> None:
        """End, without waiting for it."""
        if self._end != -1:
            os.close(self._end)

    def _run(self, mounts: int, ended: int) -> None:
        poll = select.poll()
        poll.register(mounts, select.POLLPRI)
        poll.register(ended, select.POLLIN)
        while ended not in dict(poll.poll()):
            self._changed()
        os.close(mounts)
        os.close(ended)


def parse(text: str) -> Mounts:
    """Return what a list in the form of /proc/self/mountinfo says. Of two mounts in one place the later is seen."""
    types = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        types[_unescaped(fields[4])] = after.partition(" ")[0]
    return Mounts(types)


def read() -> Mounts:
    """Return what is mounted now."""
    try:
        with open(_LIST, encoding="utf-8", errors="surrogateescape") as file:
            return parse(file.read())
    except OSError:
        return Mounts({})


def _unescaped(path: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, character)
    return path
