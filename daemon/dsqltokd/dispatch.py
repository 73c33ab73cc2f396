"""Which handler a request is for, and the counting of requests and jobs: how each ended, and how long it took."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from dsqltok.errors import DsqltokError
from dsqltokd.channel import UnknownMethodError
from dsqltokd.memory import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from dsqltokd.channel import Channel
    from dsqltokd.figures import Figures
    from dsqltokd.memory import Memory
    from dsqltokd.requests import Handler
    from dsqltokd.settings import Settings

_log = logging.getLogger(__name__)
_ALWAYS = ("daemon.", "config.", "tokens.flush")  # methods that are there for a configuration that makes no sense, too
_REMEMBERED = 5.0  # seconds at most that an answer is kept


class Dispatch:
    """The handlers by method, in `methods`."""

    def __init__(self, settings: Settings, figures: Figures, memory: Memory) -> None:
        self._settings = settings
        self._figures = figures
        self._memory = memory
        self._loop = asyncio.get_running_loop()
        self.methods: dict[str, Handler] = {}

    def handle(
        self, method: str, params: dict[str, Any], channel: Channel
    ) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        """Return a request's answer, or what has to be awaited for it.

        Raises `UnknownMethodError`, what is wrong with the configuration, and what the handler raises.
        """
        handler = self.methods.get(method)
        if handler is None:
            raise UnknownMethodError
        begin = self._loop.time()
        try:
            if not method.startswith(_ALWAYS):
                self._settings.check()
            answer = handler(params, channel)
        except DsqltokError as error:
            self._answered(method, error.kind, begin)
            raise
        if isinstance(answer, dict):
            self._answered(method, "ok", begin)
            return answer
        return self._counted(method, begin, answer)

    def recall(self, line: bytes, channel: Channel) -> bytes | None:
        """Return the line that answers a request's line where that is remembered, and count the request."""
        begin = self._loop.time()
        known = self._memory.recall(line, channel)
        if known is None:
            return None
        self._answered(known.method, "ok", begin)
        return known.line

    def learn(self, line: bytes, method: str, answered: bytes, answer: dict[str, Any]) -> None:
        """Remember the line that answered a request's line, if it may be given again."""
        if isinstance(answer, Answer):
            if self._memory.empty:
                self._loop.call_later(_REMEMBERED, self._memory.forget)
            self._memory.learn(line, method, answered, answer)

    def job_done(self, kind: str, result: str, seconds: float) -> None:
        """A worker has done a job."""
        self._figures.job(kind, result, seconds)
        _log.debug("%s job: %s in %.1f ms", kind, result, seconds * 1e3)

    async def _counted(self, method: str, begin: float, answer: Awaitable[dict[str, Any]]) -> dict[str, Any]:
        result = "ok"
        try:
            return await answer
        except DsqltokError as error:
            result = error.kind
            raise
        finally:
            self._answered(method, result, begin)

    def _answered(self, method: str, result: str, begin: float) -> None:
        seconds = self._loop.time() - begin
        self._figures.request(method, result, seconds)
        _log.debug("%s: %s in %.1f ms", method, result, seconds * 1e3)
