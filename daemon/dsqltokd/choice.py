"""Which token a query means, among those that a project has, and which project, among those that were added."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dsqltok.errors import DsqltokError, EnvironmentNeededError, NotFoundError
from dsqltokd.model import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dsqltokd.projects import Entry, Projects
    from dsqltokd.query import Key, Query
    from dsqltokd.registry import Added


@dataclass(frozen=True, slots=True)
class Chosen:
    """A token that a query means: the data source's name, what it is for, and the url's user and env where known."""

    data: str
    target: Target
    user: str | None
    env: str | None


def token(entry: Entry, query: Query) -> Chosen:
    """Return the one token that the query means. Raises `NotFoundError` where there are several."""
    found = [chosen for chosen in all_tokens(entry, query) if query.data in (None, chosen.data)]
    if len(found) > 1:
        names = [chosen.data for chosen in found]
        raise NotFoundError(
            f'env "{found[0].env}" uses several tokens: {", ".join(names)}',
            hint=f"choose one, such as --data {names[0]}",
            data={"candidates": names, "absent": "token"},
        )
    return found[0]


def all_tokens(entry: Entry, query: Query) -> list[Chosen]:
    """Return every token that the envs of the query use, and the one that it names. There is at least one."""
    outcome = entry.outcome
    assert outcome is not None  # noqa: S101 - who holds an entry has its outcome
    instances = outcome["instances"]
    chosen = []
    for data, target in targets(outcome["targets"], query).items():
        instance = next((each for each in instances if data in each["tokens"]), instances[0] if instances else {})
        user = instance.get("user") or ("admin" if target.action == "DbConnectAdmin" else None)
        chosen.append(Chosen(data, target, user, outcome["env"]))
    return chosen


def targets(found: Mapping[str, Mapping[str, Any]], query: Query) -> dict[str, Target]:
    """Return what the tokens that a worker found are for, when this caller asks, by their names."""
    return {
        data: Target(
            host=each["host"],
            region=each["region"],
            action=each["action"],
            identity=query.identity(each["profile"], each["role_arn"]),
        )
        for data, each in found.items()
    }


async def among_added(projects: Projects, added: tuple[Added, ...], query: Query) -> Entry:
    """Return the answer of the one added project that has one. Raises `NotFoundError` for none, or for several."""
    keys = [query.key(each.config, _variables(each, query)) for each in added]
    if not keys:
        raise NotFoundError(
            "there is no atlas.hcl at or above this directory",
            hint="name one with --config FILE, or make one known everywhere with dsqltok projects add FILE",
        )
    if len(keys) == 1:
        return await projects.get(keys[0], query)
    if query.env is None and query.data is None:
        raise _several("several projects were added", keys)
    outcomes = await asyncio.gather(*(projects.get(key, query) for key in keys), return_exceptions=True)
    found = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    for error in errors:
        if isinstance(error, EnvironmentNeededError) or not isinstance(error, DsqltokError):
            raise error
    if len(found) > 1:
        raise _several(f'several added projects have "{query.env or query.data}"', [entry.key for entry in found])
    if not found:
        # That a project has no such env tells its candidates; that its file is gone does not, and is worth knowing.
        broken = next((error for error in errors if "candidates" not in getattr(error, "data", {})), None)
        raise broken or NotFoundError(
            f'none of the added projects has "{query.env or query.data}"',
            hint="dsqltok projects list shows them",
            data={"candidates": [key.config for key in keys]},
        )
    return found[0]


def _variables(added: Added, query: Query) -> tuple[str, ...]:
    """Return the variables that a project was added with, but for those that the query gives anew, and the query's."""
    anew = {text.partition("=")[0] for text in query.variables}
    return (*(text for text in added.variables if text.partition("=")[0] not in anew), *query.variables)


def _several(text: str, keys: list[Key]) -> NotFoundError:
    paths = [key.config for key in keys]
    return NotFoundError(
        f"{text}: {', '.join(paths)}", hint=f"choose one, such as --config {paths[0]}", data={"candidates": paths}
    )
