"""Whether the AWS files can be read at all.

botocore takes a file that it may not read, a directory and a FIFO for a file that is not there, and would sign as
somebody else than the one whom the file names; and it has no bound for how long it reads.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from dsqltok.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST = 2 << 20  # bytes: twenty thousand profiles, which take botocore two seconds


def check(paths: Iterable[str]) -> None:
    """Raise `ConfigurationError` where a file is there but cannot be read. A device, /dev/null for one, is empty."""
    for path in paths:
        trouble = _trouble(path)
        if trouble is not None:
            what, hint = trouble
            raise ConfigurationError(f"the AWS file {path} cannot be read: {what}", hint=hint, retryable=True)


def _trouble(path: str) -> tuple[str, str] | None:
    try:
        found = os.stat(path)
        if stat.S_ISCHR(found.st_mode):
            return None
        if not stat.S_ISREG(found.st_mode):
            return "it is no regular file", "put a file there, or nothing at all"
        if found.st_size > _MOST:
            return f"it is larger than {_MOST >> 20} MiB", "take out the profiles that nobody uses"
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return (error.strerror or "it is not known why").lower(), "check its owner and permissions"
    return None
