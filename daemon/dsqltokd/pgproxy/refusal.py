"""Why somebody gets no session: as a word that is counted, a line for the log, and words for the client. Pure.

What a server says may quote what the client or the project sent, so it is for the client alone.
"""

from __future__ import annotations

import errno
from typing import NamedTuple

from dsqltok.errors import CredentialsError, DeniedError, DsqltokError
from dsqltokd.pgproxy import wire

MOST = 2000
"""Connections at once."""

OUT_OF_FILES = (errno.EMFILE, errno.ENFILE)
"""What an error says where there is no file descriptor left."""


class Refusal(NamedTuple):
    """`reason` is counted; `told`, if any, is logged, and so is `fault`; `words` are the client's, if they help."""

    reason: str
    told: str = ""
    words: bytes = b""
    fault: Exception | None = None


ENDING = wire.fatal("57P01", "terminating connection: the proxy is ending", "connect again")
FULL = Refusal(
    "too many",
    f"a client is sent away: there are {MOST} connections",
    wire.fatal("53300", f"the proxy has {MOST} connections", "close some, or run a second proxy at another port"),
)
SHORT = Refusal(
    "no descriptors",
    "a client is sent away: too many open files in the proxy; raise ulimit -n",
    wire.fatal("53300", "too many open files in the proxy", "raise ulimit -n"),
)
CROWDED = Refusal(DeniedError.kind, "a client is hung up on: too many of others, or unknown yet, are there")
GONE = Refusal("gone")
_SILENT = Refusal("silent", "a client is sent away: it says nothing")


def of(error: Exception) -> Refusal:
    """Return what an error on the way to a session comes to."""
    match error:
        case wire.GarbageError():
            words = wire.fatal("08P01", error.message, "connect with a PostgreSQL client, without TLS")
            told = f"a client is sent away: {error.message}"
            return Refusal("no startup packet", told, words if error.answer else b"")
        case wire.RefusedError():
            told = f"the server refuses a session (SQLSTATE {error.said.code}), and the client is told why"
            return Refusal("by the server", told, wire.error(error.said))
        case DsqltokError():
            return Refusal(error.kind, error.message, wire.fatal(_code(error), error.message, error.hint))
        case OSError() if error.errno in OUT_OF_FILES:
            return SHORT
        case OSError() | EOFError():
            return _SILENT if isinstance(error, TimeoutError) else GONE
        case _:
            words = wire.fatal("XX000", f"the proxy failed ({type(error).__name__})", "please report this")
            told = "a client is sent away by a fault of the proxy's own"
            return Refusal("a fault of the proxy's", told, words, error)


def _code(error: DsqltokError) -> str:
    """Return the SQLSTATE of an error of ours."""
    if isinstance(error, CredentialsError | DeniedError):
        return "28000"  # invalid authorization
    if error.retryable:
        return "08001"  # no connection to be had
    return "08004"  # connection rejected
