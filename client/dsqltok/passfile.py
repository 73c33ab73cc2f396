"""A private passfile of libpq's for one session, which keeps a fresh token in it.

Each session has a directory of its own, locked while it lives. What a killed session left behind is removed when the
next one begins; looking for it and making a new one happen under one lock, so that nobody takes a new one for dead.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
from typing import TYPE_CHECKING, Self

from dsqltok import files, paths

if TYPE_CHECKING:
    from collections.abc import Iterator


def line(parameters: dict[str, str], token: str) -> str:
    """Return the line for the host, port and user of libpq's `parameters`, and any database."""
    host, port, user = (_escaped(parameters[name]) for name in ("host", "port", "user"))
    return f"{host}:{port}:*:{user}:{_escaped(token)}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")


class Passfile:
    """The passfile of one session, as a context manager: it and its directory are gone at the end.

    `path` is where it is. It may be written to from several threads.
    """

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._lives = True
        base = f"{paths.runtime_dir()}/sessions"
        os.makedirs(base, mode=0o700, exist_ok=True)
        with _locked(base):
            _sweep(base)
            self._directory = tempfile.mkdtemp(dir=base)
            self._lock = _lock(self._directory)
        self.path = f"{self._directory}/pgpass"

    def write(self, text: str) -> None:
        """Put `text` in the place of what is there, unless the session is over. Raises `OSError`."""
        with self._writing:
            if self._lives:
                files.write_atomically(self.path, text, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._writing:
            self._lives = False
            shutil.rmtree(self._directory, ignore_errors=True)
            os.close(self._lock)


def _sweep(base: str) -> None:
    """Remove what sessions that are dead have left."""
    for name in os.listdir(base):
        directory = f"{base}/{name}"
        try:
            held = _lock(directory)
        except OSError:
            continue  # it lives
        shutil.rmtree(directory, ignore_errors=True)
        os.close(held)


def _lock(path: str, how: int = fcntl.LOCK_EX | fcntl.LOCK_NB) -> int:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def _locked(path: str) -> "Iterator[None]":
    held = _lock(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(held)
