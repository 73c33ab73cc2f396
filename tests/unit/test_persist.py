from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltok.errors import ConfigurationError, TimedOutError, UnavailableError
from dsqltokd import clock, state
from dsqltokd.model import Identity, Instant, Policy, Secret, Session, Target, Token
from dsqltokd.persist import VERSION, Keeper, Stored, decode, encode
from dsqltokd.pool import Pool
from dsqltokd.state import Slot, State

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = Instant(1_700_000_000.0, 9_000.0)
ME = Identity("prod", "arn:aws:iam::1:role/r", (("AWS_REGION", "eu-west-1"),))
TARGET = Target("abc.dsql.us-east-1.on.aws", None, "DbConnectAdmin", ME)
TOKEN = Token(Secret("abc/?Action=DbConnectAdmin"), "us-east-1", NOW.wall - 100, NOW.boot - 100, NOW.wall + 800)
SESSION = Session("ASIA", Secret("k"), Secret("t"), NOW.wall - 100, NOW.wall + 3500)
FILES = [["/home/me/.aws/config", [1, 2, 3, 4, 5, 6]], ["/home/me/.aws/credentials", None]]


def stored(token: Token | None = TOKEN, session: Session | None = SESSION, **slot: Any) -> Stored:
    return ME, State(slots={TARGET: Slot(NOW.boot - 50, token, **slot)}, session=session), FILES


def reread(now: Instant, *each: Stored) -> list[Stored]:
    return decode(encode(each, NOW), now)


def change(text: str, **identity: Any) -> str:
    document = json.loads(text)
    document["identities"][0] |= identity
    return json.dumps(document)


def change_token(text: str, **token: Any) -> str:
    document = json.loads(text)
    document["identities"][0]["tokens"][0] |= token
    return json.dumps(document)


def test_what_was_stored_comes_back() -> None:
    assert reread(NOW, stored()) == [stored()]


def test_after_a_boot_a_token_has_the_life_that_the_wall_clock_leaves_it() -> None:
    [(_, known, _)] = reread(Instant(NOW.wall + 300, 7.0), stored())
    later = Instant(NOW.wall + 400, 107.0)
    _, verdict = state.ask(known, TARGET, later, Policy())
    assert verdict.token is not None
    assert verdict.token.remaining(later) == pytest.approx(400)


def test_a_use_long_ago_stays_long_ago() -> None:
    [(_, known, _)] = reread(Instant(NOW.wall + 300, 7.0), stored())
    assert known.slots[TARGET].used_boot == pytest.approx(7.0 - 350)


@pytest.mark.parametrize("later", [800.0, 801.0, 1e6])
def test_an_expired_token_does_not_come_back(later: float) -> None:
    assert reread(Instant(NOW.wall + later, NOW.boot + later), stored(session=None)) == []


def test_an_expired_session_does_not_come_back() -> None:
    assert reread(Instant(NOW.wall + 3500, 5.0), stored()) == []


def test_what_was_made_in_what_is_the_future_now_does_not_come_back() -> None:
    assert reread(Instant(NOW.wall - 3600, 5.0), stored()) == []


def test_a_token_whose_files_changed_is_not_stored() -> None:
    [(_, known, _)] = reread(NOW, stored(suspect=True))
    assert known.slots == {}


def test_what_rests_on_secrets_of_an_environment_is_not_stored() -> None:
    sealed = replace(ME, seal="a keyed hash")
    target = replace(TARGET, identity=sealed)
    text = encode([(sealed, State(slots={target: Slot(0.0, TOKEN)}, session=SESSION), [])], NOW)
    assert json.loads(text) == {"version": VERSION, "identities": []}


@pytest.mark.parametrize("session", [None, SESSION])
def test_an_identity_with_nothing_alive_does_not_come_back(session: Session | None) -> None:
    found = reread(NOW, stored(token=None, session=session))
    assert len(found) == (session is not None)


GOOD = encode([stored()], NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[" * 100_000,
        "null",
        "[]",
        '"text"',
        "{}",
        '{"version": 1}',
        '{"version": 1, "identities": 5}',
        '{"version": 1, "identities": [5]}',
        json.dumps({**json.loads(GOOD), "version": VERSION + 1}),
        GOOD[:-20],
        change(GOOD, tokens=None),
        change(GOOD, files=5),
        change(GOOD, files=[["/a"]]),
        change(GOOD, files=[["/a", "no identity"]]),
        change(GOOD, environment=[["a"]]),
        change(GOOD, session=[]),
        change_token(GOOD, signed_at="now"),
        change_token(GOOD, expires_at=None),
        change_token(GOOD, signed_at=10**400),
        change_token(GOOD, host=["a"]),
    ],
    ids=lambda text: text[:20],
)
def test_an_entry_that_is_damaged_or_of_something_else_holds_nothing(text: str) -> None:
    assert decode(text, NOW) == []


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 20), st.text(alphabet='{}[]":,0-9eaN \x00ü', max_size=5))
def test_no_damage_to_an_entry_brings_more_than_living_tokens(start: int, length: int, instead: str) -> None:
    for _, known, files in decode(GOOD[:start] + instead + GOOD[start + length :], NOW):
        assert all(slot.token is None or slot.token.remaining(NOW) > 0 for slot in known.slots.values())
        assert len(dict(files)) <= 2


