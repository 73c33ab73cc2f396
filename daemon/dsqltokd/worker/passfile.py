"""The `passfile` job: put what is ours into a file of the user's, and take it out again. It holds tokens.

    in   path, and one of
         lines (of a passfile: what each is for, and the line; none takes ours out)
         entry (of a service file: its name), values (its parameters; null takes it out)
    out  seen (the file's identity after that, null for none)
         or error: ConfigurationError for a file that is not to be written to, UnavailableError for what may pass

The rules:
- The new text is written beside the file, flushed, and put in its place in one step: after a crash the file is the old
  one or the new one, whole. It has the old one's mode, and 0600 from its first instant.
- Where the path is a symlink, what it leads to is written.
- What somebody else writes meanwhile is not lost: right before the last step the file must still be the one that was
  read, else all begins anew. The system has no way to do both at once, so that a window of microseconds remains.
- A passfile that others may read is ignored by its readers, and gets no token. What is ours in there is taken out.
- Whoever wants something taken out is not to be stopped by what only matters to who puts something in.
"""

from __future__ import annotations

import os
import stat
from typing import Any, NamedTuple

from dsqltok.errors import ConfigurationError, DsqltokError, UnavailableError
from dsqltok.files import clear_drafts, draft
from dsqltokd import passtext
from dsqltokd.files import Identity, identity

_MOST = 1 << 20
_TRIES = 20


class _Found(NamedTuple):
    """A file as it was read; both are None where there is none."""

    text: bytes | None
    seen: Identity | None
    mode: int


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job. See the module's docstring for its shape."""
    path = job["path"]
    adds = bool(job["lines"]) if "lines" in job else job["values"] is not None
    try:
        loose = _put(path, job, adds=adds)
        if loose:
            raise ConfigurationError(
                f"others may read {path}, so that psql and the like ignore it", hint=f"chmod 600 {path}"
            )
    except OSError as error:
        raise _as_ours(path, error) from error
    return {"seen": identity(path)}


def _put(path: str, job: dict[str, Any], *, adds: bool) -> bool:
    """Bring the file to what the job wants. Tell whether it is too open to have a token, and so has none now."""
    target = os.path.realpath(path)
    clear_drafts(target)
    for _ in range(_TRIES):
        found = _read(path, target, adds=adds)
        loose = "lines" in job and adds and bool(found.mode & 0o077)
        wanted = _wanted(path, found.text, job, empty=loose)
        if wanted == found.text or _replace(target, found, wanted):
            return loose
    raise UnavailableError(f"{path} changes all the time", hint="see what writes to it")


def _wanted(path: str, text: bytes | None, job: dict[str, Any], *, empty: bool) -> bytes | None:
    if "lines" in job:
        return passtext.with_lines(text, () if empty else job["lines"])
    try:
        return passtext.with_entry(text, job["entry"], job["values"])
    except DsqltokError as error:
        raise ConfigurationError(f"{path}: {error.message}", hint=error.hint) from None


def _read(path: str, target: str, *, adds: bool) -> _Found:
    """Return what is in the file. Raises `ConfigurationError` where it is none to write to."""
    try:
        there = os.stat(target)
        if not stat.S_ISREG(there.st_mode):
            if adds:
                what = "a directory" if stat.S_ISDIR(there.st_mode) else "no plain file"
                raise ConfigurationError(f"{path} is {what}", hint="move it away")
            return _Found(None, None, 0)  # nothing of ours is in there
        fd = os.open(target, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return _Found(None, None, 0)
    with os.fdopen(fd, "rb") as file:
        about = os.fstat(fd)
        text = file.read(_MOST + 1)
    if len(text) > _MOST:
        raise ConfigurationError(f"{path} is longer than {_MOST >> 20} MiB", hint="is it what you meant?")
    if about.st_uid != os.getuid():
        raise ConfigurationError(f"{path} belongs to another user", hint="make it yours, or move it away")
    if adds and not os.access(target, os.W_OK):
        raise ConfigurationError(f"{path} is write-protected", hint=f"chmod u+w {path}")
    return _Found(text, _identity(about), stat.S_IMODE(about.st_mode))


def _identity(found: os.stat_result) -> Identity:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode)


def _replace(target: str, found: _Found, text: bytes | None) -> bool:
    """Put `text` in the place of what was found; tell whether it was still there."""
    if text is None:
        if identity(target) != found.seen:
            return False
        os.unlink(target)
    else:
        with draft(target, 0o600) as (name, descriptor):
            _write(descriptor, text, found.mode or 0o600)
            if identity(target) != found.seen:
                return False
            os.rename(name, target)
    _sync(os.path.dirname(target))
    return True


def _write(descriptor: int, text: bytes, mode: int) -> None:
    with open(descriptor, "wb", closefd=False) as file:
        file.write(text)
    os.fchmod(descriptor, mode)
    os.fsync(descriptor)


def _sync(directory: str) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _as_ours(path: str, error: OSError) -> DsqltokError:
    hint = "check the disk and the directory's permissions; dsqltok as a service writes below your home and /tmp only"
    return UnavailableError(f"cannot write {path}: {(error.strerror or '').lower()}", hint=hint, retryable=True)
