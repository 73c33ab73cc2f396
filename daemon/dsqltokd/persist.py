"""Keeping tokens and sessions across a restart: one entry in the OS keyring, written behind.

The rules:
- Memory is authoritative. What the keyring worker says, or does not say, changes no answer, and holds up none but the
  first after a start, by at most a second; it shows in the status.
- Nothing is stored before what an earlier daemon stored has been taken over, or it would be lost: a keyring is often
  unlocked only after the start. What was obtained meanwhile counts for more.
- What failed and may work later is tried again after 1 s, doubled up to 5 min, as long as there is something to load or
  to store. A keyring that does not answer may be asking somebody: it is left alone for the 5 min at once.
- Identities that hold secrets of an environment are not stored. An entry with nothing in it is deleted.
- What a newer version of dsqltok stored is left to it while anything in that is alive, though nothing can be stored
  then: whoever goes back to an older version for a while keeps what the newer one had.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

from dsqltok.errors import ConfigurationError, DsqltokError, TimedOutError
from dsqltokd import clock, schedule
from dsqltokd.known import Slot, State
from dsqltokd.model import Identity, Secret, Target, Token
from dsqltokd.pool import raise_error
from dsqltokd.serial import session_from_json, session_to_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from dsqltokd.model import Instant
    from dsqltokd.pool import Pool

_log = logging.getLogger(__name__)
VERSION = 1
_DEADLINE = 5.0
_DELAY = 0.5  # seconds for which changes are gathered into one write
_MAY_ASK = 300.0  # seconds for which a keyring that does not answer is left alone
_SKEW = 5.0  # seconds by which something stored may seem to lie in the future

Stored = tuple[Identity, State, list[Any]]  # the last are the AWS files that it rests on, with their identities


class Keeper:
    """The entry in the keyring.

    `backend` is what the configuration says of it now. `snapshot` gives what is worth storing at the moment of writing,
    `restore` takes over what an earlier daemon stored of an identity.
    """

    def __init__(
        self,
        pool: Pool,
        backend: Callable[[], str],
        snapshot: Callable[[], Iterable[Stored]],
        restore: Callable[[Identity, State, list[Any]], Awaitable[None]],
    ) -> None:
        self._pool = pool
        self._backend = backend
        self._snapshot = snapshot
        self._restore = restore
        self._closed = False
        self._loaded = False
        self._unwanted: set[Identity] = set()
        self._unsaved = False
        self._timer: asyncio.TimerHandle | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._looked = asyncio.Event()
        self._failures = 0
        self._rest_until = 0.0  # by the loop's clock
        self._name: str | None = None
        self._status: dict[str, Any] = {"state": "unknown", "backend": None, "error": None}

    @property
    def status(self) -> dict[str, Any]:
        """Return whether the keyring is in use, and what is wrong with it."""
        return {"state": "off", "backend": None, "error": None} if self._off else self._status

    @property
    def _off(self) -> bool:
        return self._backend() == "none"

    async def load(self) -> None:
        """Take over what an earlier daemon stored. Where the keyring does not give it now, that is tried again."""
        self._begin()
        if self._attempt is not None:
            await self._looked.wait()  # and not for what it may then store

    def touch(self) -> None:
        """Something has changed: write, soon."""
        self._unsaved = True
        if self._timer is None and self._attempt is None:
            self._schedule()

    async def flush(self) -> None:
        """Write now what is still to be written."""
        await self._settled()  # it may have begun before the last change
        if self._unsaved:
            self._begin()
            await self._settled()

    async def close(self) -> None:
        """Write now what is still to be written, and nothing after that: the entry is the next daemon's."""
        try:
            await self.flush()
        finally:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
            if self._attempt is not None:
                self._attempt.cancel()

    async def forget(self, identities: Iterable[Identity] | None) -> None:
        """Let nothing that an earlier daemon stored, of these identities or of all, come back."""
        await self._settled()  # it may be about to bring them back
        if identities is None:
            self._loaded = True
        else:
            self._unwanted.update(identities)
        self.touch()

    async def _settled(self) -> None:
        """Wait until no attempt is going on. One is not ended by the end of who waits for it."""
        while self._attempt is not None:
            await asyncio.wait([self._attempt])

    def _schedule(self) -> None:
        if self._off or self._closed:
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(max(_DELAY, self._rest_until - loop.time()), self._begin)

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._off and not self._closed:
            self._attempt = asyncio.get_running_loop().create_task(self._try())

    async def _try(self) -> None:
        again = False
        try:
            await self._looked_at()
            await self._store()
            self._status = {"state": "in use", "backend": self._name, "error": None}
            self._failures, self._rest_until, again = 0, 0.0, self._unsaved
        except DsqltokError as error:
            self._fail(error)
            again = error.retryable or self._loaded  # what has worked may well come back
        finally:
            self._attempt = None
        if again:
            self._schedule()

    def _fail(self, error: DsqltokError) -> None:
        if error.message != (self._status["error"] or {}).get("message"):
            _log.warning("keyring: %s", error.message)
        self._status = {"state": "memory only", "backend": None, "error": error.as_data()}
        self._failures += 1
        rest = _MAY_ASK if isinstance(error, TimedOutError) else schedule.backoff(self._failures, 0.0)
        self._rest_until = asyncio.get_running_loop().time() + rest

    async def _looked_at(self) -> None:
        try:
            await self._load()
        finally:
            self._looked.set()

    async def _load(self) -> None:
        if self._loaded:
            return
        text = await self._ask("load")
        try:
            async with asyncio.timeout(_DEADLINE):
                for each in decode(text, clock.now()) if text is not None else ():
                    if each[0] not in self._unwanted:
                        await self._restore(*each)
        except TimeoutError:
            _log.warning("keyring: the files behind what is stored cannot be looked at, so it is not used")
        self._loaded = True
        self._unwanted.clear()

    async def _store(self) -> None:
        if not self._unsaved:
            return
        self._unsaved = False
        text = encode(self._snapshot(), clock.now())
        try:
            await self._ask("store" if text is not None else "delete", text)
        except DsqltokError:
            self._unsaved = True
            raise

    async def _ask(self, op: str, value: str | None = None) -> str | None:
        job = {"op": op, "value": value, "backend": self._backend() or None}
        try:
            answer = await self._pool.run("keystore", job, deadline=_DEADLINE)
        except TimedOutError:
            hint = "see whether it waits for a password; tokens are kept in memory until it answers"
            raise TimedOutError(f"the keyring did not answer in {_DEADLINE:g} s", hint=hint) from None
        raise_error(answer)
        self._name = answer["backend"]
        loaded: str | None = answer["value"]
        return loaded


