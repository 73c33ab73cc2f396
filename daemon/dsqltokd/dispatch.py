"""Which handler a request is for, and the counting of requests and jobs: how each ended, and how long it took."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from dsqltok.errors import DsqltokError
from dsqltokd.channel import UnknownMethodError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from dsqltokd.channel import Channel
    from dsqltokd.figures import Figures
    from dsqltokd.requests import Handler
    from dsqltokd.settings import Settings

_log = logging.getLogger(__name__)
_ALWAYS = ("daemon.", "config.", "tokens.flush")  # methods that are there for a configuration that makes no sense, too


class Dispatch:
    """The handlers by method, in `methods`."""

    def __init__(self, settings: Settings, figures: Figures) -> None:
        self._settings = settings
        self._figures = figures
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
