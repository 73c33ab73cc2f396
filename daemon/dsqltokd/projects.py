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
from dsqltok.protocol import EVERY_AWS, is_aws
from dsqltokd import query as queries
from dsqltokd.model import Secret
from dsqltokd.pool import raise_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dsqltokd.evaluation import Evaluator, Outputs
    from dsqltokd.query import Key, Query

_log = logging.getLogger(__name__)
_MOST_RESULTS = 4096
_OUTPUT_SECONDS = 60.0  # for which a program's output counts; it may rest on anything, and nobody tells of a change
_HUNG_SECONDS = 30.0  # until what took too long is tried again, where a caller can be served without
_ALONE = 1.0  # seconds that an evaluation which nobody waits for has before the next one begins
_MOST_OVERTAKEN = 5  # evaluations in a row; a file that changes all the time is to be served all the same
_MOST_NAMINGS = 8  # rounds in which a project may name further variables that it reads


@dataclass(slots=True)
class Entry:
    """The answer to a question, for one setting of the environment variables that the project reads.

    `outcome` is what the worker said last, `texts` the files that it rests on, None if they are too long to keep, and
    `outputs` those of programs. `error` is what keeps the worker from saying it again, or from saying anything.
    `current` is whether this holds, `overtaken` whether an evaluation in flight may have read what no longer does.
    """

    key: Key
    outcome: dict[str, Any] | None = None
    error: DsqltokError | None = None
    current: bool = False
    overtaken: bool = False
    files: frozenset[str] = frozenset()
    texts: dict[str, str] | None = field(default=None, repr=False)
    outputs: Outputs = field(default_factory=list, repr=False)
    evaluation: asyncio.Task[None] | None = None
    urls: tuple[dict[str, Secret], tuple[Secret, ...]] | None = field(default=None, repr=False)
    connections: list[dict[str, Any]] | None = None

    def invalidate(self) -> None:
        """What it rests on has changed."""
        self.current, self.overtaken, self.urls, self.connections = False, True, None, None

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
        evaluator: Evaluator,
        *,
        follow: Callable[[str, Any], None],
        forget: Callable[[str], None],
    ) -> None:
        self._evaluator = evaluator
        self._follow = follow
        self._forget = forget
        self._names: dict[Key, frozenset[str]] = {}
        self._entries: dict[tuple[Key, str], Entry] = {}
        self._by_file: dict[str, set[tuple[Key, str]]] = {}
        self._outdated: dict[tuple[Key, str], None] = {}  # to be evaluated again, though nobody asks
        self._catching_up: asyncio.Task[None] | None = None

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
                raise _environment_needed(key, self._names[key], query)
            entry = self._entry(key, environment)
            if not entry.current:
                await self._evaluated(entry, environment, query.within)
            if self._environment(key, query) != environment:
                continue
            if entry.outcome is not None:
                return entry
            if entry.error is not None:
                raise entry.error.fresh()
        raise _restless(key)

    async def check(self, key: Key, query: Query) -> None:
        """Raise what is wrong with the project itself; that it has several envs, or reads variables, is not."""
        try:
            await self.get(key, query)
        except EnvironmentNeededError:
            pass
        except NotFoundError as error:
            if "candidates" not in error.data:
                raise

    async def ask(self, question: str, key: Key, query: Query, **given: Any) -> dict[str, Any]:
        """Return the answer to a question of a person's, of which nothing is kept; see `Evaluator.ask` for `given`.

        Raises what `get` raises.
        """
        names: frozenset[str] = frozenset()
        for _ in range(_MOST_NAMINGS):
            environment = _environment(names, query)
            if environment is None:
                raise _environment_needed(key, names, query)
            answer = await self._evaluator.ask(question, key, environment, within=query.within, **given)
            raise_error(answer)
            names |= frozenset(answer["names"])
            if "need" not in answer:
                return answer
        raise _restless(key)

    async def urls(self, entry: Entry, query: Query, tokens: Mapping[str, Secret]) -> tuple[Secret, ...]:
        """Return the urls of the entry's envs with these tokens, by the data sources' names, in them."""
        if entry.urls is not None and entry.urls[0] == tokens:
            return entry.urls[1]
        revealed = {name: token.reveal() for name, token in tokens.items()}
        texts, environment = entry.texts, self._environment(entry.key, query) or {}
        answer = await self._evaluator.ask(
            "urls", entry.key, environment, tokens=revealed, texts=texts, outputs=entry.outputs, within=query.within
        )
        raise_error(answer)
        urls = tuple(Secret(url) for url in answer["urls"])
        if entry.texts is texts:
            entry.urls = (dict(tokens), urls)
        return urls

    async def connections(self, entry: Entry, query: Query) -> list[dict[str, Any]]:
        """Return where the urls of the entry's envs lead, each with the `tokens` in it; see `worker.answers`.

        Raises where one must not carry its token.
        """
        if entry.connections is not None:
            return entry.connections
        texts = entry.texts
        answer = await self.ask("connections", entry.key, query, texts=texts, outputs=entry.outputs)
        found: list[dict[str, Any]] = answer["connections"]
        if entry.texts is texts:
            entry.connections = found
        return found

    def changed(self, path: str) -> bool:
        """A file has changed: what rests on it is to be evaluated again. Tell whether anything does."""
        touched = tuple(self._by_file.get(path, ()))
        for place in touched:
            entry = self._entries[place]
            entry.invalidate()
            # What reads no variable can be evaluated now, without a caller: a broken edit shows in the status at once.
            if not self._names.get(entry.key) and entry.outcome is not None:
                self._outdated[place] = None
        if self._outdated and (self._catching_up is None or self._catching_up.done()):
            self._catching_up = asyncio.get_running_loop().create_task(self._catch_up())
        return bool(touched)

    async def _catch_up(self) -> None:
        """Evaluate what nobody waits for, one after the other, which leaves processors to those who ask.

        Beside one that takes long others go on, so that what hangs holds up none of them.
        """
        while self._outdated:
            place = next(iter(self._outdated))
            del self._outdated[place]
            entry = self._entries.get(place)
            if entry is not None and not entry.current:
                await asyncio.wait([self._begun(entry, {}, ())], timeout=_ALONE)

    def forget_urls(self) -> None:
        """Forget every url: there is a token in it."""
        for entry in self._entries.values():
            entry.urls = None

    def outdate(self) -> None:
        """What a project means rests on something else now than its files: every one is to be evaluated again."""
        for entry in self._entries.values():
            entry.invalidate()

    def reconsider(self, config: str) -> None:
        """What the user allows a project to run has changed: what it says is to be evaluated again."""
        for entry in self._entries.values():
            if entry.key.config == config:
                entry.invalidate()

    def rests_on(self, path: str) -> bool:
        """Tell whether a file matters to any project."""
        return path in self._by_file

    def _environment(self, key: Key, query: Query) -> dict[str, str | None] | None:
        """Return the caller's values of the variables that the project reads, None where the request left one out."""
        return _environment(self._names.get(key, frozenset()), query)

    def _entry(self, key: Key, environment: dict[str, str | None]) -> Entry:
        place = (key, queries.digest(environment))
        entry = self._entries.pop(place, None) or Entry(key)
        self._entries[place] = entry  # last in the order of use
        while len(self._entries) > _MOST_RESULTS:
            self._drop(next(iter(self._entries)))
        return entry

    def _drop(self, place: tuple[Key, str]) -> None:
        entry = self._entries.pop(place)
        entry.invalidate()  # nobody hears of its files any more
        self._index(place, entry.files, frozenset())
        if not any(key == entry.key for key, _ in self._entries):
            self._names.pop(entry.key, None)

    async def _evaluated(self, entry: Entry, environment: dict[str, str | None], within: tuple[str, ...]) -> None:
        await asyncio.shield(self._begun(entry, environment, within))

    def _begun(self, entry: Entry, environment: dict[str, str | None], within: tuple[str, ...]) -> asyncio.Task[None]:
        if entry.evaluation is None:
            entry.evaluation = asyncio.get_running_loop().create_task(self._evaluate(entry, environment, within))
        return entry.evaluation

    async def _evaluate(self, entry: Entry, environment: dict[str, str | None], within: tuple[str, ...]) -> None:
        try:
            answer = await self._newest(entry, environment, within)
            if "names" not in answer:  # the worker did not come as far as the project
                raise_error(answer)
            self._learn_names(entry, frozenset(answer["names"]))
            if "need" not in answer:
                self._hold(entry, environment, answer["files"])
                raise_error(answer)
                entry.texts, entry.outputs = answer.pop("texts"), answer.pop("outputs")
                entry.outcome, entry.error = answer, None
                if entry.outputs:
                    asyncio.get_running_loop().call_later(_OUTPUT_SECONDS, _outdate, entry, answer)
        except DsqltokError as error:
            self._note(entry, error)
        except Exception as error:  # noqa: BLE001 - whoever waits for the evaluation is to hear of it
            self._note(entry, DsqltokError(f"an evaluation failed ({type(error).__name__})", hint="please report this"))
        finally:
            entry.evaluation = None

    def _learn_names(self, entry: Entry, names: frozenset[str]) -> None:
        """Note which variables the project reads. No answer holds for who left out one of them."""
        known = self._names.get(entry.key)
        self._names[entry.key] = names if known is None else known | names
        if known is not None and not names <= known:
            for other in self._entries.values():
                if other.key == entry.key:
                    other.current = False

    async def _newest(
        self, entry: Entry, environment: dict[str, str | None], within: tuple[str, ...]
    ) -> dict[str, Any]:
        """Have the project evaluated, and again where something changed meanwhile: by then others may have seen it."""
        answer: dict[str, Any] = {}
        for _ in range(_MOST_OVERTAKEN):
            entry.overtaken = False
            answer = await self._evaluator.ask("targets", entry.key, environment, within=within)
            if not entry.overtaken:
                break
        return answer

    def _note(self, entry: Entry, error: DsqltokError) -> None:
        # What was never good its caller is told, and nobody else needs to know. A bare DsqltokError is a bug.
        if entry.outcome is not None or type(error) is DsqltokError:
            _log.warning("project: %s", error.message)
        # Only a file that no longer makes sense keeps its last good meaning. One that now means something else has
        # that new meaning, though it be an error; so has one that is gone, or that is not to be trusted any more.
        if type(error) not in (ConfigurationError, DsqltokError) and not error.retryable:
            entry.outcome = None
        if error.retryable:
            entry.current = False
        if isinstance(error, TimedOutError) and entry.outcome is not None:
            entry.current = True  # while there is something to serve, not every caller is to wait for what hangs
            asyncio.get_running_loop().call_later(_HUNG_SECONDS, _outdate, entry, entry.outcome)
        entry.error = error.fresh()

    def _hold(self, entry: Entry, environment: dict[str, str | None], files: list[Any]) -> None:
        """Take the answer for current until one of `files` changes."""
        place = (entry.key, queries.digest(environment))
        if self._entries.get(place) is not entry:
            return  # it was dropped meanwhile
        paths = frozenset(path for path, _ in files)
        self._index(place, entry.files, paths)
        entry.files, entry.current, entry.urls, entry.connections = paths, True, None, None
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


def _environment(names: frozenset[str], query: Query) -> dict[str, str | None] | None:
    """Return the caller's values of these variables, None where the request left one out."""
    if not all(name in query.environment or is_aws(name) for name in names):
        return None
    values = {name: query.environment.get(name) for name in sorted(names)}
    return values | query.aws() if EVERY_AWS in names else values


def _environment_needed(key: Key, names: frozenset[str], query: Query) -> EnvironmentNeededError:
    return EnvironmentNeededError(
        f"{key.config} reads environment variables that the request does not hold",
        hint="ask again with these in environment, null for one that is not set",
        data={"names": sorted(name for name in names - query.environment.keys() if not is_aws(name))},
    )


def _restless(key: Key) -> ConfigurationError:
    return ConfigurationError(
        f"{key.config} reads other environment variables each time", hint="name them without a condition"
    )


def _outdate(entry: Entry, outcome: dict[str, Any]) -> None:
    if entry.outcome is outcome:
        entry.current = False
