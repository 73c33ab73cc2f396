"""Passfiles with fresh tokens in them, for programs that take a password from nowhere else.

The rules:
- What is enabled is kept warm for as long as the daemon runs, asked for or not, but nothing is begun for it that asks a
  person: a standing request, as `token.watch` has.
- A new token replaces the old one in the file. Where there is none, the old one stays while it works, and no longer.
- No token outlives the daemon in a file: its lines are taken out at its end, before another one may begin, and where it
  was killed, by the first thing that the next one does.
- What is kept on disk holds no secret, so that what needs one from a shell's environment cannot be enabled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from dsqltok import connection
from dsqltok.errors import ConfigurationError, DsqltokError, EnvironmentNeededError, NotFoundError, UsageError
from dsqltok.protocol import is_aws
from dsqltokd import clock, passtext, report, schedule
from dsqltokd import query as queries
from dsqltokd.channel import LeavingError
from dsqltokd.enabled import Enabled
from dsqltokd.model import Secret
from dsqltokd.passfile import Passfile, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from dsqltokd.channel import Channel
    from dsqltokd.enabled import Store
    from dsqltokd.model import Token
    from dsqltokd.pool import Pool
    from dsqltokd.query import Query
    from dsqltokd.requests import Connected, Handler, Requests

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 30.0  # timers stop in a suspend, so that what is kept is looked at this often
_MOST_BACKOFF = 60.0
_CLOSE_SECONDS = 5.0
_SECRET_WORDS = ("SECRET", "TOKEN", "PASSWORD", "PASSWD", "CREDENTIAL", "APIKEY", "_KEY")


class _Kept:
    """What is enabled, and how it goes: the token that is to be in the file, the service's values, what is wrong."""

    def __init__(self, enabled: Enabled, passfile: Passfile) -> None:
        self.enabled = enabled
        self.passfile = passfile
        self.token: Token | None = None
        self.values: dict[str, str] | None = None
        self.error: DsqltokError | None = None
        self.failures = 0
        self.task: asyncio.Task[None] | None = None

    def take(self, found: Connected) -> None:
        """A token is there: have it in the file. Raises `ConfigurationError` where no line can hold it."""
        place = found.place
        line = passtext.line(place["host"], place["port"], place["user"], found.token.value.reveal())
        self.token, self.error, self.failures = found.token, None, 0
        self.passfile.put(self, (self.enabled.name, Secret(line)))

    def miss(self, error: DsqltokError) -> None:
        """There is no new one."""
        if self.error is None or self.error.message != error.message:
            _log.warning("passfile: %s: %s", self.enabled.name, error.message)
        self.error, self.failures = error.fresh(), self.failures + 1

    def look(self) -> float:
        """Take a token that has ended out of the file; return the seconds until the next look."""
        left = self.token.remaining(clock.now()) if self.token is not None else 0.0
        if left <= 0:
            self.token = None
            self.passfile.put(self, None)
        pause = min(_MOST_BACKOFF, schedule.backoff(self.failures, 0.0)) if self.failures else _LOOK_SECONDS
        return min(pause, left) if left > 0 else pause


