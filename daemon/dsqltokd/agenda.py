"""When there is something to do for each identity, worked out anew only where it may have become another moment.

The rules:
- What was worked out holds for one state, which never changes itself, and one policy, and for as long as the two clocks
  go alike: a step of the wall clock, or a sleep that it did not count, puts all moments in doubt.
- It is the boot clock's, so that a sleep brings it nearer though timers stop meanwhile.
- A moment that came too early, since one clock is a little slower than the other, is to be worked out again (`drop`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dsqltokd import state

if TYPE_CHECKING:
    from dsqltokd.known import State
    from dsqltokd.model import Identity, Instant, Policy

_APART = 1.0  # seconds by which the clocks may come apart: more than they are corrected by in passing


class Moments(NamedTuple):
    """When something is due, and when something is over, by the boot clock; infinite where only an event tells."""

    due: float
    over: float


class _Entry(NamedTuple):
    known: State
    policy: Policy
    ahead: float  # of the boot clock, by which the wall clock was
    moments: Moments


class Agenda:
    """The moments of each identity."""

    def __init__(self) -> None:
        self._entries: dict[Identity, _Entry] = {}

    def moments(self, identity: Identity, known: State, now: Instant, policy: Policy) -> Moments:
        """Return when `state.due` may name something for an identity, and when `state.forget` may drop something.

        One that only a request refreshes has nothing due.
        """
        entry, ahead = self._entries.get(identity), now.wall - now.boot
        if (
            entry is None
            or entry.known is not known
            or entry.policy != policy
            or not -_APART < entry.ahead - ahead < _APART
        ):
            wait = state.wake_in(known, now, policy) if identity.seal is None else None
            due = float("inf") if wait is None else now.boot + wait
            moments = Moments(due, now.boot + state.forget_in(known, now, policy))
            entry = self._entries[identity] = _Entry(known, policy, ahead, moments)
        return entry.moments

    def drop(self, identity: Identity) -> None:
        """Work the moments of an identity out anew when they are asked for next."""
        self._entries.pop(identity, None)
