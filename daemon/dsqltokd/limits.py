"""How much one client may take of the daemon, and all together; and where the system itself has no more."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from dsqltok.errors import UnavailableError

SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN})


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take.

    `pending` is how many requests of one connection are worked on at a time, and how many may watch; `unread` is how
    many bytes of answers wait for one that does not read. A request has `request_seconds` to arrive, the next one
    `idle_seconds` to begin; whether they do is looked at every `sweep_seconds`. Where all `connections` are taken, one
    that has asked for nothing yet is spared for `first_seconds`. An answer that takes `notice_seconds` is announced to
    who wants it.
    """

    connections: int = 1024
    pending: int = 256
    unread: int = 4 << 20
    first_seconds: float = 0.5
    request_seconds: float = 10.0
    idle_seconds: float = 300.0
    sweep_seconds: float = 5.0
    notice_seconds: float = 0.3


def shortage(error: BaseException) -> UnavailableError | None:
    """Return what to tell a caller where `error` says that the system has too little of something, else None."""
    if not isinstance(error, OSError) or error.errno not in SHORTAGES:
        return None
    return UnavailableError(
        f"the system gives the daemon no more: {error.strerror}",
        hint="see what takes the open files, processes and memory that ulimit -a allows, and try again",
    )
