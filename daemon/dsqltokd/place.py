"""The one place on this machine where a user's daemon is found: its directory, its lock, its socket.

The rules:
- The directory is made 0700, not changed to it afterwards, and refused where it is not ours alone.
- Whoever holds the lock is the daemon. The file is never removed: a lock on a removed file guards nothing.
- A socket is removed only by who holds the lock and finds that nobody answers at it.
- What is at the path may be gone or be another's later: `standing` tells by the inode.
- A socket that systemd made stays systemd's: it is neither made again nor removed here.
"""

from __future__ import annotations

import enum
import errno
import fcntl
import os
import socket
import stat
import time

from dsqltok import files, paths
from dsqltok.errors import ConfigurationError, UnavailableError

_BACKLOG = 1024
_POLL = 0.05


class Standing(enum.Enum):
    """What is at the socket's path."""

    OURS = "ours"
    GONE = "gone"
    TAKEN = "taken"


class Place:
    """The directory, the lock and the socket of this process. `listener` is one that systemd handed over."""

    def __init__(self, listener: socket.socket | None = None) -> None:
        self.socket_path = paths.socket_path()
        self.lock_path = paths.lock_path()
        self._inode: tuple[int, int] | None = None
        self._lock = -1
        self._listener = listener

    @property
    def inherited(self) -> bool:
        """Tell whether the socket is systemd's."""
        return self._listener is not None

    def enter(self, patience: float) -> bool:
        """Become the daemon; tell whether that worked, or another one serves.

        Waits up to `patience` seconds for one that holds the lock and does not serve: it is starting, or leaving.
        Raises `ConfigurationError` where the directory cannot be used, `UnavailableError` where the wait was in vain.
        """
        _make_private(os.path.dirname(self.socket_path))
        self._lock = _open_lock(self.lock_path)
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not self.inherited and answers(self.socket_path):
                    return False
            else:
                return True
            if time.monotonic() >= end:
                raise UnavailableError(
                    "another dsqltokd holds the lock and does not serve",
                    hint=f"see who does: fuser {self.lock_path}",
                )
            time.sleep(_POLL)

    def bind(self) -> socket.socket:
        """Return a listening socket at the path, in place of a stale one, or systemd's.

        Raises `UnavailableError`, and `ConfigurationError` where systemd's is elsewhere.
        """
        if self._listener is not None:
            if self._listener.getsockname() != self.socket_path:
                hint = "ListenStream= in dsqltokd.socket must be %t/dsqltok/dsqltokd.sock, where clients look"
                raise ConfigurationError(f"systemd listens at {self._listener.getsockname()}", hint=hint)
            self._inode = files.inode(self.socket_path)
            return self._listener
        if answers(self.socket_path):
            raise UnavailableError(
                f"something else serves at {self.socket_path}", hint="end it, or find out what it is, and try again"
            )
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _remove(self.socket_path)
            listener.bind(self.socket_path)
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            hint = "set XDG_RUNTIME_DIR to a directory of yours with a shorter path"
            raise UnavailableError(f"cannot listen at {self.socket_path}: {error}", hint=hint) from error
        self._inode = files.inode(self.socket_path)
        return listener

    def standing(self) -> Standing:
        """Tell what is at the path now."""
        found = files.inode(self.socket_path)
        if found is None:
            return Standing.GONE
        return Standing.OURS if found == self._inode else Standing.TAKEN

    def holds(self) -> bool:
        """Tell whether the lock that is held is still the one that others would try."""
        try:
            there = os.stat(self.lock_path)
        except OSError:
            return False
        ours = os.fstat(self._lock)
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def leave(self) -> None:
        """Remove the socket if it is still ours to remove."""
        if not self.inherited and self.standing() is Standing.OURS:
            _remove(self.socket_path)

    def release(self) -> None:
        """Let the next daemon have the lock: nothing that it would meet is written from now on."""
        os.close(self._lock)
        self._lock = -1


def answers(path: str) -> bool:
    """Tell whether somebody listens at `path`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except OSError as error:
            # A full backlog means that somebody is there, though too busy to say so.
            return isinstance(error, TimeoutError) or error.errno == errno.EAGAIN
        return True


def _make_private(directory: str) -> None:
    try:
        os.makedirs(os.path.dirname(directory), mode=0o700, exist_ok=True)
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            pass  # judged below, whoever made it
        found = os.lstat(directory)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make {directory}: {error.strerror}", hint="check who owns what is above it"
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigurationError(
            f"{directory} is not a directory of yours alone",
            hint=f"chmod 700 {directory}, or remove it if it is not yours",
        )


def _open_lock(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"cannot open {path}: {error.strerror}", hint="it must be a plain file of yours, or not be there at all"
        ) from error


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # that is what was wanted