def encode(stored: Iterable[Stored], now: Instant) -> str | None:
    """Return the entry's text, None where nothing is alive. It holds secrets: it goes to the keyring and nowhere else.

    `until` is when the last of it ends, for older versions to know.
    """
    found = [_from_state(*each, now) for each in stored if each[0].seal is None]
    found = [each for each in found if each["tokens"] or each["session"]]
    ends = [part["expires_at"] for each in found for part in (*each["tokens"], each["session"]) if part]
    return json.dumps({"version": VERSION, "until": max(ends), "identities": found}) if found else None


def decode(text: str, now: Instant) -> list[Stored]:
    """Return what an entry holds that is still alive. What is foreign, damaged or of an older version holds nothing.

    Raises `ConfigurationError` where it is of a newer version, and not known to be over.
    """
    try:
        document = json.loads(text)
        if document["version"] > VERSION and document.get("until", now.wall + 1) > now.wall:
            hint = "use that version, or run dsqltok flush, which deletes the entry"
            raise ConfigurationError("the keyring's entry is of a newer version of dsqltok", hint=hint)
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
        if slot.token is not None and not slot.suspect and slot.token.remaining(now) > 0
    ]
    session = state.session if state.session is not None and state.session.expires_at > now.wall else None
    return {
        "profile": identity.profile,
        "role_arn": identity.role_arn,
        "environment": [list(pair) for pair in identity.environment],
        "files": files,
        "attended": state.attended,
        "tokens": tokens,
        "session": session_to_json(session),
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
