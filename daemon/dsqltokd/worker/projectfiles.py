"""Opening the files of a project: atlas.hcl itself, which has to be trustworthy, and what it reads with `file()`.

`fileset()` and `glob()` look into directories.

The rules:
1. Whoever writes atlas.hcl decides where a token goes. So the file that was opened, the directory that holds it, and
   the one that holds a symlink's target, belong to this user or root, and nobody else may write there.
2. Only a regular file is opened, and what was opened is looked at again: a FIFO would block, a device never ends, and
   to open one may do something. A file is read only as far as there is room, and not while it changes.
3. Every file and directory opened or looked for is noted, with its identity from before it was read: whoever compares
   that later sees any change since.
4. What was read is noted too. A later job about the same version of the project is given these texts and opens nothing:
   by then the files may say something else, or nothing that makes sense. A directory's names are such a text, under its
   path with a slash at the end, which no file's has.
"""

from __future__ import annotations

import errno
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
    from collections.abc import Callable, Mapping

_LIMIT = 1 << 20  # bytes, of atlas.hcl
_LIMIT_OF_OTHERS = 4 << 20  # of all that `file()` reads
_MOST_PATHS = 2000  # that the core is to watch
_LONGEST_PATH = 4095  # characters, as on Linux
_LONGEST_PATHS = 256 << 10  # characters, of all of them
_MOST_LOOKS = 5  # at a file that changes while it is read
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
        self._room = _LIMIT_OF_OTHERS
        self._paths_room = _LONGEST_PATHS

    @property
    def directory(self) -> str:
        """The absolute path of the directory of atlas.hcl."""
        return str(self._directory)

    @property
    def length(self) -> int:
        """How many characters the noted texts have."""
        return sum(map(len, self.texts.values()))

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
            return _content(descriptor, _LIMIT, f"it is larger than {_LIMIT >> 20} MiB")
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
        if path in self.texts:
            return self.texts[path].encode(*_AS_TEXT).decode()
        descriptor = self._open(path)
        try:
            too_large = f"all that a project reads may not be larger than {_LIMIT_OF_OTHERS >> 20} MiB"
            content = _content(descriptor, self._room, too_large)
        finally:
            os.close(descriptor)
        self._room -= len(content)
        text = self.texts[path] = content.decode()
        return text

    def fingerprint(self, directory: str, word: str) -> tuple[str, str] | None:
        """Return path and SHA-256 of the file in the project that a program's word names; None where it names none."""
        if "\0" in word:
            return None
        path = _as_opened(os.path.join(directory, word))
        if not self._holds(path):
            return None
        try:
            descriptor = self._open(path)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            return path, hashlib.file_digest(file, "sha256").hexdigest()

    def _holds(self, path: str) -> bool:
        """Tell whether a path is in the project by its text, or leads there."""
        by_text, in_truth = Path(os.path.normpath(path)), Path(os.path.realpath(path))
        return by_text.is_relative_to(self._directory) or in_truth.is_relative_to(os.path.realpath(self._directory))

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
            self._note(path)
            found = _listing(path)
            self.texts[noted] = json.dumps(found)
        self._entries[path] = found
        return found

    def _open(self, path: str) -> int:
        found = self._note(path)
        if found is not None:
            _check_regular(found[-1])
        return os.open(path, _OPEN)

    def _note(self, path: str) -> Identity | None:
        """Return the path's identity, and note it if it was not noted before. OSError if there are too many."""
        if path not in self.seen:
            if len(path) > _LONGEST_PATH:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            self._paths_room -= len(path)
            if len(self.seen) >= _MOST_PATHS or self._paths_room < 0:
                raise OSError(0, f"a project may not look at more than {_MOST_PATHS} files and directories")
        found = identity(path)
        self.seen.setdefault(path, found)
        return found


def _as_opened(path: str) -> str:
    """Return a path without `.` and `..`, or as it is where it follows a symlink by a `..`: that is of its target."""
    plain = os.path.normpath(path)
    return plain if os.path.realpath(plain) == os.path.realpath(path) else path


def _content(descriptor: int, limit: int, too_large: str) -> bytes:
    """Return what the file says, at most `limit` bytes. OSError if it is no file, too large, or never the same."""

    def version() -> tuple[int, int, int]:
        found = os.fstat(descriptor)
        _check_regular(found.st_mode)
        if found.st_size > limit:
            raise OSError(0, too_large)
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def read() -> bytes:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            file.seek(0)
            content = file.read(limit + 1) or b""  # None where there is nothing yet, as some of the kernel's files say
        if len(content) > limit:
            raise OSError(0, too_large)
        return content

    return unchanged(read, version)


def unchanged(read: Callable[[], bytes], version: Callable[[], object]) -> bytes:
    """Return what `read` returns if `version` is the same before and after; else look again. OSError if it never is."""
    for _ in range(_MOST_LOOKS):
        before = version()
        content = read()
        if version() == before:
            return content
    raise OSError(0, "it changes while it is read")


def _check_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(0, "it is a directory" if stat.S_ISDIR(mode) else "it is no regular file")


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
