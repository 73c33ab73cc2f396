"""The running thing: projects, tokens, the keyring and the watcher put together; start, ready, drain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from dsqltok import paths
from dsqltokd import config, report
from dsqltokd import query as queries
from dsqltokd.clock import Jumps
from dsqltokd.dispatch import Dispatch
from dsqltokd.enabled import Store
from dsqltokd.evaluation import DEADLINE, Evaluator
from dsqltokd.figures import Figures
from dsqltokd.files import identity as file_identity
from dsqltokd.grounds import Grounds
from dsqltokd.logins import Logins
from dsqltokd.memory import Memory
from dsqltokd.monitor import Monitor
from dsqltokd.persist import Keeper
from dsqltokd.pgpass import PgPass
from dsqltokd.place import Standing
from dsqltokd.pool import Pool
from dsqltokd.projects import Projects
from dsqltokd.proxies import Proxies
from dsqltokd.requests import Requests
from dsqltokd.server import Server
from dsqltokd.tokens import Tokens
from dsqltokd.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dsqltokd.channel import Channel
    from dsqltokd.files import Identity as FileIdentity
    from dsqltokd.known import State
    from dsqltokd.limits import Limits
    from dsqltokd.model import Identity
    from dsqltokd.persist import Stored
    from dsqltokd.place import Place
    from dsqltokd.process import Process
    from dsqltokd.registry import Registry
    from dsqltokd.requests import Handler
    from dsqltokd.settings import Settings
    from dsqltokd.systemd import Notifier

_log = logging.getLogger(__name__)
# Seconds between two looks at whether the socket is still ours, which events tell of too, and at whether the machine
# slept or its clock was set: where the system tells of that, and where it does not.
_GUARD_SECONDS = 300.0  # between two looks at the socket and the clocks, where the system tells of both
_GUARD_ALONE_SECONDS = 5.0  # where it does not
_DRAIN_SECONDS = 5.0
_FLUSH_SECONDS = 2.0  # that a keyring which hangs may hold up the end


class Service:
    """Everything that runs. Made, run and ended inside one event loop. `started` are workers that are there already."""

    def __init__(
        self,
        *,
        settings: Settings,
        place: Place,
        registry: Registry,
        environment: dict[str, str],
        limits: Limits,
        notifier: Notifier,
        started: Iterable[tuple[str, Process]] = (),
    ) -> None:
        self.settings = settings
        self.place = place
        self._notifier = notifier
        self._started = list(started)
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._grounds = Grounds()
        self._changed_meanwhile: set[Identity] = set()
        self._reloading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop, self._look, self._gone = (asyncio.Event() for _ in range(3))
        self.watcher = Watcher(lambda path, found: self._hear(self._file_changed, path, found and list(found)))
        self.figures = Figures()
        memory = Memory()
        self._dispatch = Dispatch(settings, self.figures, memory)
        self.pool = Pool(environment, observe=self._dispatch.job_done, started=self._started)
        self.tokens = Tokens(
            self.pool, settings, read=self._files_read, changed=self._tokens_changed, forgotten=self._identity_forgotten
        )
        evaluator = Evaluator(self.pool, settings, registry.allowed)
        self.projects = Projects(evaluator, follow=self._follow, forget=self._forget)
        self.keeper = Keeper(self.pool, lambda: settings.now.keyring, self._snapshot, self._restore)
        self.requests = Requests(self.projects, self.tokens, registry, memory)
        store = Store(os.path.join(paths.state_dir(), "pgpass.json"))
        self.pgpass = PgPass(store, self.pool, self.requests, follow=self._follow_own, forget=self._forget_own)
        self.proxies = Proxies()
        self.monitor = Monitor(self, datetime.now(UTC))
        self._dispatch.methods |= self._handlers()
        self._own = self._own_files()

    def _own_files(self) -> dict[str, Callable[[], None]]:
        """Return the files that the daemon itself goes by, and what a change of each calls for."""
        place = dict.fromkeys((self.place.socket_path, self.place.lock_path), self._look.set)
        return {self.settings.path: self.reload, __file__: self.monitor.note_update, **place}

    def _handlers(self) -> dict[str, Handler]:
        return {
            **self.requests.handlers,
            **self.pgpass.handlers,
            **Logins(self.pool, self.tokens, self.settings, self.requests.targets).handlers,
            "tokens.flush": self._flush,
            "config.show": self._show_config,
            **self.monitor.handlers,
            **self.proxies.handlers,
            "daemon.stop": self._stop_asked,
        }

    def stop(self) -> None:
        """End the service: what has been asked is answered, what is to be stored is stored."""
        self._stop.set()
        self._look.set()

    def reload(self) -> None:
        """Read the configuration again."""
        task = self._loop.create_task(self._reload())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until `stop`. `ready` is called once requests are answered.

        Raises `UnavailableError` and `ConfigurationError` where there is nothing to listen at.
        """
        listener = self.place.bind()
        server = Server(listener, self._dispatch, uid=os.getuid(), patience=self._patience, limits=self._limits)
        self.watcher.start()
        self.watcher.follow(self.settings.path, self.settings.seen)
        for path in (self.place.socket_path, self.place.lock_path, __file__):
            self.watcher.follow(path, file_identity(path))
        server.start()
        ready()
        self._notifier.ready()
        _log.info("serving at %s", self.place.socket_path)
        loading = self._loop.create_task(self._load())
        self.pool.warm_up("project")
        self.pgpass.start()
        await self._guard(server)
        _log.info("leaving")
        self._notifier.stopping()
        self.place.leave()
        server.leave()
        loading.cancel()
        await asyncio.gather(self._settle(), self.pgpass.close(ours=self.place.holds()))
        self.place.release()
        self._gone.set()
        await server.drain(_DRAIN_SECONDS)
        await self.tokens.close()
        self.pool.close()
        self.watcher.stop(1.0)

    async def _settle(self) -> None:
        """Write what is to be written, and nothing from then on: the next daemon will have read it."""
        closing = [self._loop.create_task(self.keeper.close()), self._loop.create_task(self.requests.close())]
        _, late = await asyncio.wait(closing, timeout=_FLUSH_SECONDS)
        for task in late:
            task.cancel()

    def _patience(self) -> float:
        """Return the most seconds that an answer may take."""
        return self.tokens.patience + 2 * DEADLINE + self.settings.now.program_timeout

    async def _guard(self, server: Server) -> None:
        """Wait for the end, making sure that the socket is there and ours, and that no sleep goes unnoticed."""
        jumps, seconds = Jumps(), _GUARD_ALONE_SECONDS
        if jumps.told is not None:
            self._loop.add_reader(jumps.told, self._look.set)
            seconds = _GUARD_SECONDS
        while not self._stop.is_set():
            self._notifier.alive()
            self._notifier.status(self.monitor.summary)
            with contextlib.suppress(TimeoutError):  # nobody called, and it is time to look all the same
                async with asyncio.timeout(min(seconds, self._notifier.watchdog or seconds)):
                    await self._look.wait()
            self._look.clear()
            self._look_after_socket(server)
            if jumps.look():
                _log.info("the machine slept, or its clock was set")
                self.tokens.tick()
                self.requests.tell()

    def _look_after_socket(self, server: Server) -> None:
        standing = self.place.standing()
        if standing is Standing.TAKEN or not self.place.holds():
            _log.warning("another daemon has taken over")
            self.stop()
        elif standing is Standing.GONE and self.place.inherited:
            _log.warning("systemd's socket was removed: leaving, for systemctl --user restart dsqltokd.socket")
            self.stop()
        elif standing is Standing.GONE and not self._stop.is_set():
            _log.warning("the socket was removed: making it again")
            server.listen(self.place.bind())
            self.watcher.follow(self.place.socket_path, file_identity(self.place.socket_path))

    # The daemon itself

    async def _show_config(self, _params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        await self._reload()
        return {**report.configuration(self.settings), "settings": config.shown(self.settings.now)}

    async def _flush(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        query = queries.read(params)
        some = any(each is not None for each in (query.config, query.env, query.data))
        targets = await self.requests.targets(query) if some else []
        identities = {each.identity for each in targets}
        await self.keeper.forget(identities if some else None)
        forgotten = self.tokens.flush(identities if some else list(self.tokens.states))
        self.projects.forget_urls()
        self.pool.dismiss()
        await self.keeper.flush()
        return {"tokens": forgotten, "keyring": self.keeper.status}

    async def _stop_asked(self, _params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        self.stop()
        await self._gone.wait()
        return {"stopped": True}

    # What happens by itself

    async def _load(self) -> None:
        try:
            await self.keeper.load()
        finally:
            self.requests.loaded.set()
        if self._started and not self.tokens.states:  # a client waits, and what it waits for is to be signed
            self.pool.warm_up("aws")

    async def _restore(self, identity: Identity, state: State, files: list[Any]) -> None:
        # What counts as unchanged must still do so when the last of the files has been looked at.
        self._changed_meanwhile.discard(identity)
        if await self._unchanged(identity, dict(files)) and identity not in self._changed_meanwhile:
            self.tokens.restore(identity, state)

    async def _unchanged(self, identity: Identity, files: dict[str, Any]) -> bool:
        """Follow the AWS files that stored tokens rest on; tell whether they are still the same."""
        if not self._grounds.take_over(identity, files):
            return False  # what was obtained since rests on what the file says now, and must not be put in doubt
        verdicts = [self._loop.create_future() for _ in files]
        for (path, seen), verdict in zip(files.items(), verdicts, strict=True):
            self._follow(path, seen, verdict)
        return all(await asyncio.gather(*verdicts))

    def _files_read(self, identity: Identity, files: list[Any], sign_ins: list[str]) -> None:
        self._grounds.read(identity, dict(files), sign_ins)
        for path, seen in files:
            self._follow(path, seen)

    def _identity_forgotten(self, identity: Identity) -> None:
        self._changed_meanwhile.discard(identity)
        for path in self._grounds.forget(identity):
            self._forget(path)
        if identity.seal is None:
            self.keeper.touch()

    def _follow(self, path: str, seen: list[int] | None, verdict: asyncio.Future[bool] | None = None) -> None:
        settled = None if verdict is None else partial(self._hear, partial(_give, verdict))
        self.watcher.follow(path, cast("FileIdentity | None", seen and tuple(seen)), settled)

    def _forget(self, path: str) -> None:
        if path not in self._own and not self._grounds.concerns(path) and not self.projects.rests_on(path):
            self.watcher.forget(path)

    def _follow_own(self, path: str, seen: list[int] | None, changed: Callable[[], None]) -> None:
        self._own[path] = changed
        self._follow(path, seen)

    def _forget_own(self, path: str) -> None:
        self._own.pop(path, None)
        self._forget(path)

    def _hear(self, callback: Callable[..., None], *values: object) -> None:
        """Bring something from the watcher's thread into the loop, unless it has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *values)

    def _file_changed(self, path: str, found: list[int] | None) -> None:
        if path in self._own:
            self._own[path]()
        if self.projects.changed(path):
            _log.info("%s has changed", path)
        for identity in self._grounds.changed(path, found, self.tokens.is_refreshing):
            _log.info("%s has changed: %s is to be signed for again", path, identity.describe())
            self._changed_meanwhile.add(identity)
            self.tokens.invalidate(identity)
        self.requests.tell()

    async def _reload(self) -> None:
        async with self._reloading:
            self._notifier.reloading(self._loop.time())
            before = self.settings.now
            await self.settings.reload()
            self._notifier.ready()
            if self.settings.now.allow_hosts != before.allow_hosts:
                self.projects.outdate()
            if self.settings.now.keyring != before.keyring:
                self.keeper.touch()
        self.tokens.tick()
        self.requests.tell()

    def _tokens_changed(self, identity: Identity) -> None:
        for path, seen in self._grounds.settle(identity).items():
            self._follow(path, seen)
        if identity.seal is None:
            self.keeper.touch()
        self.requests.tell()

    def _snapshot(self) -> Iterable[Stored]:
        for identity, state in self.tokens.states.items():
            yield identity, state, [[path, seen] for path, seen in self._grounds.of(identity).items()]


def _give(verdict: asyncio.Future[bool], same: bool) -> None:
    if not verdict.done():  # nobody may wait for it any more
        verdict.set_result(same)
