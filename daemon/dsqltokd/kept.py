"""One token that is kept fresh in a passfile: where it comes from, how that goes, and its entry in a service file.

The rules:
- It is kept warm for as long as it is kept, asked for or not, but nothing is begun for it that asks a person: it is a
  standing request, as that of `token.watch`.
- A new token replaces the old one in the file. Where there is none, the old one stays while it works, and no longer.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from dsqltok import libpq
from dsqltok.errors import ConfigurationError, DsqltokError, EnvironmentNeededError
from dsqltokd import clock, passtext, report, schedule
from dsqltokd.model import Secret
from dsqltokd.passfile import run

if TYPE_CHECKING:
    from dsqltokd.enabled import Enabled
    from dsqltokd.model import Token
    from dsqltokd.passfile import Passfile
    from dsqltokd.pool import Pool
    from dsqltokd.requests import Connected, Requests

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 30.0  # timers stop in a suspend, so that what is kept is looked at this often
_MOST_BACKOFF = 60.0  # seconds; whatever changes is noticed at once


class Kept:
    """What is enabled, with the passfile that its token is to be in, once `start` or `first` was called."""

    def __init__(self, enabled: Enabled, passfile: Passfile, pool: Pool, requests: Requests) -> None:
        self.enabled = enabled
        self.passfile = passfile
        self._pool = pool
        self._requests = requests
        self._token: Token | None = None
        self._served: dict[str, str] | None = None  # what the service file says, as far as is known
        self._error: DsqltokError | None = None
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def in_service_file(self) -> bool:
        """Tell whether there is an entry of ours, by now, in a service file."""
        return self._served is not None

    def start(self) -> None:
        """Keep it fresh from now on."""
        self._task = asyncio.get_running_loop().create_task(self._go_on())

    async def first(self, found: Connected) -> None:
        """Put a token that is in hand into the file, and keep it fresh from now on. Raises what prevents that."""
        await self._serve(found)
        self._take(found)
        await self.passfile.write()
        self.start()

    def stop(self) -> None:
        """Do nothing for it any more."""
        if self._task is not None:
            self._task.cancel()

    async def take_service_out(self) -> None:
        """Take its entry out of its service file, if it is to have one."""
        if self.enabled.service is not None:
            await run(self._pool, {"path": self.enabled.service, "entry": self.enabled.name, "values": None})

    def describe(self) -> dict[str, Any]:
        """Return what is kept and how that goes, for people to see."""
        enabled, error = self.enabled, self._error or self.passfile.error
        token = self._token if self.passfile.has(self) else None
        return {
            "name": enabled.name,
            "config": enabled.config,
            "passfile": enabled.passfile,
            "service": enabled.service,
            "state": "absent" if token is None else "fresh",
            "expires_at": None if token is None else report.moment(token.expires_at),
            "error": None if error is None else error.as_data(),
        }

    async def _go_on(self) -> None:
        while True:
            news = self._requests.news
            self._look()  # a token that has ended goes before another one is waited for
            try:
                found = await self._requests.connected(self.enabled.query, standing=True)
                self._take(found)
                await self._serve(found)
            except DsqltokError as error:
                self._miss(_in_our_words(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, what is kept must not end without a word
                self._miss(DsqltokError(f"a passfile failed ({type(error).__name__})", hint="please report this"))
            await asyncio.wait([news], timeout=self._look())

    def _take(self, found: Connected) -> None:
        place = found.place
        line = passtext.line(place["host"], place["port"], place["user"], found.token.value.reveal())
        self._token, self._error, self._failures = found.token, None, 0
        self.passfile.put(self, (self.enabled.name, Secret(line)))

    def _miss(self, error: DsqltokError) -> None:
        if self._error is None or self._error.message != error.message:
            _log.warning("passfile: %s: %s", self.enabled.name, error.message)
        self._error, self._failures = error.fresh(), self._failures + 1

    def _look(self) -> float:
        """Take a token that has ended out of the file; return the seconds until the next look."""
        left = self._token.remaining(clock.now()) if self._token is not None else 0.0
        if left <= 0:
            self._token = None
            self.passfile.put(self, None)
        pause = min(_MOST_BACKOFF, schedule.backoff(self._failures, 0.0)) if self._failures else _LOOK_SECONDS
        return min(pause, left) if left > 0 else pause

    async def _serve(self, found: Connected) -> None:
        """Have the service file say where to connect, if it is to, and does not yet."""
        enabled, values = self.enabled, libpq.parameters({"connection": found.place})
        if enabled.service is not None and self._served != values:
            await run(self._pool, {"path": enabled.service, "entry": enabled.name, "values": values})
            self._served = values


def _in_our_words(error: DsqltokError) -> DsqltokError:
    """Return an error as one about what is kept: there is no caller to say what a variable holds."""
    if not isinstance(error, EnvironmentNeededError):
        return error
    names = error.data["names"]
    words = ", ".join(map(str, names)) if isinstance(names, list) else ""
    return ConfigurationError(
        f"the project reads {words}, which it did not when its passfile was enabled",
        hint="dsqltok pgpass enable, once more, tells the daemon its value",
    )
