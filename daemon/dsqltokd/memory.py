"""Requests that were answered a moment ago, and their answers, for those who ask the same in the same words.

The rules:
- No request is kept, since it may hold secrets: a hash of its line is, keyed for this process.
- An answer is given again only while its ground holds, that is, where to handle the request anew would give the same
  bytes. This file does not know what that takes; who answers does, and says it with the answer.
- An answer holds a token, which is not to live on here: all is forgotten whenever something has changed, and every few
  seconds besides, and there is room for a few only. To learn one anew costs no more than to handle its request did.
- What is to be answered to nobody, later, or with an error is not remembered.
"""

from __future__ import annotations

import os
from _blake2 import blake2b  # as in schedule
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dsqltokd.channel import Channel

_MOST = 256


class Ground(Protocol):
    """What an answer rests on."""

    def holds(self, channel: Channel) -> bool:
        """Tell whether the same would be answered now. If so, `channel` gets it, and what is to be noted of that is."""


class Answer(dict[str, Any]):
    """The content of an answer that may be given again while `ground` holds."""

    def __init__(self, content: Mapping[str, Any], ground: Ground) -> None:
        super().__init__(content)
        self.ground = ground


class Known(NamedTuple):
    """A line that answered a request of `method`."""

    method: str
    line: bytes
    ground: Ground

    def __repr__(self) -> str:
        return f"Known({self.method!r})"


class Memory:
    """Answers by the lines that asked for them."""

    def __init__(self) -> None:
        self._hash = blake2b(key=os.urandom(32), digest_size=32)
        self._known: dict[bytes, Known] = {}

    @property
    def empty(self) -> bool:
        """Tell whether nothing is remembered."""
        return not self._known

    def recall(self, request: bytes, channel: Channel) -> Known | None:
        """Return what answers a request's line, None where it is to be handled."""
        if not self._known:
            return None
        digest = self._digest(request)
        known = self._known.get(digest)
        if known is None:
            return None
        if known.ground.holds(channel):
            return known
        del self._known[digest]
        return None

    def learn(self, request: bytes, method: str, line: bytes, answer: Answer) -> None:
        """Remember that `line`, which has `answer` in it, answers a request's line."""
        if len(self._known) < _MOST:
            self._known[self._digest(request)] = Known(method, line, answer.ground)

    def forget(self) -> None:
        """Forget everything."""
        self._known.clear()

    def _digest(self, request: bytes) -> bytes:
        hashed = self._hash.copy()
        hashed.update(request)
        return hashed.digest()
