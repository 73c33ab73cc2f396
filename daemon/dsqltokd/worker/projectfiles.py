"""Opening the files of a project: atlas.hcl itself, which has to be trustworthy, and what it reads with `file()`.

`fileset()` and `glob()` look into directories.

The rules:
1. Whoever writes atlas.hcl decides where a token goes. So the file that was opened, the directory that holds it, and
   the one that holds a symlink's target, belong to this user or root, and nobody else may write there.
2. Only a regular file is read, and what is checked is what was opened: a FIFO would block and a device never ends.
3. Every file and directory opened or looked for is noted, with its identity from before it was read: whoever compares
   that later sees any change since.
4. What was read is noted too. A later job about the same version of the project is given these texts and opens nothing:
   by then the files may say something else, or nothing that makes sense. A directory's names are such a text, under its
   path with a slash at the end, which no file's has.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from dsqltok.errors import ConfigurationError, DeniedError, NotFoundError
from dsqltokd.files import Identity, identity

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMIT = 4 << 20
_MOST_DIRECTORIES = 1000
_MOST_ENTRIES = 100_000
_AS_TEXT = ("utf-8", "surrogateescape")  # what is no UTF-8 is for the parser to complain about
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class ProjectFiles:
    """The files of the project whose atlas.hcl has the absolute path `path`, or, where given, their noted `texts`."""

    def __init__(self, path: str, texts: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._directory = Path(path).parent
        self._given = texts
        self.seen: dict[str, Identity | None] = {}
        self.texts: dict[str, str] = {}
        self._entries: dict[str, dict[str, bool | None] | None] = {}

    @property
    def directory(self) -> str:
        """The absolute path of the directory of atlas.hcl."""
        return str(self._directory)

    def read_config(self) -> bytes:
        """Return the content of atlas.hcl; NotFoundError, DeniedError or ConfigurationError."""
        if self._given is not None:
            return self._given[self._path].encode(*_AS_TEXT)
        content = self._read_trusted()
        self.texts[self._path] = content.decode(*_AS_TEXT)
        return content

    def _read_trusted(self) -> bytes:
        try:
            descriptor = self._open(self._path)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError(f"there is no file {self._path}", hint="give its path with --config FILE") from None
        except OSError as error:
            raise self._unreadable(error) from None
        try:
            _check_owner(self._path, os.fstat(descriptor))
            for directory in dict.fromkeys((self._directory, Path(self._path).resolve().parent)):
                _check_owner(str(directory), directory.stat())
            return _content(descriptor)
        except OSError as error:
            raise self._unreadable(error) from None
        finally:
            os.close(descriptor)

    def _unreadable(self, error: OSError) -> ConfigurationError:
        hint = f"it must be a plain file of at most {_LIMIT >> 20} MiB that you may read"
        return ConfigurationError(f"{self._path} cannot be read: {_reason(error)}", hint=hint)

    def read_text(self, name: str) -> str:
        """Return the text of a file named relative to the directory of atlas.hcl; OSError or UnicodeDecodeError."""
        # As Atlas does, `..` is resolved in the text of the path, before any symlink.
        path = os.path.normpath(self._directory / name)
        if self._given is not None:
            if path not in self._given:
                raise FileNotFoundError(path)
            return self._given[path]
        descriptor = self._open(path)
        try:
            text = self.texts[path] = _content(descriptor).decode()
        finally:
            os.close(descriptor)
        return text

    def fingerprint(self, directory: str, word: str) -> tuple[str, str] | None:
        """Return path and SHA-256 of the file in the project that a program's word names; None where it names none."""
        path = os.path.normpath(os.path.join(directory, word))
        if "\0" in word or not Path(path).is_relative_to(self._directory):
            return None
        try:
            descriptor = self._open(path)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            return path, hashlib.file_digest(file, "sha256").hexdigest()

    def entries(self, path: str) -> dict[str, bool | None] | None:
        """Return by name whether what is in a directory leads to a directory, None if nowhere; None for no directory.

        OSError if it is too much, or too many directories: whoever writes `**` may not know how much there is.
        """
        if path in self._entries:
            return self._entries[path]
        noted = os.path.join(path, "")
        if self._given is not None:
            found: dict[str, bool | None] | None = json.loads(self._given.get(noted, "null"))
        else:
            if len(self._entries) >= _MOST_DIRECTORIES:
                raise OSError(0, f"the pattern leads into more than {_MOST_DIRECTORIES} directories")
            self.seen.setdefault(path, identity(path))
            found = _listing(path)
            self.texts[noted] = json.dumps(found)
        self._entries[path] = found
        return found

    def _open(self, path: str) -> int:
        self.seen.setdefault(path, identity(path))
        return os.open(path, _OPEN)


def _content(descriptor: int) -> bytes:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(0, "it is a directory" if stat.S_ISDIR(found.st_mode) else "it is no regular file")
    with os.fdopen(os.dup(descriptor), "rb") as file:
        content = file.read(_LIMIT + 1)
    if len(content) > _LIMIT:
        raise OSError(0, f"it is larger than {_LIMIT >> 20} MiB")
    return content


def _listing(path: str) -> dict[str, bool | None] | None:
    found: dict[str, bool | None] = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                found[entry.name] = _leads_to_directory(entry)
                if len(found) > _MOST_ENTRIES:
                    break
    except OSError:
        return None
    if len(found) > _MOST_ENTRIES:
        raise OSError(0, f"a directory has more than {_MOST_ENTRIES} entries")
    return found


def _leads_to_directory(entry: os.DirEntry[str]) -> bool | None:
    try:
        return stat.S_ISDIR(entry.stat().st_mode)
    except OSError:
        return None


def _check_owner(path: str, found: os.stat_result) -> None:
    if found.st_uid not in (os.getuid(), 0):
        raise DeniedError(
            f"{path} belongs to another user, who could send your token elsewhere",
            hint="copy the project to a directory of your own",
        )
    if found.st_mode & stat.S_IWOTH:
        raise DeniedError(
            f"{path} is world-writable, so anyone could send your token elsewhere",
            hint=f"chmod o-w {shlex.quote(path)}",
        )


def _reason(error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return reason[:1].lower() + reason[1:]
