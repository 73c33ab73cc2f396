"""The configuration as it is now: the last good version of `config.toml`, which is read again when it changes."""

from __future__ import annotations

import asyncio
import logging

from dsqltok.errors import DsqltokError
from dsqltokd import config
from dsqltokd.config import Config
from dsqltokd.files import identity

_log = logging.getLogger(__name__)


class Settings:
    """What `path` says. `seen` is the file's identity from before it was read, `error` what is wrong with it since.

    Where it is wrong from the start, `now` are the defaults, and `check` raises until it is mended.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.seen = identity(path)
        self.now = Config()
        self.error: DsqltokError | None = None
        self._good = False
        try:
            self._take(config.load(path))
        except DsqltokError as error:
            self.error = error

    def check(self) -> None:
        """Raise `ConfigurationError` where the file has not made sense yet: what it was to say is not known."""
        if self.error is not None and not self._good:
            raise self.error.fresh()

    async def reload(self) -> None:
        """Read the file again. One that makes no sense leaves `now` as it is."""
        try:
            # In a thread: the directory may be on a mount that is dead by now.
            found = await asyncio.to_thread(config.load, self.path)
        except DsqltokError as error:
            if self.error is None or error.message != self.error.message:
                _log.warning("%s; what was in force goes on", error.message)
            self.error = error
        else:
            news = found != self.now or self.error is not None
            self._take(found)
            if news:
                _log.info("%s was read again", self.path)

    def _take(self, found: Config) -> None:
        self.now, self.error, self._good = found, None, True
        # Of others' loggers nothing below INFO: they may write anything there.
        logging.getLogger("dsqltokd").setLevel(self.now.log_level.upper())
