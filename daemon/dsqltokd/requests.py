"""What the requests about tokens, urls and projects mean."""

from __future__ import annotations

import asyncio
import shlex
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from dsqltok.errors import CredentialsError, DsqltokError, EnvironmentNeededError, NotFoundError, UsageError
from dsqltokd import choice, report
from dsqltokd import query as queries
from dsqltokd.channel import LeavingError
from dsqltokd.lookup import Lookups, content
from dsqltokd.registry import Added
from dsqltokd.uses import Uses

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from dsqltokd.channel import Channel
    from dsqltokd.memory import Memory
    from dsqltokd.model import Target, Token
    from dsqltokd.projects import Entry, Projects
    from dsqltokd.query import Query
    from dsqltokd.registry import Registry
    from dsqltokd.tokens import Tokens

    Handler: TypeAlias = Callable[[dict[str, Any], Channel], dict[str, Any] | Awaitable[dict[str, Any]]]
    """Answers the parameters of a request, at once or later; raises `DsqltokError`."""

_LOOK_SECONDS = 5.0  # between two looks of a watcher at its token; no failure is followed by a new attempt sooner
_LOAD_SECONDS = 1.0  # that a first request waits for what the keyring may hold


class Connected(NamedTuple):
    """A token, of which project's answer, and in `place` where to connect, as `connection.get` has it."""

    entry: Entry
    chosen: choice.Chosen
    place: dict[str, Any]
    token: Token


