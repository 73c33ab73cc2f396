"""The mounted file systems: which of them a path is on, and whether that one tells of every change.

The list is the kernel's own, read from /proc, so that no file system is asked. Where there is none, as on macOS, each
directory counts as a file system of its own.
"""

from __future__ import annotations

import os

_LIST = "/proc/self/mountinfo"
# Types whose files others may change, on another machine or beside the kernel, of which the kernel then knows nothing.
_SHARED = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "coda", "lustre", "beegfs", "gpfs", "gfs2", "ocfs2"}
_SHARED |= {"fuse", "glusterfs", "orangefs", "9p", "virtiofs", "vboxsf", "prl_fs"}
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
        while at not in self._types and at not in self._found and at != "/":
            at = os.path.dirname(at)
        found = self._found[directory] = self._found.get(at, at)
        return found

    def is_shared(self, mount: str) -> bool:
        """Tell whether files there may change without an event, since others have the same files."""
        kind = self._types.get(mount, "")
        return kind in _SHARED or kind.startswith("fuse.")


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
