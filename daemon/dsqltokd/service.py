"""The running thing: what the requests mean, on projects, tokens and the keyring; start, ready, drain."""

from __future__ import annotations

import asyncio
import logging
import os
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from dsqltok.errors import DsqltokError, NotFoundError, UsageError
from dsqltokd import choice, report
from dsqltokd import query as queries
from dsqltokd.evaluation import DEADLINE, Evaluator
from dsqltokd.persist import Keeper
from dsqltokd.place import Standing
from dsqltokd.pool import Pool
from dsqltokd.projects import Projects
from dsqltokd.registry import Added, Registry
from dsqltokd.server import Server, UnknownMethodError
from dsqltokd.tokens import Tokens
from dsqltokd.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from dsqltokd.config import Config
    from dsqltokd.files import Identity as FileIdentity
    from dsqltokd.model import Identity, Target, Token
    from dsqltokd.persist import Stored
    from dsqltokd.place import Place
    from dsqltokd.projects import Entry
    from dsqltokd.query import Query
    from dsqltokd.server import Channel, Limits

_log = logging.getLogger(__name__)
_GUARD_SECONDS = 5.0  # between two looks at whether the socket is still ours
_DRAIN_SECONDS = 5.0
_FLUSH_SECONDS = 2.0  # that a keyring which hangs may hold up the end
_LOAD_SECONDS = 1.0  # that a first request waits for what the keyring may hold


