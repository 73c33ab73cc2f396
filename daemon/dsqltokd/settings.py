"""The configuration as it is now: the last good version of `config.toml`, which is read again when it changes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from dsqltok.errors import DsqltokError
from dsqltokd import config
from dsqltokd.files import identity

if TYPE_CHECKING:
    from dsqltokd.config import Config

_log = logging.getLogger(__name__)


class Settings:
    """What `path` says. `seen` is the file's identity from before it was read, `error` what is wrong with it since.

    Raises `ConfigurationError` where it is wrong from the start.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.seen = identity(path)
        self.now: Config = config.load(path)
        self._heed()
        self.error: DsqltokError | None = None

    async def reload(self) -> None:
        """Read the file again. One that makes no sense leaves `now` as it is."""
        try:
            # In a thread: the directory may be on a mount that is dead by now.
            found = await asyncio.to_thread(config.load, self.path)
        except DsqltokError as error:
            if self.error is None or error.message != self.error.message:
                _log.warning("%s; the last good version goes on", error.message)
            self.error = error
        else:
            news = found != self.now or self.error is not None
            self.now, self.error = found, None
            self._heed()
            if news:
                _log.info("%s was read again", self.path)

    def _heed(self) -> None:
        # Of others' loggers nothing below INFO: they may write anything there.
        logging.getLogger("dsqltokd").setLevel(self.now.log_level.upper())
