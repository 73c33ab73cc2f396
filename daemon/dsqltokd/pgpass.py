"""Passfiles with fresh tokens in them, for programs that take a password from nowhere else.

The rules:
- No token outlives the daemon in a file: its lines are taken out at its end, before another one may begin, and where it
  was killed, by the first thing that the next one does.
- A change is on disk before it is answered, and what failed has changed nothing.
- What is kept on disk holds no secret of an environment, so that what needs one cannot be enabled.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from dsqltok.errors import DsqltokError, NotFoundError, UsageError
from dsqltokd import enabled as enabling
from dsqltokd import query as queries
from dsqltokd.channel import LeavingError
from dsqltokd.enabled import Enabled
from dsqltokd.kept import Kept
from dsqltokd.passfile import Passfile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from dsqltokd.channel import Channel
    from dsqltokd.enabled import Store
    from dsqltokd.pool import Pool
    from dsqltokd.query import Query
    from dsqltokd.requests import Connected, Handler, Requests

_log = logging.getLogger(__name__)
_CHANGE_SECONDS = 3.0  # that a change may take to come to its end when the daemon ends
_CLOSE_SECONDS = 5.0  # that taking out what is ours may take then


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
        self._kept: list[Kept] = []
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
            self._add(enabled).start()

    async def close(self, *, ours: bool) -> None:
        """Take all that is ours out of the files, and write nothing from then on.

        Where `ours` is not set, another daemon writes there already, and nothing is taken out.
        """
        self._closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CHANGE_SECONDS), self._turn:
                pass
        for kept in self._kept:
            kept.stop()
        closing = [asyncio.get_running_loop().create_task(each.close(clear=ours)) for each in self._files.values()]
        if closing:
            _, late = await asyncio.wait(closing, timeout=_CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*closing, return_exceptions=True)  # what failed was logged

    def describe(self) -> list[dict[str, Any]]:
        """Return what is kept and how that goes, for people to see."""
        return [kept.describe() for kept in self._kept]

    # The requests

    async def _enable(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        passfile, service = _path(params, "passfile"), _path(params, "service")
        if passfile is None:
            raise UsageError("passfile is missing", hint="it is the absolute path of the file")
        query = queries.read(params)
        enabling.refuse_secrets(query)
        found = await self._requests.connected(query)
        enabled = _enabled(found, query, passfile, service)
        async with self._changing():
            before = self._store.enabled
            enabling.check_service(enabled, before)
            old = [kept for kept in self._kept if enabled.replaces(kept.enabled)]
            await asyncio.to_thread(self._store.put, (*(o for o in before if not enabled.replaces(o)), enabled))
            try:
                kept = await self._first(enabled, found)
            except BaseException:
                await asyncio.to_thread(self._store.put, before)
                raise
            for each in old:
                await self._end(each, but=kept)
        return kept.describe()

    async def _first(self, enabled: Enabled, found: Connected) -> Kept:
        """Begin with a token in hand, which is in the file then. Raises what keeps it from being there."""
        kept = self._add(enabled)
        try:
            await kept.first(found)
        except BaseException:
            self._drop(kept)
            with contextlib.suppress(DsqltokError):  # what is told is the first that went wrong
                await self._release(kept.passfile)
                if kept.in_service_file and not any(enabled.replaces(each.enabled) for each in self._kept):
                    await kept.take_service_out()
            raise
        return kept

    async def _disable(self, params: dict[str, Any], _channel: Channel) -> dict[str, Any]:
        config, name = queries.read_path(params), params.get("name")
        async with self._changing():
            known = self._store.enabled
            gone = [each for each in known if name in (None, each.name) and config in (None, each.config)]
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

    def _add(self, enabled: Enabled) -> Kept:
        path = enabled.passfile
        if path not in self._files:
            passfile = self._files[path] = Passfile(path, self._pool, partial(self._written, path))
            passfile.start()
        kept = Kept(enabled, self._files[path], self._pool, self._requests)
        self._kept.append(kept)
        return kept

    def _written(self, path: str, seen: list[int] | None) -> None:
        if path in self._files:
            self._follow(path, seen, self._files[path].touch)

    def _drop(self, kept: Kept) -> None:
        """Let it be kept no more; its line is taken out soon."""
        kept.stop()
        self._kept.remove(kept)
        kept.passfile.put(kept, None)

    async def _end(self, kept: Kept, but: Kept | None = None) -> None:
        """Let it be kept no more, and take its line out now, and its entry in a service file unless that is `but`'s.

        Raises what prevents that, and then it goes on to be kept, unless `but` is in its place.
        """
        self._drop(kept)
        try:
            await kept.passfile.write()
            if but is None or but.enabled.service != kept.enabled.service:
                await kept.take_service_out()
        except BaseException:
            if but is None:
                self._add(kept.enabled).start()
            raise
        await self._release(kept.passfile)

    async def _release(self, passfile: Passfile) -> None:
        """Let a passfile alone that nothing is kept in any more."""
        if not any(each.passfile is passfile for each in self._kept):
            del self._files[passfile.path]
            self._forget(passfile.path)
            await passfile.close(clear=True)


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


def _path(params: dict[str, Any], name: str) -> str | None:
    try:
        return queries.read_path({"config": params.pop(name, None)})
    except UsageError as error:
        raise UsageError(error.message.replace("config", name, 1), hint=error.hint) from None
