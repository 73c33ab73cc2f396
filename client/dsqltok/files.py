"""Writing a file so that nobody ever sees, and no crash ever leaves, a part of it."""

import os

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Callable


def write_atomically(path: str, text: str, mode: int) -> None:
    """Put `text` in the place of `path`, in a directory that exists: a crash leaves the old file or the new one, whole.

    It has `mode` from its first instant, less what the umask takes. Raises `OSError`, and then nothing is left
    beside `path`. Killed in between, a process may leave its draft there: `path`, a dot, and its number.
    """
    _write(path, text, mode, os.replace)


def create_atomically(path: str, text: str, mode: int) -> None:
    """Do the same where nothing is there yet, not even a link that leads nowhere. Raises `FileExistsError` besides."""
    _write(path, text, mode, _give_another_name)


def _write(path: str, text: str, mode: int, put: "Callable[[str, str], None]") -> None:
    draft = f"{path}.{os.getpid()}"
    _remove(draft)  # of an earlier process that had this number: its mode may be another
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        put(draft, path)
    except BaseException:
        _remove(draft)
        raise
    _sync(os.path.dirname(path))


def _give_another_name(draft: str, path: str) -> None:
    os.link(draft, path)  # a rename would replace what somebody put there meanwhile
    os.unlink(draft)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _sync(directory: str) -> None:
    """Have the directory's new entry outlast a crash of the machine."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
