"""Writing a file so that nobody ever sees, and no crash ever leaves, a part of it.

The rules:
- The new text goes into a draft beside the file, under a name that nobody can guess, and takes the file's place in one
  step.
- A draft is locked for as long as its writer lives. Of those that are not, ours are cleared away before a process
  writes the file for the first time; what other users have put there is let alone.
"""

import contextlib
import fcntl
import os
import stat

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_cleared: set[str] = set()


def write_atomically(path: str, text: str, mode: int) -> None:
    """Put `text` in the place of `path`, in a directory that exists: a crash leaves the old file or the new one, whole.

    It has `mode` from its first instant, less what the umask takes. Raises `OSError`, and then nothing is left
    beside `path`. Killed in between, a process may leave its draft there, until the next one writes that file.
    """
    _write(path, text, mode, os.replace)


def create_atomically(path: str, text: str, mode: int) -> None:
    """Do the same where nothing is there yet, not even a link that leads nowhere. Raises `FileExistsError` besides."""
    _write(path, text, mode, os.link)  # a rename would replace what somebody put there meanwhile


def inode(path: str) -> "tuple[int, int] | None":
    """Return what tells a file from all others that are there now, None where nothing is."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextlib.contextmanager
def draft(path: str, mode: int) -> "Iterator[tuple[str, int]]":
    """Make an empty file of `mode` to take the place of `path`, and give its name, and a descriptor to write to.

    Where it still has that name at the end, it is removed. Raises `OSError`.
    """
    name, descriptor = _draft(path, mode)
    try:
        yield name, descriptor
    finally:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
        finally:
            os.close(descriptor)


def clear_drafts(path: str) -> None:
    """Remove the drafts for `path` of ours whose writers were killed, as far as that can be done."""
    stem = _stem(path)
    with contextlib.suppress(OSError), os.scandir(os.path.dirname(path)) as entries:
        for name in [entry.path for entry in entries if entry.path.startswith(stem)]:
            with contextlib.suppress(OSError):  # it lives, or is none to remove
                _clear(name)


def _write(path: str, text: str, mode: int, put: "Callable[[str, str], None]") -> None:
    if path not in _cleared:
        clear_drafts(path)
        _cleared.add(path)
    with draft(path, mode) as (name, descriptor):
        with open(descriptor, "w", encoding="utf-8", closefd=False) as file:
            file.write(text)
        os.fsync(descriptor)
        put(name, path)
    _sync(os.path.dirname(path))


def _stem(path: str) -> str:
    directory, name = os.path.split(path)
    return os.path.join(directory, f".{name}.dsqltok-")


def _draft(path: str, mode: int) -> tuple[str, int]:
    while True:
        name = _stem(path) + os.urandom(8).hex()
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        # A file system without locks clears nothing away.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return name, descriptor
        os.close(descriptor)  # it was cleared away before it was locked


def _clear(name: str) -> None:
    # For writing, without which there is no lock to be had over NFS.
    descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if found.st_uid == os.getuid() and stat.S_ISREG(found.st_mode):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name)
    finally:
        os.close(descriptor)


def _sync(directory: str) -> None:
    """Have the directory's new entry outlast a crash of the machine."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
