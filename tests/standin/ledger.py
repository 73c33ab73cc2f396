"""What AWS would know: which credentials exist. And a clock that a test can move."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .sigv4 import Credentials


class Ledger:
    """The credentials that the endpoint accepts; may be filled while it runs, from any thread."""

    def __init__(self) -> None:
        self._known: dict[str, Credentials] = {}
        self._sources: list[Callable[[str], Credentials | None]] = []

    def add(self, credentials: Credentials) -> None:
        """Issue `credentials`, in place of any with the same access key id."""
        self._known[credentials.access_key_id] = credentials

    def remove(self, access_key_id: str) -> None:
        """Forget credentials that `add` issued: their tokens are refused from now on."""
        del self._known[access_key_id]

    def also_ask(self, source: Callable[[str], Credentials | None]) -> None:
        """Let `source` (for instance `Sts.find`) answer for access key ids that nobody added."""
        self._sources.append(source)

    def find(self, access_key_id: str) -> Credentials | None:
        """Return the credentials of an access key id, or None if they were never issued."""
        answers = (source(access_key_id) for source in self._sources)
        return self._known.get(access_key_id) or next(filter(None, answers), None)


class Clock:
    """The wall clock in Unix seconds, which a test can run ahead of everybody else's."""

    def __init__(self) -> None:
        self._shift_s = 0.0

    def __call__(self) -> float:
        return time.time() + self._shift_s

    @contextlib.contextmanager
    def ahead(self, seconds: float) -> Iterator[None]:
        """Show a time `seconds` later than it is (earlier, if negative) until the block ends."""
        before, self._shift_s = self._shift_s, self._shift_s + seconds
        try:
            yield
        finally:
            self._shift_s = before
