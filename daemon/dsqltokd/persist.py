"""Keeping tokens and sessions across a restart: one entry in the OS keyring, written behind.

Memory is authoritative. What the keyring worker says, or does not say, changes no answer, and holds up none but the
first after a start, by at most a second; it shows in the status. Identities that hold secrets of an environment are
not stored.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from dsqltok.errors import DsqltokError, TimedOutError
from dsqltokd import clock
from dsqltokd.model import Identity, Secret, Target, Token
from dsqltokd.pool import raise_error
from dsqltokd.serial import session_from_json, session_to_json
from dsqltokd.state import Slot, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dsqltokd.model import Instant
    from dsqltokd.pool import Pool

_log = logging.getLogger(__name__)
VERSION = 1
_DEADLINE = 5.0
_DELAY = 0.5  # seconds for which changes are gathered into one write
_SKEW = 5.0  # seconds by which something stored may seem to lie in the future

Stored = tuple[Identity, State, list[Any]]  # the last are the AWS files that it rests on, with their identities


class Keeper:
    """The entry in the keyring. `snapshot` gives what is worth storing at the moment of writing."""

    def __init__(self, pool: Pool, backend: str, snapshot: Callable[[], Iterable[Stored]]) -> None:
        self._pool = pool
        self._backend = backend or None
        self._off = backend == "none"
        self._snapshot = snapshot
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._again = False
        self.status: dict[str, Any] = {"state": "off" if self._off else "unknown", "backend": None, "error": None}

    async def load(self) -> list[Stored]:
        """Return what an earlier daemon stored and is still alive, nothing where the keyring gives nothing."""
        answer = await self._ask("load")
        if answer is None or answer["value"] is None:
            return []
        return decode(answer["value"], clock.now())

    def touch(self) -> None:
        """Something has changed: write, soon."""
        if not self._off and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_DELAY, self._write)

    async def flush(self) -> None:
        """Write now what is still to be written."""
        if self._timer is not None:
            self._write()
        while self._writing is not None:
            await self._writing

    async def close(self) -> None:
        """Write now what is still to be written, and nothing after that."""
        try:
            await self.flush()
        finally:
            self._off = True

    def _write(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            self._again = True
            return
        self._writing = asyncio.get_running_loop().create_task(self._store())

    async def _store(self) -> None:
        try:
            await self._ask("store", encode(self._snapshot(), clock.now()))
        finally:
            self._writing = None
        if self._again:
            self._again = False
            self._write()

    async def _ask(self, op: str, value: str | None = None) -> dict[str, Any] | None:
        if self._off:
            return None
        try:
            job = {"op": op, "value": value, "backend": self._backend}
            answer = await self._run(job)
            raise_error(answer)
        except DsqltokError as error:
            if error.message != (self.status["error"] or {}).get("message"):
                _log.warning("keyring: %s", error.message)
            self.status = {"state": "memory only", "backend": None, "error": error.as_data()}
            return None
        self.status = {"state": "in use", "backend": answer["backend"], "error": None}
        return answer

    async def _run(self, job: dict[str, Any]) -> dict[str, Any]:
        try:
            return await self._pool.run("keystore", job, deadline=_DEADLINE)
        except TimedOutError:
            hint = "see whether it waits for a password; tokens are kept in memory until it answers"
            raise TimedOutError(f"the keyring did not answer in {_DEADLINE:g} s", hint=hint) from None


def encode(stored: Iterable[Stored], now: Instant) -> str:
    """Return the entry's text. It holds secrets: it goes to the keyring and nowhere else."""
    found = [_from_state(*each, now) for each in stored if each[0].seal is None]
    return json.dumps({"version": VERSION, "identities": found})


def decode(text: str, now: Instant) -> list[Stored]:
    """Return what an entry holds that is still alive. What is foreign, damaged or of another version holds nothing."""
    try:
        document = json.loads(text)
        if document["version"] != VERSION:
            return []
        found = [_to_state(each, now) for each in document["identities"]]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return []
    return [each for each in found if each[1].slots or each[1].session]


def _from_state(identity: Identity, state: State, files: list[Any], now: Instant) -> dict[str, Any]:
    tokens = [
        {
            "host": target.host,
            "region": target.region,
            "action": target.action,
            "used_at": now.wall - (now.boot - slot.used_boot),
            "value": slot.token.value.reveal(),
            "signed_region": slot.token.region,
            "signed_at": slot.token.signed_at,
            "expires_at": slot.token.expires_at,
        }
        for target, slot in state.slots.items()
        if slot.token is not None and not slot.suspect
    ]
    return {
        "profile": identity.profile,
        "role_arn": identity.role_arn,
        "environment": [list(pair) for pair in identity.environment],
        "files": files,
        "attended": state.attended,
        "tokens": tokens,
        "session": session_to_json(state.session),
    }


def _to_state(each: Mapping[str, Any], now: Instant) -> Stored:
    identity = Identity(
        each["profile"], each["role_arn"], tuple((str(name), str(value)) for name, value in each["environment"])
    )
    slots: dict[Target, Slot] = {}
    for found in each["tokens"]:
        age = now.wall - found["signed_at"]
        token = Token(
            Secret(str(found["value"])),
            str(found["signed_region"]),
            float(found["signed_at"]),
            now.boot - max(0.0, age),
            float(found["expires_at"]),
        )
        if age > -_SKEW and token.remaining(now) > 0:
            target = Target(found["host"], found["region"], found["action"], identity)
            slots[target] = Slot(used_boot=now.boot - max(0.0, now.wall - found["used_at"]), token=token)
    session = session_from_json(each["session"])
    if session is not None and (session.expires_at <= now.wall or session.obtained_at > now.wall + _SKEW):
        session = None
    files = [[str(path), seen and [int(part) for part in seen]] for path, seen in each["files"]]
    return identity, State(slots=slots, session=session, attended=bool(each["attended"])), files
