"""Writing a file so that nobody ever sees, and no crash ever leaves, a part of it."""

import os


def write_atomically(path: str, text: str, mode: int) -> None:
    """Put `text` in the place of `path`, in a directory that exists: a crash leaves the old file or the new one, whole.

    It has `mode` from its first instant, less what the umask takes. Raises `OSError`, and then nothing is left
    beside `path`. Killed in between, a process may leave its draft there: `path`, a dot, and its number.
    """
    draft = f"{path}.{os.getpid()}"
    _remove(draft)  # of an earlier process that had this number: its mode may be another
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(draft, path)
    except BaseException:
        _remove(draft)
        raise
    _sync(os.path.dirname(path))


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