class Requests:
    """The handlers by method. `loaded` is to be set when it is known what the keyring holds.

    `news` is done, and another, once a token or a project may have changed.
    """

    def __init__(self, projects: Projects, tokens: Tokens, registry: Registry, memory: Memory) -> None:
        self._projects = projects
        self._tokens = tokens
        self._registry = registry
        self._memory = memory
        self.news: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._registering = asyncio.Lock()
        self._closed = False
        self.loaded = asyncio.Event()
        self.uses = Uses()
        self._lookups = Lookups(projects, tokens, self.uses)
        self.handlers: dict[str, Handler] = {
            "token.get": self._token_get,
            "token.watch": self._token_watch,
            "url.get": self._url_get,
            "connection.get": self._connection_get,
            "target.describe": self._describe_target,
            "identity.describe": self._describe_identity,
            "project.inspect": self._inspect,
            "project.names": self._project_names,
            "projects.add": self._projects_add,
            "projects.allow": self._projects_allow,
            "projects.remove": self._projects_remove,
            "projects.list": self._projects_list,
        }

    def tell(self) -> None:
        """A token or project may have changed: whoever watches one is to look again."""
        self._memory.forget()
        news, self.news = self.news, asyncio.get_running_loop().create_future()
        news.set_result(None)

    async def close(self) -> None:
        """Let the change of projects.json that has begun come to its end, and have no other begin."""
        self._closed = True
        async with self._registering:
            pass

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        async with self._registering:
            if self._closed:
                raise LeavingError
            yield

    # Tokens and urls

    def _token_get(self, params: dict[str, Any], channel: Channel) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        fresh = queries.take_fresh(params)
        query = queries.read(params)
        if query.config is not None and not fresh:
            answer = self._lookups.find(query.config, query, channel)
            if answer is not None:
                return answer
        return self._token(query, channel, fresh=fresh)

    async def _token(
        self, query: Query, channel: Channel, *, standing: bool = False, fresh: bool = False
    ) -> dict[str, Any]:
        entry = await self._entry(query)
        chosen = choice.token(entry, query)
        token = await self._fresh(chosen.target, query, standing=standing, fresh=fresh)
        self._lookups.note(entry, chosen, channel)
        return content(entry, chosen, token)

    async def _fresh(self, target: Target, query: Query, *, standing: bool = False, fresh: bool = False) -> Token:
        if not self.loaded.is_set() and self._tokens.peek(target) is None:
            try:
                async with asyncio.timeout(_LOAD_SECONDS):
                    await self.loaded.wait()
            except TimeoutError:
                pass  # the keyring hangs, and what it may hold is not worth more of the caller's time
        try:
            return await self._tokens.get(target, query.secrets(), standing=standing, fresh=fresh)
        except CredentialsError as error:
            if "login" in error.data:
                error.hint = f"run {_login_command(query)}"
            raise

    async def targets(self, query: Query) -> list[Target]:
        """Return what the tokens are for that a query means. Raises `DsqltokError`."""
        return [chosen.target for chosen in choice.all_tokens(await self._entry(query), query)]

    async def _url_get(self, params: dict[str, Any], channel: Channel) -> dict[str, Any]:
        query = queries.read(params)
        if query.data is not None:
            raise UsageError("a url has the tokens that it needs in it", hint="leave data out, or ask for a token")
        entry = await self._entry(query)
        wanted = choice.all_tokens(entry, query)
        found = await asyncio.gather(*(self._fresh(chosen.target, query) for chosen in wanted))
        tokens = {chosen.data: token.value for chosen, token in zip(wanted, found, strict=True)}
        for chosen in wanted:
            self._lookups.note(entry, chosen, channel)
        urls = await self._projects.urls(entry, query, tokens)
        return {"urls": [url.reveal() for url in urls], "warnings": entry.warnings}

    async def connected(self, query: Query, *, standing: bool = False, fresh: bool = False) -> Connected:
        """Return a token with where to connect; `standing` and `fresh` as in `Tokens.get`. Raises `DsqltokError`."""
        entry = await self._entry(query)
        chosen = choice.token(entry, query)
        place = _connection(chosen, await self._place(entry, chosen.data, query))
        return Connected(entry, chosen, place, await self._fresh(chosen.target, query, standing=standing, fresh=fresh))

    async def _connection_get(self, params: dict[str, Any], channel: Channel) -> dict[str, Any]:
        fresh = queries.take_fresh(params)
        entry, chosen, place, token = await self.connected(queries.read(params), fresh=fresh)
        self._lookups.note(entry, chosen, channel)
        return {
            **content(entry, chosen, token),
            "expires": int(token.expires_at),
            "connection": place,
            "config": entry.key.config,
            "vars": list(entry.key.variables),
        }

    async def _describe_target(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        query = queries.read(params)
        entry = await self._entry(query)
        chosen = choice.token(entry, query)
        return {
            **report.target(entry, chosen.data, chosen.target),
            "user": chosen.user,
            "env": entry.key.env or chosen.env,
            **await self._connection(entry, chosen.data, query),
        }

    async def _connection(self, entry: Entry, data: str, query: Query) -> dict[str, Any]:
        """Return where the url with the token leads, or why it must not carry it; neither where there is no url."""
        try:
            return {"connection": await self._place(entry, data, query), "refusal": None}
        except EnvironmentNeededError:
            raise
        except DsqltokError as error:
            return {"connection": None, "refusal": error.as_data()}

    async def _place(self, entry: Entry, data: str, query: Query) -> dict[str, Any] | None:
        found = await self._projects.connections(entry, query)
        return next((each["connection"] for each in found if data in each["tokens"]), None)

    async def _describe_identity(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        query = queries.read(params)
        chosen = choice.token(await self._entry(query), query)
        return await self._tokens.describe(chosen.target, query.secrets())

    async def _entry(self, query: Query) -> Entry:
        if query.config is not None:
            return await self._projects.get(query.key(query.config), query)
        return await choice.among_added(self._projects, self._registry.projects, query)

    async def _token_watch(self, params: dict[str, Any], channel: Channel) -> dict[str, Any]:
        standing = params.pop("standing", False) is True
        query = queries.read(params)
        news = self.news
        try:
            first = await self._token(query, channel, standing=standing)
        except EnvironmentNeededError:
            raise
        except DsqltokError as error:
            if not standing:
                raise
            first = {"error": error.as_data()}
        task = asyncio.get_running_loop().create_task(self._report_tokens(query, first, news, channel))
        channel.on_close(partial(_cancel, task))
        return first

    async def _report_tokens(
        self, query: Query, last: dict[str, Any], news: asyncio.Future[None], channel: Channel
    ) -> None:
        while True:
            await asyncio.wait([news], timeout=_LOOK_SECONDS)
            news = self.news
            try:
                answer = await self._token(query, channel, standing=True)
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
        answer = await self._projects.ask("inspect", key, query)
        if reveal is True:
            wanted = choice.targets(answer["targets"], query)
            found = await asyncio.gather(*(self._fresh(target, query) for target in wanted.values()))
            tokens = {name: token.value.reveal() for name, token in zip(wanted, found, strict=True)}
            given = {"texts": answer["texts"], "outputs": answer["outputs"]}
            answer = await self._projects.ask("inspect", key, query, tokens=tokens, **given)
        return {name: answer[name] for name in ("envs", "local", "var", "sources", "not_run")}

    async def _project_names(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        query = queries.read(params)
        answer = await self._projects.ask("names", query.key(_path(params)), query)
        return {name: answer[name] for name in ("envs", "tokens")}

    async def _projects_allow(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        query = queries.read(params)
        config = _path(params)
        found = (await self._projects.ask("programs", query.key(config), query))["programs"]
        async with self._changing():
            await asyncio.to_thread(self._registry.allow, config, [program["digest"] for program in found])
        self._projects.reconsider(config)
        return {"programs": [{name: each[name] for name in ("name", "argv", "directory")} for each in found]}

    async def _projects_add(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        config, variables = _path(params), queries.read_variables(params)
        query = queries.read({"config": config, "vars": list(variables)})
        await self._projects.check(query.key(config), query)
        async with self._changing():
            await asyncio.to_thread(self._registry.add, Added(config, variables))
        return {"config": config}

    async def _projects_remove(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        config = _path(params)
        async with self._changing():
            known = await asyncio.to_thread(self._registry.remove, config)
        self._projects.reconsider(config)
        if not known:
            raise NotFoundError(f"{config} was not added", hint="dsqltok projects list shows what was")
        return {"config": config}

    def _projects_list(self, _params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        return {"projects": [report.added(project) for project in self._registry.projects]}


def _login_command(query: Query) -> str:
    words = ["dsqltok", "login"]
    if query.env is not None:
        words.append(f"--env={query.env}" if query.env.startswith("-") else query.env)
    if query.data is not None:
        words += ["--data", query.data]
    return shlex.join(words)


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _path(params: dict[str, Any]) -> str:
    config = queries.read_path(params)
    if config is None:
        raise UsageError("config is missing", hint="it is the project file's absolute path")
    return config


def _connection(chosen: choice.Chosen, place: dict[str, Any] | None) -> dict[str, Any]:
    """Return where to connect: the `place` that the url leads to, or the token's endpoint where no url has it in it."""
    user = chosen.user if place is None else place["user"]
    if user is None:
        of = f'data source "{chosen.data}"' if place is None else f'env "{chosen.env}"'
        raise NotFoundError(
            f"no url says as which user to connect with the token of {of}",
            hint="put the user into the env's url, as in dsql://USER:${urlescape(…)}@HOST:5432/postgres",
        )
    usual = {"host": chosen.target.host, "hostaddr": None, "port": "5432", "sslmode": "require", "sslrootcert": None}
    found = {**usual, "dbname": None, "parameters": {}, **(place or {}), "user": user}
    found.pop("places", None)
    return {**found, "dbname": found["dbname"] or "postgres"}
