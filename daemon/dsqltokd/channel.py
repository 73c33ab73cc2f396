"""What a handler of requests may do, what it may raise, and how that is answered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from dsqltok import protocol
from dsqltok.errors import DsqltokError, UsageError
from dsqltokd.limits import shortage

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class Channel(Protocol):
    """What a handler may do with the connection that a request came from."""

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification."""

    def program(self) -> str | None:
        """Return the name of the program at the other end, None where that cannot be known."""

    def on_close(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when the connection ends; where it waits for too much already, now: `UsageError`."""


class UnknownMethodError(Exception):
    """The handler has no such method."""


class LeavingError(Exception):
    """The daemon ends before it does what it was asked for: the next one may do it."""


def failure(request_id: object, method: str, error: Exception) -> bytes:
    """Return the answer to a request of `method` whose handler raised `error`. One that nobody foresaw is logged."""
    if isinstance(error, UnknownMethodError):
        unknown = UsageError(f'there is no method "{method}"', hint="PROTOCOL in the README lists them")
        return protocol.failure(request_id, unknown, protocol.METHOD_NOT_FOUND)
    if isinstance(error, DsqltokError):
        return protocol.failure(request_id, error)
    told = shortage(error)
    if told is not None:
        return protocol.failure(request_id, told)
    _log.error("%s failed: %s", method, type(error).__name__)
    bug = DsqltokError(f"the daemon failed ({type(error).__name__})", hint="please report this, with the daemon's log")
    return protocol.failure(request_id, bug)
