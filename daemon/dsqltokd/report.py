"""What `daemon.status` says. No secret, and no value of a variable, is part of it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dsqltok import __version__
from dsqltok.errors import NotFoundError
from dsqltokd import clock, schedule
from dsqltokd.state import next_attempt, would_ask
from dsqltokd.usage import usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dsqltok.errors import DsqltokError
    from dsqltokd.known import Failure, Slot, State
    from dsqltokd.model import Identity, Instant, Policy, Target
    from dsqltokd.projects import Entry
    from dsqltokd.registry import Added
    from dsqltokd.settings import Settings
    from dsqltokd.uses import Use
    from dsqltokd.watch import Watcher


def moment(wall: float) -> str:
    """Return a wall-clock moment as text, in UTC and whole seconds, rounded down."""
    return datetime.fromtimestamp(int(wall), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def process(started_at: datetime, socket_path: str, workers: int, watcher: Watcher) -> dict[str, Any]:
    """Return what there is to say of the daemon's process."""
    return {
        "running": True,
        "version": __version__,
        "pid": os.getpid(),
        "started_at": moment(started_at.timestamp()),
        "socket": socket_path,
        "workers": workers,
        "watching": "by regular looks" if watcher.blind else "by events",
        "unanswered": list(watcher.unanswered),
        **usage(),
    }


def summary(states: dict[Identity, State], keyring: dict[str, Any]) -> str:
    """Return how the daemon is in a line of words, for a service manager to show."""
    now = clock.now()
    slots = [slot for state in states.values() for slot in state.slots.values() if slot.token or slot.failure]
    good = sum(slot.token is not None and schedule.is_usable(slot.token, now) for slot in slots)
    failing = sum(state.failure is not None or state.renewal is not None for state in states.values())
    words = f"{good} of {len(slots)} tokens good, keyring {keyring['state']}"
    return f"{words}, {failing} identities failing" if failing else words


def configuration(settings: Settings) -> dict[str, Any]:
    """Return which file the configuration is in, and what is wrong with it since it was good."""
    return {"file": settings.path, "error": settings.error.as_data() if settings.error else None}


def added(project: Added) -> dict[str, Any]:
    """Return an added project; of its variables, the names."""
    return {"config": project.config, "vars": _names(project.variables)}


def projects(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return what is known of each project in use."""
    return [
        {
            "config": entry.key.config,
            "env": entry.key.env,
            "data": entry.key.data,
            "vars": _names(entry.key.variables),
            "state": _project_state(entry),
            "error": _project_error(entry.error) if entry.error else None,
        }
        for entry in entries
        if entry.outcome is not None or (entry.error is not None and entry.error.kind != NotFoundError.kind)
    ]


def _project_error(error: DsqltokError) -> dict[str, object]:
    # The detail of what may pass is what a program said when it failed, which is for whoever asked.
    return error.as_data() | ({"detail": ""} if error.retryable else {})


def _project_state(entry: Entry) -> str:
    if entry.error is not None:
        return "broken" if entry.outcome is None else "broken, last good version in use"
    return "good" if entry.current else "changed, to be read again"


def target(entry: Entry, data: str, target: Target) -> dict[str, Any]:
    """Return what a token of a project is for, and what the project's caller ought to know."""
    return {
        "config": entry.key.config,
        "data": data,
        "host": target.host,
        "region": target.region,
        "action": target.action,
        "identity": target.identity.describe(),
        "warnings": entry.warnings,
    }


def tokens(
    states: dict[Identity, State], policy: Policy, last_use: Callable[[Target], Use | None] = lambda _: None
) -> list[dict[str, Any]]:
    """Return what is known of each token, never the token."""
    now = clock.now()
    return [
        {**_token(state, target, slot, now, policy), **_use(last_use(target))}
        for state in states.values()
        for target, slot in state.slots.items()
        if slot.token or _failure(state, slot) or state.attempt is not None
    ]


def _use(use: Use | None) -> dict[str, Any]:
    if use is None:
        return {"env": None, "last_used_at": None, "used_by": None}
    return {"env": use.env, "last_used_at": moment(use.at), "used_by": use.program}


def unready(states: dict[Identity, State], policy: Policy) -> list[str]:
    """Return why a token that is in use could not be served now, for each such; nothing where all could.

    Left out are those that only a request refreshes: by keys of its own, or by a program that may ask a person.
    """
    now = clock.now()
    return [
        f"{target.host} ({target.identity.describe()}): {_lack(state, slot, now)}"
        for identity, state in states.items()
        if identity.seal is None and not would_ask(state, now)
        for target, slot in state.slots.items()
        if now.boot - slot.used_boot <= policy.keep_warm
        and (slot.token is None or not schedule.is_usable(slot.token, now))
    ]


def _lack(state: State, slot: Slot, now: Instant) -> str:
    failure = _failure(state, slot)
    if failure is not None:
        return failure.error.message
    if state.attempt is not None:
        return "being fetched"
    ahead = slot.token is not None and slot.token.remaining(now) > 0
    return "signed in what is the future now" if ahead else "expired, and not asked for since"


def _token(state: State, target: Target, slot: Slot, now: Instant, policy: Policy) -> dict[str, Any]:
    token, failure = slot.token, _failure(state, slot)
    session, wait = state.session, next_attempt(state, slot, now, policy)
    return {
        "host": target.host,
        "region": token.region if token else target.region,
        "action": target.action,
        "identity": target.identity.describe(),
        "state": _token_state(slot, now),
        "expires_at": moment(token.expires_at) if token else None,
        "expires_in": max(0, int(token.remaining(now))) if token else None,
        "refresh_in": None if wait is None else int(wait),
        "credentials_expire_at": moment(session.expires_at) if session else None,
        "warm": now.boot - slot.used_boot <= policy.keep_warm,
        "refreshing": state.attempt is not None,
        "error": failure.error.as_data() if failure else None,
    }


def _failure(state: State, slot: Slot) -> Failure | None:
    return state.failure or slot.failure or state.renewal


def _token_state(slot: Slot, now: Instant) -> str:
    if slot.token is None:
        return "none"
    if slot.token.remaining(now) <= 0:
        return "expired"
    return "good" if schedule.is_usable(slot.token, now) and not slot.suspect else "to be replaced"


def _names(variables: Iterable[str]) -> list[str]:
    return [variable.partition("=")[0] for variable in variables]
