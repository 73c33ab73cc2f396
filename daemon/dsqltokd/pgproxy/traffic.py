"""What passes through a gate, counted: for `status`, the metrics and the log. No query text, no secret."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STEPS = ("token", "tcp", "tls", "auth")


class Carrier(Protocol):
    """A session, which counts the bytes that it has carried: from the client, from the server."""

    carried: list[int]


class Traffic:
    """The counts of one gate since it was opened."""

    def __init__(self) -> None:
        self._sessions = 0
        self._open: set[Carrier] = set()
        self._bytes = [0, 0]  # of sessions that have ended
        self._refused: Counter[str] = Counter()
        self._steps = {step: [0, 0.0, 0.0] for step in STEPS}

    def step(self, step: str, seconds: float) -> None:
        """A step of the beginning of a session took so many seconds."""
        counted = self._steps[step]
        counted[0] += 1
        counted[1] += seconds
        counted[2] = max(counted[2], seconds)

    def begun(self, session: Carrier) -> None:
        """A session has begun."""
        self._sessions += 1
        self._open.add(session)

    def ended(self, session: Carrier) -> None:
        """A session has ended."""
        self._open.remove(session)
        self._bytes = [sum(pair) for pair in zip(self._bytes, session.carried, strict=True)]

    def refused(self, reason: str) -> None:
        """A client was sent away, or went."""
        self._refused[reason] += 1

    def shown(self) -> dict[str, Any]:
        """Return the counts."""
        from_client, from_server = map(sum, zip(self._bytes, *(each.carried for each in self._open), strict=True))
        return {
            "open": len(self._open),
            "sessions": self._sessions,
            "bytes_from_client": from_client,
            "bytes_from_server": from_server,
            "refused": dict(self._refused),
            "steps": {
                step: {"count": count, "seconds": round(total, 6), "longest": round(longest, 6)}
                for step, (count, total, longest) in self._steps.items()
            },
        }


def summary(seconds: float, carried: Sequence[int], steps: Mapping[str, float]) -> str:
    """Return what the log tells of a session that has ended after so many seconds."""
    split = ", ".join(f"{step} {taken * 1e3:.0f}" for step, taken in steps.items())
    return (
        f"a session ended after {seconds:.0f} s: {carried[0]} bytes from the client, {carried[1]} from the server, "
        f"{sum(steps.values()) * 1e3:.0f} ms to connect ({split})"
    )
