"""What passes through a gate, counted: for `status`, the metrics and the log. No query text, no secret."""

from __future__ import annotations

from collections import Counter
from typing import Any

STEPS = ("token", "tcp", "tls", "auth")


class Traffic:
    """The counts of one gate since it was opened."""

    def __init__(self) -> None:
        self._sessions = 0
        self._open = 0
        self._bytes = [0, 0]
        self._refused: Counter[str] = Counter()
        self._steps = {step: [0, 0.0, 0.0] for step in STEPS}

    def step(self, step: str, seconds: float) -> None:
        """A step of the beginning of a session took so many seconds."""
        counted = self._steps[step]
        counted[0] += 1
        counted[1] += seconds
        counted[2] = max(counted[2], seconds)

    def begun(self) -> None:
        """A session has begun."""
        self._sessions += 1
        self._open += 1

    def ended(self, from_client: int, from_server: int) -> None:
        """A session has ended, after so many bytes."""
        self._open -= 1
        self._bytes[0] += from_client
        self._bytes[1] += from_server

    def refused(self, reason: str) -> None:
        """A client was sent away, or went."""
        self._refused[reason] += 1

    def shown(self) -> dict[str, Any]:
        """Return the counts. Bytes are those of sessions that have ended."""
        return {
            "open": self._open,
            "sessions": self._sessions,
            "bytes_from_client": self._bytes[0],
            "bytes_from_server": self._bytes[1],
            "refused": dict(self._refused),
            "steps": {
                step: {"count": count, "seconds": round(total, 6), "longest": round(longest, 6)}
                for step, (count, total, longest) in self._steps.items()
            },
        }