# --- the keeper ------------------------------------------------------------------------------------------------------


class Keyring(Pool):
    """A pool whose keystore worker is a variable, or an error."""

    def __init__(self, value: str | None = None, error: Exception | None = None) -> None:
        super().__init__({})
        self.value = value
        self.error = error
        self.jobs: list[str] = []
        self.during: list[Any] = []  # called while a job runs

    async def run(
        self, kind: str, job: Mapping[str, Any], *, deadline: float, key: object = None, linger: bool = True
    ) -> dict[str, Any]:
        assert (kind, key, linger) == ("keystore", None, True)
        assert deadline == 5.0
        self.jobs.append(job["op"])
        await asyncio.sleep(0)
        for happen in self.during:
            happen()
        self.during = []
        if isinstance(self.error, ConfigurationError):
            return {"error": self.error.as_data()}
        if self.error is not None:
            raise self.error
        if job["op"] == "store":
            self.value = job["value"]
        return {"backend": "SecretService", "value": self.value if job["op"] == "load" else None}


def fresh() -> Stored:
    now = clock.now()
    token = Token(Secret("t"), "us-east-1", now.wall, now.boot, now.wall + 900)
    return ME, State(slots={TARGET: Slot(now.boot, token)}), []


def test_what_one_daemon_stores_the_next_one_loads() -> None:
    async def scene() -> None:
        keyring = Keyring()
        known = fresh()
        first = Keeper(keyring, "", lambda: [known])
        first.touch()
        await first.flush()
        second = Keeper(keyring, "", list)
        [(identity, found, _)] = await second.load()
        assert identity == ME
        assert found.slots.keys() == known[1].slots.keys()
        assert second.status == {"state": "in use", "backend": "SecretService", "error": None}

    asyncio.run(scene())


def test_several_changes_are_one_write() -> None:
    async def scene() -> None:
        keyring = Keyring()
        keeper = Keeper(keyring, "", lambda: [fresh()])
        for _ in range(5):
            keeper.touch()
        await keeper.flush()
        assert keyring.jobs == ["store"]

    asyncio.run(scene())


def test_what_is_to_be_written_is_written_at_the_end_and_nothing_after_it() -> None:
    async def scene() -> None:
        keyring = Keyring()
        keeper = Keeper(keyring, "", lambda: [fresh()])
        keeper.touch()
        await keeper.close()
        keeper.touch()
        await keeper.flush()
        assert keyring.jobs == ["store"]

    asyncio.run(scene())


def test_nothing_is_written_where_nothing_has_changed() -> None:
    async def scene() -> None:
        keyring = Keyring()
        await Keeper(keyring, "", lambda: [fresh()]).flush()
        assert keyring.jobs == []

    asyncio.run(scene())


def test_a_change_during_a_write_is_written_too() -> None:
    async def scene() -> None:
        keyring = Keyring()
        known: list[Stored] = []
        keeper = Keeper(keyring, "", lambda: known)

        async def change_and_flush() -> None:
            known.append(fresh())
            keeper.touch()
            await keeper.flush()

        changes: list[asyncio.Task[None]] = []
        keyring.during = [lambda: changes.append(asyncio.get_running_loop().create_task(change_and_flush()))]
        keeper.touch()
        await keeper.flush()
        await asyncio.gather(*changes)
        assert keyring.value is not None
        assert len(decode(keyring.value, clock.now())) == 1

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnavailableError("the keyring is locked"), "the keyring is locked"),
        (TimedOutError("the keystore worker did not finish in 5 s"), "the keyring did not answer in 5 s"),
        (ConfigurationError("no encrypted keyring is running"), "no encrypted keyring is running"),
    ],
)
def test_a_keyring_that_cannot_be_used_shows_in_the_status_and_nowhere_else(error: Exception, said: str) -> None:
    async def scene() -> None:
        keeper = Keeper(Keyring(error=error), "", lambda: [fresh()])
        assert await keeper.load() == []
        keeper.touch()
        await keeper.flush()
        assert keeper.status["state"] == "memory only"
        assert keeper.status["error"]["message"] == said

    asyncio.run(scene())


def test_a_keyring_that_works_again_is_used_again() -> None:
    async def scene() -> None:
        keyring = Keyring(error=UnavailableError("the keyring is locked"))
        keeper = Keeper(keyring, "", lambda: [fresh()])
        await keeper.load()
        keyring.error = None
        keeper.touch()
        await keeper.flush()
        assert keeper.status["state"] == "in use"
        assert keyring.value is not None

    asyncio.run(scene())


def test_without_a_keyring_by_configuration_none_is_asked() -> None:
    async def scene() -> None:
        keyring = Keyring()
        keeper = Keeper(keyring, "none", lambda: [fresh()])
        assert await keeper.load() == []
        keeper.touch()
        await keeper.flush()
        assert keyring.jobs == []
        assert keeper.status["state"] == "off"

    asyncio.run(scene())