class PgPass:
    """The handlers by method. `follow` is told a passfile, what it was last, and what to call when it changes.

    `forget` is told a passfile that matters no more.
    """

    def __init__(
        self,
        store: Store,
        pool: Pool,
        requests: Requests,
        *,
        follow: Callable[[str, list[Any] | None, Callable[[], None]], None],
        forget: Callable[[str], None],
    ) -> None:
        self._store = store
        self._pool = pool
        self._requests = requests
        self._follow = follow
        self._forget = forget
        self._files: dict[str, Passfile] = {}
        self._kept: list[_Kept] = []
        self._turn = asyncio.Lock()
        self._closed = False
        self.handlers: dict[str, Handler] = {
            "pgpass.enable": self._enable,
            "pgpass.disable": self._disable,
            "pgpass.list": self._list,
        }

    def start(self) -> None:
        """Go on with what was enabled, after what an earlier daemon may have left was taken out."""
        if self._store.error is not None:
            _log.warning("passfile: %s", self._store.error.message)
            return
        for enabled in self._store.enabled:
            self._start(self._add(enabled))

    async def close(self, *, ours: bool) -> None:
        """Take all that is ours out of the files and write nothing from then on.

        Where `ours` is not set, another daemon writes there already, and nothing is taken out.
        """
        self._closed = True
        for kept in self._kept:
            _cancel(kept)
        closing = [asyncio.get_running_loop().create_task(each.close()) for each in self._files.values() if ours]
        if closing:
            _, late = await asyncio.wait(closing, timeout=_CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*closing, return_exceptions=True)  # what failed was logged

    def describe(self) -> list[dict[str, Any]]:
        """Return what is enabled and how it goes, for people to see."""
        return [_description(kept) for kept in self._kept]

    # The requests

    async def _enable(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        passfile, service = _path(params, "passfile"), _path(params, "service")
        if passfile is None:
            raise UsageError("passfile is missing", hint="it is the absolute path of the file")
        query = queries.read(params)
        _refuse_secrets(query)
        found = await self._requests.connected(query)
        enabled = _enabled(found, query, passfile, service)
        async with self._changing():
            before = self._store.enabled
            _check_service(enabled, before)
            old = [kept for kept in self._kept if enabled.replaces(kept.enabled)]
            others = [each for each in before if not enabled.replaces(each)]
            await asyncio.to_thread(self._store.put, (*others, enabled))
            try:
                kept = await self._first(enabled, found)
            except BaseException:
                await asyncio.to_thread(self._store.put, before)
                raise
            for each in old:
                await self._end(each, but=kept)
        return _description(kept)

    async def _first(self, enabled: Enabled, found: Connected) -> _Kept:
        """Begin with a token in hand, which is in the file then. Raises what keeps it from being there."""
        kept = self._add(enabled)
        try:
            await self._put_service(kept, found)
            kept.take(found)
            await kept.passfile.write()
        except BaseException:
            self._drop(kept)
            with contextlib.suppress(DsqltokError):  # what is told is the first that went wrong
                await self._release(kept.passfile)
                if kept.values is not None and not any(enabled.replaces(each.enabled) for each in self._kept):
                    await self._take_service_out(enabled)
            raise
        self._start(kept)
        return kept

    async def _disable(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        config = queries.read_path(params)
        name = params.get("name")
        async with self._changing():
            gone = [each for each in self._store.enabled if name in (None, each.name) and config in (None, each.config)]
            if not gone and name is not None:
                raise NotFoundError(f'no passfile is kept for "{name}"', hint="dsqltok pgpass list shows them")
            for enabled in gone:
                for kept in [each for each in self._kept if each.enabled == enabled]:
                    await self._end(kept)
                await asyncio.to_thread(self._store.put, [each for each in self._store.enabled if each != enabled])
        return {"disabled": [{"name": each.name, "config": each.config, "passfile": each.passfile} for each in gone]}

    def _list(self, _params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        if self._store.error is not None:
            raise self._store.error.fresh()
        return {"passfiles": self.describe()}

    @contextlib.asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        async with self._turn:
            if self._closed:
                raise LeavingError
            yield

    # What is kept

    def _add(self, enabled: Enabled) -> _Kept:
        path = enabled.passfile
        if path not in self._files:
            self._files[path] = Passfile(path, self._pool, lambda seen: self._follow(path, seen, self._touch(path)))
            self._files[path].start()
        kept = _Kept(enabled, self._files[path])
        self._kept.append(kept)
        return kept

    def _start(self, kept: _Kept) -> None:
        kept.task = asyncio.get_running_loop().create_task(self._keep(kept))

    def _touch(self, path: str) -> Callable[[], None]:
        def touch() -> None:
            if path in self._files:
                self._files[path].touch()

        return touch

    def _drop(self, kept: _Kept) -> None:
        """Let it be kept no more; its line is taken out soon."""
        _cancel(kept)
        self._kept.remove(kept)
        kept.passfile.put(kept, None)

    async def _end(self, kept: _Kept, but: _Kept | None = None) -> None:
        """Let it be kept no more, and take its line out now, and its service unless that is `but`'s.

        Raises what keeps it from being taken out, and then it goes on to be kept.
        """
        self._drop(kept)
        enabled = kept.enabled
        try:
            await kept.passfile.write()
            if enabled.service is not None and (but is None or but.enabled.service != enabled.service):
                await self._take_service_out(enabled)
        except BaseException:
            if but is None:
                self._start(self._add(enabled))
            raise
        await self._release(kept.passfile)

    async def _release(self, passfile: Passfile) -> None:
        """Let a passfile alone that nothing is kept in any more."""
        if not any(each.passfile is passfile for each in self._kept):
            await passfile.close()
            del self._files[passfile.path]
            self._forget(passfile.path)

    async def _keep(self, kept: _Kept) -> None:
        query = kept.enabled.query
        while True:
            news = self._requests.news
            pause = kept.look()
            try:
                found = await self._requests.connected(query, standing=True)
                kept.take(found)
                await self._put_service(kept, found)
            except DsqltokError as error:
                kept.miss(_unknown_variables(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, what is kept must not end without a word
                kept.miss(DsqltokError(f"a passfile failed ({type(error).__name__})", hint="please report this"))
            pause = kept.look()
            await asyncio.wait([news], timeout=pause)

    async def _put_service(self, kept: _Kept, found: Connected) -> None:
        """Have the service file say where to connect, where it is to and that has changed."""
        enabled, values = kept.enabled, connection.parameters({"connection": found.place})
        if enabled.service is not None and kept.values != values:
            await run(self._pool, {"path": enabled.service, "entry": enabled.name, "values": values})
            kept.values = values

    async def _take_service_out(self, enabled: Enabled) -> None:
        if enabled.service is not None:
            await run(self._pool, {"path": enabled.service, "entry": enabled.name, "values": None})


def _enabled(found: Connected, query: Query, passfile: str, service: str | None) -> Enabled:
    key = found.entry.key
    env = key.env or found.chosen.env
    return Enabled(
        name=env or found.chosen.data,
        config=key.config,
        env=env,
        data=key.data,
        variables=key.variables,
        environment=tuple(sorted(query.environment.items())),
        passfile=passfile,
        service=service,
    )


def _refuse_secrets(query: Query) -> None:
    """Raise `ConfigurationError` where what is asked for rests on a secret of the caller's environment."""
    keys = sorted(query.secrets())
    if keys:
        raise ConfigurationError(
            f"{', '.join(keys)} of this shell is a secret, and what the daemon renews for ever it has to store",
            hint=f"use a profile: env {' '.join(f'-u {name}' for name in keys)} AWS_PROFILE=… dsqltok pgpass enable …",
        )
    read = [
        name
        for name, value in query.environment.items()
        if value and not is_aws(name) and any(word in name.upper() for word in _SECRET_WORDS)
    ]
    if read:
        raise ConfigurationError(
            f"the project reads {', '.join(sorted(read))}, which looks like a secret, and it would have to be stored",
            hint="keep it in a file that atlas.hcl reads with file()",
        )


def _check_service(enabled: Enabled, others: tuple[Enabled, ...]) -> None:
    """Raise `ConfigurationError` where a service of that name cannot be."""
    if enabled.service is None:
        return
    if not passtext.is_service_name(enabled.name):
        raise ConfigurationError(f'"{enabled.name}" is no name for a service', hint="leave --service out")
    for other in others:
        same = (other.name, other.service) == (enabled.name, enabled.service)
        if same and not enabled.replaces(other):
            raise ConfigurationError(
                f'the service "{other.name}" is kept for {other.config} already',
                hint=f"dsqltok pgpass disable {other.name}, or leave --service out",
            )


def _unknown_variables(error: DsqltokError) -> DsqltokError:
    """Return the error for a project that reads variables that it did not read when it was enabled, or any other."""
    if not isinstance(error, EnvironmentNeededError):
        return error
    names = error.data["names"]
    words = ", ".join(map(str, names)) if isinstance(names, list) else ""
    return ConfigurationError(
        f"the project reads {words}, which it did not when its passfile was enabled",
        hint="dsqltok pgpass enable, once more, tells the daemon its value",
    )


def _description(kept: _Kept) -> dict[str, Any]:
    enabled = kept.enabled
    error = kept.error or kept.passfile.error
    fresh = kept.token is not None and kept.passfile.has(kept)
    return {
        "name": enabled.name,
        "config": enabled.config,
        "passfile": enabled.passfile,
        "service": enabled.service,
        "state": "fresh" if fresh else "absent",
        "expires_at": report.moment(kept.token.expires_at) if kept.token is not None and fresh else None,
        "error": error.as_data() if error is not None else None,
    }


def _path(params: dict[str, Any], name: str) -> str | None:
    return queries.read_path({"config": params.pop(name, None)})


def _cancel(kept: _Kept) -> None:
    if kept.task is not None:
        kept.task.cancel()