class Service:
    """Everything that runs. Made, run and ended inside one event loop."""

    def __init__(
        self, config: Config, place: Place, registry: Registry, environment: dict[str, str], limits: Limits
    ) -> None:
        self._config = config
        self._place = place
        self._registry = registry
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._files: dict[Identity, dict[str, Any]] = {}
        self._changed_meanwhile: set[Identity] = set()
        self._news: asyncio.Future[None] = self._loop.create_future()
        self._registering = asyncio.Lock()
        self._stop = asyncio.Event()
        self._gone = asyncio.Event()
        self._loaded = asyncio.Event()
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
        self._methods: dict[str, Callable[[dict[str, Any], Channel], dict[str, Any] | Awaitable[dict[str, Any]]]] = {
            "token.get": self._token_get,
            "token.watch": self._token_watch,
            "url.get": self._url_get,
            "project.inspect": self._inspect,
            "projects.add": self._projects_add,
            "projects.allow": self._projects_allow,
            "projects.remove": self._projects_remove,
            "projects.list": self._projects_list,
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

    # Tokens and urls

    def _token_get(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        query = queries.read(params)
        if query.config is not None:
            entry = self.projects.peek(query.key(query.config), query)
            if entry is not None:
                chosen = choice.token(entry, query)
                token = self.tokens.peek(chosen.target)
                if token is not None:
                    return _answer(chosen, token, entry)
        return self._token(query)

    async def _token(self, query: Query) -> dict[str, Any]:
        entry = await self._entry(query)
        chosen = choice.token(entry, query)
        token = await self._fresh(chosen.target, query)
        return _answer(chosen, token, entry)

    async def _fresh(self, target: Target, query: Query) -> Token:
        if not self._loaded.is_set() and self.tokens.peek(target) is None:
            try:
                async with asyncio.timeout(_LOAD_SECONDS):
                    await self._loaded.wait()
            except TimeoutError:
                pass  # the keyring hangs, and what it may hold is not worth more of the caller's time
        return await self.tokens.get(target, query.secrets())

    async def _url_get(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        query = queries.read(params)
        if query.data is not None:
            raise UsageError("a url has the tokens that it needs in it", hint="leave data out, or ask for a token")
        entry = await self._entry(query)
        wanted = choice.all_tokens(entry, query)
        found = await asyncio.gather(*(self._fresh(chosen.target, query) for chosen in wanted))
        tokens = {chosen.data: token.value for chosen, token in zip(wanted, found, strict=True)}
        urls = await self.projects.urls(entry, query, tokens)
        return {"urls": [url.reveal() for url in urls], "warnings": entry.warnings}

    async def _entry(self, query: Query) -> Entry:
        if query.config is not None:
            return await self.projects.get(query.key(query.config), query)
        return await choice.among_added(self.projects, self._registry.projects, query)

    async def _token_watch(self, params: dict[str, Any], channel: Channel) -> dict[str, Any]:
        query = queries.read(params)
        news = self._news
        first = await self._token(query)
        task = self._loop.create_task(self._report_tokens(query, first, news, channel))
        channel.on_close(partial(_cancel, task))
        return first

    async def _report_tokens(
        self, query: Query, last: dict[str, Any], news: asyncio.Future[None], channel: Channel
    ) -> None:
        while True:
            await asyncio.shield(news)
            news = self._news
            try:
                answer = await self._token(query)
            except DsqltokError as error:
                answer = {"error": error.as_data()}
            if answer != last:
                channel.notify("token", answer)
                last = answer

    # Projects: what is in one, what it may run, and those that were added

    async def _inspect(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        reveal = params.pop("reveal", False)
        query = queries.read(params)
        key = query.key(_path(params))
        answer = await self.projects.ask("inspect", key, query)
        if reveal is True:
            wanted = choice.targets(answer["targets"], query)
            found = await asyncio.gather(*(self._fresh(target, query) for target in wanted.values()))
            tokens = {name: token.value.reveal() for name, token in zip(wanted, found, strict=True)}
            given = {"texts": answer["texts"], "outputs": answer["outputs"]}
            answer = await self.projects.ask("inspect", key, query, tokens=tokens, **given)
        return {name: answer[name] for name in ("envs", "local", "var", "sources", "not_run")}

    async def _projects_allow(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        query = queries.read(params)
        config = _path(params)
        found = (await self.projects.ask("programs", query.key(config), query))["programs"]
        async with self._registering:
            await asyncio.to_thread(self._registry.allow, config, [program["digest"] for program in found])
        self.projects.allowed(config)
        return {"programs": [{name: each[name] for name in ("name", "argv", "directory")} for each in found]}

    async def _projects_add(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        config, variables = _path(params), queries.read_variables(params)
        query = queries.read({"config": config, "vars": list(variables)})
        await self.projects.check(query.key(config), query)
        async with self._registering:
            await asyncio.to_thread(self._registry.add, Added(config, variables))
        return {"config": config}

    async def _projects_remove(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        config = _path(params)
        async with self._registering:
            known = await asyncio.to_thread(self._registry.remove, config)
        if not known:
            raise NotFoundError(f"{config} was not added", hint="dsqltok projects list shows what was")
        return {"config": config}

    def _projects_list(self, _params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        return {"projects": [report.added(project) for project in self._registry.projects]}

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
            self._loaded.set()

    async def _unchanged(self, identity: Identity, files: list[Any]) -> bool:
        """Follow the AWS files that stored tokens rest on; tell whether they are still the same."""
        self._files[identity] = dict(files)
        verdicts = [self._loop.create_future() for _ in files]
        for (path, seen), verdict in zip(files, verdicts, strict=True):
            self._follow(path, seen, verdict)
        return all(await asyncio.gather(*verdicts))

    def _aws_files_read(self, identity: Identity, files: list[Any]) -> None:
        self._files[identity] = dict(files)
        for path, seen in files:
            self._follow(path, seen)

    def _identity_forgotten(self, identity: Identity) -> None:
        self._changed_meanwhile.discard(identity)
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
            if path in files:
                _log.info("%s has changed: %s is to be signed for again", path, identity.describe())
                self._changed_meanwhile.add(identity)
                self.tokens.invalidate(identity)
        self._tell()

    def _tokens_changed(self, identity: Identity) -> None:
        if identity.seal is None:
            self.keeper.touch()
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, self._loop.create_future()
        news.set_result(None)

    def _snapshot(self) -> Iterable[Stored]:
        for identity, state in self.tokens.states.items():
            yield identity, state, [[path, seen] for path, seen in self._files.get(identity, {}).items()]


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _path(params: dict[str, Any]) -> str:
    config = queries.read_path(params)
    if config is None:
        raise UsageError("config is missing", hint="it is the project file's absolute path")
    return config


def _answer(chosen: choice.Chosen, token: Token, entry: Entry) -> dict[str, Any]:
    """Return the answer to a request for a token; without warnings, the token comes first, as clients expect."""
    warnings = {"warnings": entry.warnings} if entry.error is not None else {}
    return {
        **warnings,
        "token": token.value.reveal(),
        "expires_at": report.moment(token.expires_at),
        "host": chosen.target.host,
        "user": chosen.user,
        "region": token.region,
        "action": chosen.target.action,
        "env": entry.key.env or chosen.env,
        "data": chosen.data,
    }
