"""Who asked for which token last, for the status to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dsqltokd import clock

if TYPE_CHECKING:
    from dsqltokd.channel import Channel
    from dsqltokd.model import Target

_GRAIN = 1.0  # seconds: to look at who asks costs more than the answer, so not every one of a burst is looked at
_MOST = 10_000


class Use(NamedTuple):
    """The last use of a token: for which env, by which program where that is known, and when."""

    env: str | None
    program: str | None
    at: float


class Uses:
    """The last use of each target."""

    def __init__(self) -> None:
        self._last: dict[Target, Use] = {}

    def note(self, target: Target, env: str | None, channel: Channel) -> None:
        """Somebody has asked for a token of `target`."""
        now = clock.now().wall
        last = self._last.get(target)
        if last is not None and last.env == env and 0 <= now - last.at < _GRAIN:
            return
        self._last[target] = Use(env, channel.program(), now)
        while len(self._last) > _MOST:
            del self._last[next(iter(self._last))]

    def last(self, target: Target) -> Use | None:
        """Return the last use of `target`, None where there was none since the start."""
        return self._last.get(target)
