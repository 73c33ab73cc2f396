"""How the daemon is: the requests for its status, its health and its metrics."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from dsqltok import __version__
from dsqltokd import report
from dsqltokd.usage import usage

if TYPE_CHECKING:
    from dsqltokd.channel import Channel
    from dsqltokd.figures import Figures
    from dsqltokd.persist import Keeper
    from dsqltokd.pgpass import PgPass
    from dsqltokd.place import Place
    from dsqltokd.pool import Pool
    from dsqltokd.projects import Projects
    from dsqltokd.proxies import Proxies
    from dsqltokd.requests import Handler, Requests
    from dsqltokd.settings import Settings
    from dsqltokd.tokens import Tokens
    from dsqltokd.watch import Watcher

_log = logging.getLogger(__name__)


class Parts(Protocol):
    """What there is to look at."""

    figures: Figures
    keeper: Keeper
    pgpass: PgPass
    place: Place
    pool: Pool
    projects: Projects
    proxies: Proxies
    requests: Requests
    settings: Settings
    tokens: Tokens
    watcher: Watcher


class Monitor:
    """The handlers by method. `replaced` tells that the code on disk is not that of this process any more."""

    def __init__(self, parts: Parts, started_at: datetime) -> None:
        self._parts = parts
        self._started_at = started_at
        self.replaced = False
        self.handlers: dict[str, Handler] = {
            "daemon.status": self._status,
            "daemon.health": self._health,
            "daemon.metrics": self._metrics,
        }

    def note_update(self) -> None:
        """The code on disk has changed."""
        if not self.replaced:
            self.replaced = True
            _log.warning("another version of dsqltok was installed: dsqltok restart has it take over")

    def summary(self) -> str:
        """Return how the daemon is in a line of words."""
        return report.summary(self._parts.tokens.states, self._parts.keeper.status)

    def _status(self, _params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        parts = self._parts
        about = report.process(self._started_at, parts.place.socket_path, parts.pool.size, parts.watcher)
        return {
            **about,
            "replaced": self.replaced,
            "configuration": report.configuration(parts.settings),
            "keyring": parts.keeper.status,
            "projects": report.projects(parts.projects.entries),
            "passfiles": parts.pgpass.describe(),
            "tokens": self._tokens(),
            "proxies": parts.proxies.gates,
        }

    def _health(self, _params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        reasons = report.unready(self._parts.tokens.states, self._parts.settings.now.policy)
        if not self._parts.requests.loaded.is_set():
            reasons.insert(0, "what the keyring holds is still being read")
        return {"ready": not reasons, "reasons": reasons}

    def _metrics(self, _params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        uptime = (datetime.now(UTC) - self._started_at).total_seconds()
        keyring = self._parts.keeper.status["state"]
        more = self._parts.proxies.families()
        return {
            "text": self._parts.figures.exposition(__version__, uptime, usage(), self._tokens(), keyring, more=more)
        }

    def _tokens(self) -> list[dict[str, Any]]:
        parts = self._parts
        return report.tokens(parts.tokens.states, parts.settings.now.policy, parts.requests.uses.last)
