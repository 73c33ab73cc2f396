"""The running thing: projects, tokens, the keyring and the watcher put together; start, ready, drain."""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from dsqltokd import report
from dsqltokd.connection import UnknownMethodError
from dsqltokd.evaluation import DEADLINE, Evaluator
from dsqltokd.logins import Logins
from dsqltokd.persist import Keeper
from dsqltokd.place import Standing
from dsqltokd.pool import Pool
from dsqltokd.projects import Projects
from dsqltokd.requests import Requests
from dsqltokd.server import Server
from dsqltokd.tokens import Tokens
from dsqltokd.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from dsqltokd.config import Config
    from dsqltokd.connection import Channel, Limits
    from dsqltokd.files import Identity as FileIdentity
    from dsqltokd.model import Identity
    from dsqltokd.persist import Stored
    from dsqltokd.place import Place
    from dsqltokd.registry import Registry
    from dsqltokd.requests import Handler

_log = logging.getLogger(__name__)
_GUARD_SECONDS = 5.0  # between two looks at whether the socket is still ours
_DRAIN_SECONDS = 5.0
_FLUSH_SECONDS = 2.0  # that a keyring which hangs may hold up the end


class Service:
    """Everything that runs. Made, run and ended inside one event loop."""

    def __init__(
        self, config: Config, place: Place, registry: Registry, environment: dict[str, str], limits: Limits
    ) -> None:
        self._config = config
        self._place = place
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._files: dict[Identity, dict[str, Any]] = {}
        self._sign_ins: set[str] = set()  # of the AWS files those that a refresh may write
        self._unsure: dict[Identity, set[str]] = {}  # of these what has changed during a refresh
        self._changed_meanwhile: set[Identity] = set()
        self._stop = asyncio.Event()
        self._gone = asyncio.Event()
        self._started_at = datetime.now(UTC)
        self.watcher = Watcher(lambda path: self._hear(self._file_changed, path))
        self.pool = Pool(environment)
        self.tokens = Tokens(
            self.pool,
            config,
            read=self._aws_files_read,
            changed=self._tokens_changed,
            forgotten=self._identity_forgotten,
        )
        evaluator = Evaluator(self.pool, config, registry.allowed)
        self.projects = Projects(evaluator, follow=self._follow, forget=self._forget)
        self.keeper = Keeper(self.pool, config.keyring, self._snapshot)
        self.requests = Requests(self.projects, self.tokens, registry)
        self._methods: dict[str, Handler] = {
            **self.requests.handlers,
            **Logins(self.pool, self.tokens, config, self.requests.targets).handlers,
            "daemon.status": self._status,
            "daemon.stop": self._stop_asked,
        }

    def stop(self) -> None:
        """End the service: what has been asked is answered, what is to be stored is stored."""
        self._stop.set()

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until `stop`. `ready` is called once requests are answered. Raises `UnavailableError`."""
        patience = self.tokens.patience + 2 * DEADLINE + self._config.program_timeout
        listener = self._place.bind()
        server = Server(listener, self._handle, uid=os.getuid(), patience=patience, limits=self._limits)
        self.watcher.start()
        server.start()
        ready()
        _log.info("serving at %s", self._place.socket_path)
        beginning = [self._loop.create_task(self._load()), self._loop.create_task(self.pool.warm_up("project"))]
        await self._guard(server)
        _log.info("leaving")
        self._place.leave()
        server.leave()
        for task in beginning:
            task.cancel()
        await asyncio.wait([self._loop.create_task(self.keeper.flush())], timeout=_FLUSH_SECONDS)
        self._gone.set()
        await server.drain(_DRAIN_SECONDS)
        await self.tokens.close()
        self.pool.close()
        self.watcher.stop(1.0)

    async def _guard(self, server: Server) -> None:
        """Wait for the end, making sure that the socket is there and ours."""
        while not self._stop.is_set():
            try:
                async with asyncio.timeout(_GUARD_SECONDS):
                    await self._stop.wait()
            except TimeoutError:
                self._look_after_socket(server)

    def _look_after_socket(self, server: Server) -> None:
        standing = self._place.standing()
        if standing is Standing.TAKEN or not self._place.holds():
            _log.warning("another daemon has taken over")
            self.stop()
        elif standing is Standing.GONE:
            _log.warning("the socket was removed: making it again")
            server.listen(self._place.bind())

    def _handle(
        self, method: str, params: dict[str, Any], channel: Channel
    ) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        handler = self._methods.get(method)
        if handler is None:
            raise UnknownMethodError
        return handler(params, channel)

    # The daemon itself

    def _status(self, _params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        about = report.process(self._started_at, self._place.socket_path, self.pool.size, blind=self.watcher.blind)
        return {
            **about,
            "keyring": self.keeper.status,
            "projects": report.projects(self.projects.entries),
            "tokens": report.tokens(self.tokens.states, self._config.policy),
        }

    async def _stop_asked(self, _params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        self.stop()
        await self._gone.wait()
        return {"stopped": True}

    # What happens by itself

    async def _load(self) -> None:
        try:
            for identity, state, files in await self.keeper.load():
                # What counts as unchanged must still do so when the last of the files has been looked at.
                self._changed_meanwhile.discard(identity)
                if await self._unchanged(identity, files) and identity not in self._changed_meanwhile:
                    self.tokens.restore(identity, state)
        finally:
            self.requests.loaded.set()

    async def _unchanged(self, identity: Identity, files: list[Any]) -> bool:
        """Follow the AWS files that stored tokens rest on; tell whether they are still the same."""
        self._files[identity] = dict(files)
        verdicts = [self._loop.create_future() for _ in files]
        for (path, seen), verdict in zip(files, verdicts, strict=True):
            self._follow(path, seen, verdict)
        return all(await asyncio.gather(*verdicts))

    def _aws_files_read(self, identity: Identity, files: list[Any], sign_ins: list[str]) -> None:
        self._files[identity] = dict(files)
        self._sign_ins.update(sign_ins)
        for path, seen in files:
            self._follow(path, seen)

    def _identity_forgotten(self, identity: Identity) -> None:
        self._changed_meanwhile.discard(identity)
        self._unsure.pop(identity, None)
        for path in self._files.pop(identity, {}):
            if not self.projects.rests_on(path):
                self._forget(path)

    def _follow(self, path: str, seen: list[int] | None, verdict: asyncio.Future[bool] | None = None) -> None:
        settled = None if verdict is None else partial(self._hear, verdict.set_result)
        self.watcher.follow(path, cast("FileIdentity | None", seen and tuple(seen)), settled)

    def _forget(self, path: str) -> None:
        if not any(path in files for files in self._files.values()):
            self.watcher.forget(path)

    def _hear(self, callback: Callable[[Any], None], value: object) -> None:
        """Bring something from the watcher's thread into the loop."""
        try:
            self._loop.call_soon_threadsafe(callback, value)
        except RuntimeError:
            pass  # the loop has ended, and nobody needs to know any more

    def _file_changed(self, path: str) -> None:
        if self.projects.changed(path):
            _log.info("%s has changed", path)
        for identity, files in self._files.items():
            if path in files and path in self._sign_ins and self.tokens.is_refreshing(identity):
                self._unsure.setdefault(identity, set()).add(path)
            elif path in files:
                _log.info("%s has changed: %s is to be signed for again", path, identity.describe())
                self._changed_meanwhile.add(identity)
                self.tokens.invalidate(identity)
        self.requests.tell()

    def _tokens_changed(self, identity: Identity) -> None:
        for path in self._unsure.pop(identity, ()):
            # It is no news where the refresh has written this itself, and said so.
            self._follow(path, self._files.get(identity, {}).get(path))
        if identity.seal is None:
            self.keeper.touch()
        self.requests.tell()

    def _snapshot(self) -> Iterable[Stored]:
        for identity, state in self.tokens.states.items():
            yield identity, state, [[path, seen] for path, seen in self._files.get(identity, {}).items()]
