"""What the log has of a gate: so much a minute, since whoever connects in a loop is not to fill the disk."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)
_MINUTE = 60.0
_MOST_ENDS = 30  # of sessions, in a minute


class Tidings:
    """Logs for the gate of this name. `time` gives the moment, in seconds."""

    def __init__(self, name: str, time: Callable[[], float]) -> None:
        self._name = name
        self._time = time
        self._complained: dict[str, float] = {}
        self._since = float("-inf")  # when the minute began in which so many ends were told of
        self._ends = 0

    def complain(self, reason: str, told: str, fault: BaseException | None = None) -> None:
        """Log what is wrong, once a minute for each reason. `fault` is an exception that should not have been."""
        now = self._time()
        if now - self._complained.get(reason, float("-inf")) >= _MINUTE:
            self._complained[reason] = now
            _log.log(logging.ERROR if fault else logging.INFO, "%s: %s", self._name, told, exc_info=fault)

    def ended(self, summary: str) -> None:
        """Log the end of a session, but of some a minute only: the rest is counted."""
        now = self._time()
        if now - self._since >= _MINUTE:
            untold, self._since, self._ends = max(0, self._ends - _MOST_ENDS), now, 0
            summary += f" ({untold} more ended unmentioned before)" if untold else ""
        self._ends += 1
        if self._ends <= _MOST_ENDS:
            _log.info("%s: %s", self._name, summary)
