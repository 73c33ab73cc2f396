"""Projects as the core knows them: the last result of evaluating each, for as long as its files stay the same.

The core opens no project file: the `project` worker does, and says which files and environment variables it read. A
result holds until one of these files changes, and for callers in whose environment these variables are the same. A
project that was good and is now broken goes on with its last good result, and says so (`broken`).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dsqltok.errors import ConfigurationError, DsqltokError, EnvironmentNeededError, NotFoundError, TimedOutError
from dsqltok.protocol import is_aws
from dsqltokd import query as queries
from dsqltokd.model import Secret
from dsqltokd.pool import raise_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dsqltokd.pool import Pool
    from dsqltokd.query import Query

_log = logging.getLogger(__name__)
DEADLINE = 2.0  # seconds for one evaluation
_MOST_RESULTS = 4096
_MOST_NAMINGS = 8  # rounds in which a project may name further variables that it reads


@dataclass(frozen=True, slots=True)
class Key:
    """One question to one project: the project is the path with the variables, the rest is what is asked of it."""

    config: str
    env: str | None
    data: str | None
    variables: tuple[str, ...] = field(repr=False)


@dataclass(slots=True)
class Entry:
    """The answer to a question, for one setting of the environment variables that the project reads.

    `outcome` is what the worker said last, `texts` the files that it rests on, None if they are too long to keep.
    `error` is what keeps the worker from saying it again, or from saying anything. `current` is whether this holds.
    """

    key: Key
    outcome: dict[str, Any] | None = None
    error: DsqltokError | None = None
    current: bool = False
    files: frozenset[str] = frozenset()
    texts: dict[str, str] | None = field(default=None, repr=False)
    evaluation: asyncio.Task[None] | None = None
    urls: tuple[dict[str, Secret], tuple[Secret, ...]] | None = field(default=None, repr=False)

    @property
    def warnings(self) -> list[str]:
        """Return what a caller ought to know about the outcome."""
        if self.error is None:
            return []
        return [f"{self.error.message}; the last good version of the project is used"]


class Projects:
    """The questions asked so far, and their answers. `follow` is told the files, with their identities, to watch."""

    def __init__(
        self,
        pool: Pool,
        allow_hosts: tuple[str, ...],
        *,
        follow: Callable[[str, Any], None],
        forget: Callable[[str], None],
    ) -> None:
        self._pool = pool
        self._allow_hosts = list(allow_hosts)
        self._follow = follow
        self._forget = forget
        self._names: dict[Key, frozenset[str]] = {}
        self._entries: dict[tuple[Key, str], Entry] = {}
        self._by_file: dict[str, set[tuple[Key, str]]] = {}

    @property
    def entries(self) -> Iterable[Entry]:
        """Return all that is known, oldest first."""
        return self._entries.values()

    def peek(self, key: Key, query: Query) -> Entry | None:
        """Return the answer to `key` if it is known and holds."""
        environment = self._environment(key, query)
        entry = self._entries.get((key, queries.digest(environment))) if environment is not None else None
        return entry if entry is not None and entry.current and entry.outcome is not None else None

    async def get(self, key: Key, query: Query) -> Entry:
        """Return the answer to `key`, evaluating where need be.

        Raises `EnvironmentNeededError` where the project reads variables that the request left out, and what is wrong
        with the project or the question.
        """
        for _ in range(_MOST_NAMINGS):
            environment = self._environment(key, query)
            if environment is None:
                missing = sorted(self._names[key] - query.environment.keys())
                raise EnvironmentNeededError(
                    f"{key.config} reads environment variables that the request does not hold",
                    hint="ask again with these in environment, null for one that is not set",
                    data={"names": missing},
                )
            entry = self._entry(key, environment)
            if not entry.current:
                await self._evaluated(entry, environment)
            if self._environment(key, query) != environment:
                continue
            if entry.outcome is not None:
                return entry
            if entry.error is not None:
                raise entry.error.fresh()
        raise ConfigurationError(
            f"{key.config} reads other environment variables each time", hint="name them without a condition"
        )

    async def check(self, key: Key, query: Query) -> None:
        """Raise what is wrong with the project itself; that it has several envs, or reads variables, is not."""
        try:
            await self.get(key, query)
        except EnvironmentNeededError:
            pass
        except NotFoundError as error:
            if "candidates" not in error.data:
                raise

    async def urls(self, entry: Entry, query: Query, tokens: Mapping[str, Secret]) -> tuple[Secret, ...]:
        """Return the urls of the entry's envs with these tokens, by the data sources' names, in them."""
        if entry.urls is not None and entry.urls[0] == tokens:
            return entry.urls[1]
        revealed = {name: token.reveal() for name, token in tokens.items()}
        texts = entry.texts
        answer = await self._ask(entry.key, self._environment(entry.key, query) or {}, revealed, texts)
        raise_error(answer)
        urls = tuple(Secret(url) for url in answer["urls"])
        if entry.texts is texts:
            entry.urls = (dict(tokens), urls)
        return urls

    def changed(self, path: str) -> bool:
        """A file has changed: what rests on it is to be evaluated again. Tell whether anything does."""
        touched = tuple(self._by_file.get(path, ()))
        for place in touched:
            entry = self._entries[place]
            entry.current = False
            entry.urls = None
            # What reads no variable can be evaluated now, without a caller: a broken edit shows in the status at once.
            if not self._names.get(entry.key) and entry.outcome is not None and entry.evaluation is None:
                entry.evaluation = asyncio.get_running_loop().create_task(self._evaluate(entry, {}))
        return bool(touched)

    def rests_on(self, path: str) -> bool:
        """Tell whether a file matters to any project."""
        return path in self._by_file

    def _environment(self, key: Key, query: Query) -> dict[str, str | None] | None:
        """Return the caller's values of the variables that the project reads, None where the request left one out."""
        names = self._names.get(key, frozenset())
        if not all(name in query.environment or is_aws(name) for name in names):
            return None
        return {name: query.environment.get(name) for name in sorted(names)}

    def _entry(self, key: Key, environment: dict[str, str | None]) -> Entry:
        place = (key, queries.digest(environment))
        entry = self._entries.pop(place, None) or Entry(key)
        self._entries[place] = entry  # last in the order of use
        while len(self._entries) > _MOST_RESULTS:
            self._drop(next(iter(self._entries)))
        return entry

    def _drop(self, place: tuple[Key, str]) -> None:
        entry = self._entries.pop(place)
        self._index(place, entry.files, frozenset())
        if not any(key == entry.key for key, _ in self._entries):
            self._names.pop(entry.key, None)

    async def _evaluated(self, entry: Entry, environment: dict[str, str | None]) -> None:
        if entry.evaluation is None:
            entry.evaluation = asyncio.get_running_loop().create_task(self._evaluate(entry, environment))
        await asyncio.shield(entry.evaluation)

    async def _evaluate(self, entry: Entry, environment: dict[str, str | None]) -> None:
        try:
            answer = await self._ask(entry.key, environment, {}, None)
            if "names" not in answer:  # the worker did not come as far as the project
                raise_error(answer)
            self._names[entry.key] = self._names.get(entry.key, frozenset()) | frozenset(answer["names"])
            if "need" not in answer:
                self._hold(entry, environment, answer["files"])
                raise_error(answer)
                entry.texts = answer.pop("texts")
                entry.outcome, entry.error = answer, None
        except DsqltokError as error:
            self._note(entry, error)
        except Exception as error:  # noqa: BLE001 - whoever waits for the evaluation is to hear of it
            self._note(entry, DsqltokError(f"an evaluation failed ({type(error).__name__})", hint="please report this"))
        finally:
            entry.evaluation = None

    def _note(self, entry: Entry, error: DsqltokError) -> None:
        # Only a file that no longer makes sense keeps its last good meaning. One that now means something else has
        # that new meaning, though it be an error; so has one that is gone, or that is not to be trusted any more.
        if type(error) not in (ConfigurationError, DsqltokError) and not error.retryable:
            entry.outcome = None
        if error.retryable:
            entry.current = False
        entry.error = error.fresh()
        _log.warning("project: %s", error.message)

    def _hold(self, entry: Entry, environment: dict[str, str | None], files: list[Any]) -> None:
        """Take the answer for current until one of `files` changes."""
        place = (entry.key, queries.digest(environment))
        if self._entries.get(place) is not entry:
            return  # it was dropped meanwhile
        paths = frozenset(path for path, _ in files)
        self._index(place, entry.files, paths)
        entry.files, entry.current, entry.urls = paths, True, None
        for path, seen in files:
            self._follow(path, seen)

    def _index(self, place: tuple[Key, str], before: frozenset[str], after: frozenset[str]) -> None:
        for path in after - before:
            self._by_file.setdefault(path, set()).add(place)
        for path in before - after:
            self._by_file[path].discard(place)
            if not self._by_file[path]:
                del self._by_file[path]
                self._forget(path)

    async def _ask(
        self, key: Key, environment: dict[str, str | None], tokens: dict[str, str], texts: dict[str, str] | None
    ) -> dict[str, Any]:
        job = {
            "path": key.config,
            "env": key.env,
            "data": key.data,
            "vars": list(key.variables),
            "environment": environment,
            "tokens": tokens,
            "texts": texts,
            "allow_hosts": self._allow_hosts,
        }
        try:
            return await self._pool.run("project", job, deadline=DEADLINE)
        except TimedOutError:
            hint = "simplify it, and see that the files it reads are on a disk that answers"
            raise TimedOutError(f"{key.config} takes more than {DEADLINE:g} s to evaluate", hint=hint) from None
