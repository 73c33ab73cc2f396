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
from dsqltokd.known import Slot, State
from dsqltokd.model import Identity, Instant, Policy, Secret, Session, Target, Token
from dsqltokd.persist import VERSION, Keeper, Stored, decode, encode
from dsqltokd.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

NOW = Instant(1_700_000_000.0, 9_000.0)
ME = Identity("prod", "arn:aws:iam::1:role/r", (("AWS_REGION", "eu-west-1"),))
TARGET = Target("abc.dsql.us-east-1.on.aws", None, "DbConnectAdmin", ME)
TOKEN = Token(Secret("abc/?Action=DbConnectAdmin"), "us-east-1", NOW.wall - 100, NOW.boot - 100, NOW.wall + 800)
SESSION = Session("ASIA", Secret("k"), Secret("t"), NOW.wall - 100, NOW.wall + 3500)
FILES = [["/home/me/.aws/config", [1, 2, 3, 4, 5, 6]], ["/home/me/.aws/credentials", None]]


def stored(token: Token | None = TOKEN, session: Session | None = SESSION, **slot: Any) -> Stored:
    return ME, State(slots={TARGET: Slot(NOW.boot - 50, token, **slot)}, session=session), FILES


def reread(now: Instant, *each: Stored) -> list[Stored]:
    return decode(text_of(*each), now)


def text_of(*each: Stored) -> str:
    text = encode(each, NOW)
    assert text is not None
    return text


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
    assert encode([(sealed, State(slots={target: Slot(0.0, TOKEN)}, session=SESSION), [])], NOW) is None


@pytest.mark.parametrize("later", [900.0, 4000.0])
def test_what_is_over_is_not_stored(later: float) -> None:
    now = Instant(NOW.wall + later, NOW.boot + later)
    text = encode([stored()], now)
    assert text is None or json.loads(text)["identities"][0]["tokens"] == []
    assert (text is None) == (later > 3500)


def test_an_identity_with_nothing_alive_is_not_stored() -> None:
    assert encode([stored(token=None, session=None)], NOW) is None
    assert len(reread(NOW, stored(token=None))) == 1


def test_an_entry_of_a_newer_version_is_known_as_such_until_all_in_it_is_over() -> None:
    newer = json.dumps(json.loads(GOOD) | {"version": VERSION + 1, "identities": "of another shape"})
    with pytest.raises(ConfigurationError, match="newer version"):
        decode(newer, Instant(NOW.wall + 3499, 7.0))
    assert decode(newer, Instant(NOW.wall + 3500, 7.0)) == []
    with pytest.raises(ConfigurationError, match="newer version"):
        decode('{"version": 7}', NOW)


GOOD = text_of(stored())


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
        json.dumps({**json.loads(GOOD), "version": VERSION - 1}),
        json.dumps({**json.loads(GOOD), "version": "2"}),
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
    try:
        found = decode(GOOD[:start] + instead + GOOD[start + length :], NOW)
    except ConfigurationError:
        found = []  # the damage made a newer version of it
    for _, known, files in found:
        assert all(slot.token is None or slot.token.remaining(NOW) > 0 for slot in known.slots.values())
        assert len(dict(files)) <= 2


# --- the keeper ------------------------------------------------------------------------------------------------------


class Loop(asyncio.SelectorEventLoop):
    """A loop whose clock the test sets forward, so that no test waits for a timer."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(scene())


async def wait(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    loop.ahead += seconds
    for _ in range(20):
        await asyncio.sleep(0)


class Keyring(Pool):
    """A pool whose keystore worker is a variable, or an error."""

    def __init__(self, value: str | None = None, error: Exception | None = None) -> None:
        super().__init__({})
        self.value = value
        self.error = error
        self.jobs: list[str] = []
        self.during: list[Any] = []  # called while a job runs
        self.stores = asyncio.Event()  # until it is set, what is to be stored waits
        self.stores.set()

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
        if job["op"] != "load":
            await self.stores.wait()
        if isinstance(self.error, ConfigurationError):
            return {"error": self.error.as_data()}
        if self.error is not None:
            raise self.error
        if job["op"] != "load":
            self.value = job["value"]
        return {"backend": "SecretService", "value": self.value if job["op"] == "load" else None}


class Daemon:
    """What a daemon has in memory, and its keeper."""

    def __init__(self, keyring: Keyring, known: list[Stored] | None = None, backend: str = "") -> None:
        self.known = [fresh()] if known is None else known
        self.backend = backend
        self.keeper = Keeper(keyring, lambda: self.backend, lambda: self.known, self.restore)

    async def restore(self, identity: Identity, known: State, files: list[Any]) -> None:
        self.known = [*self.known, (identity, known, files)]

    @property
    def whom(self) -> list[str]:
        return sorted(str(identity.profile) for identity, _, _ in self.known)


def fresh(profile: str = "prod") -> Stored:
    now = clock.now()
    token = Token(Secret("t"), "us-east-1", now.wall, now.boot, now.wall + 900)
    identity = replace(ME, profile=profile)
    return identity, State(slots={replace(TARGET, identity=identity): Slot(now.boot, token)}), []


def entry_of(*profiles: str) -> str:
    text = encode(map(fresh, profiles), clock.now())
    assert text is not None
    return text


def held_by(keyring: Keyring) -> list[str]:
    if keyring.value is None:
        return []
    return sorted(str(identity.profile) for identity, _, _ in decode(keyring.value, clock.now()))


LOCKED = UnavailableError("the keyring is locked")
NONE = ConfigurationError("no encrypted keyring is running")
HUNG = TimedOutError("the keystore worker did not finish in 5 s")


def test_what_one_daemon_stores_the_next_one_loads() -> None:
    async def scene() -> None:
        keyring = Keyring()
        first, second = Daemon(keyring), Daemon(keyring, known=[])
        await first.keeper.load()
        first.keeper.touch()
        await first.keeper.flush()
        await second.keeper.load()
        assert second.whom == ["prod"]
        assert second.known[0][1].slots.keys() == first.known[0][1].slots.keys()
        assert second.keeper.status == {"state": "in use", "backend": "SecretService", "error": None}

    play(scene)


def test_what_was_stored_counts_before_anything_is_stored_again() -> None:
    async def scene() -> None:
        keyring = Keyring(entry_of("prod"))
        keyring.stores.clear()
        daemon = Daemon(keyring, known=[])
        daemon.keeper.touch()  # as what is taken over does
        async with asyncio.timeout(10):
            await daemon.keeper.load()
        assert daemon.whom == ["prod"]
        keyring.stores.set()
        await daemon.keeper.flush()
        assert keyring.jobs == ["load", "store"]

    play(scene)


def test_several_changes_are_one_write() -> None:
    async def scene() -> None:
        keyring = Keyring()
        keeper = Daemon(keyring).keeper
        await keeper.load()
        for _ in range(5):
            keeper.touch()
        await wait(0.5)
        await keeper.flush()
        assert keyring.jobs == ["load", "store"]

    play(scene)


def test_what_is_to_be_written_is_written_at_the_end_and_nothing_after_it() -> None:
    async def scene() -> None:
        keyring = Keyring()
        keeper = Daemon(keyring).keeper
        await keeper.load()
        keeper.touch()
        await keeper.close()
        keeper.touch()
        await keeper.flush()
        await wait(1000)
        assert keyring.jobs == ["load", "store"]

    play(scene)


def test_nothing_is_written_where_nothing_has_changed() -> None:
    async def scene() -> None:
        keyring = Keyring()
        keeper = Daemon(keyring).keeper
        await keeper.load()
        await keeper.flush()
        await wait(1000)
        assert keyring.jobs == ["load"]

    play(scene)


@pytest.mark.parametrize("end", ["flush", "wait"])
def test_a_change_during_a_write_is_written_too(end: str) -> None:
    async def scene() -> None:
        keyring = Keyring()
        daemon = Daemon(keyring, known=[])
        await daemon.keeper.load()

        def change() -> None:
            daemon.known = [fresh()]
            daemon.keeper.touch()

        keyring.during = [change]
        daemon.keeper.touch()
        await wait(0.5)
        assert held_by(keyring) == []
        await (wait(0.5) if end == "wait" else daemon.keeper.flush())
        assert held_by(keyring) == ["prod"]

    play(scene)


def test_the_entry_is_deleted_where_nothing_is_left_to_store() -> None:
    async def scene() -> None:
        keyring = Keyring(entry_of("prod"))
        daemon = Daemon(keyring, known=[])
        await daemon.keeper.load()
        daemon.known = []
        daemon.keeper.touch()
        await daemon.keeper.flush()
        assert keyring.jobs == ["load", "delete"]

    play(scene)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LOCKED, "the keyring is locked"),
        (HUNG, "the keyring did not answer in 5 s"),
        (NONE, "no encrypted keyring is running"),
    ],
)
def test_a_keyring_that_cannot_be_used_shows_in_the_status_and_nowhere_else(error: Exception, said: str) -> None:
    async def scene() -> None:
        keeper = Daemon(Keyring(error=error)).keeper
        await keeper.load()
        keeper.touch()
        await keeper.flush()
        assert keeper.status["state"] == "memory only"
        assert keeper.status["error"]["message"] == said

    play(scene)


def test_a_keyring_that_is_unlocked_later_loses_nothing_and_gets_everything() -> None:
    async def scene() -> None:
        keyring = Keyring(entry_of("earlier"), error=LOCKED)
        daemon = Daemon(keyring, known=[])
        await daemon.keeper.load()
        daemon.known = [fresh("later")]
        daemon.keeper.touch()
        await wait(60)
        keyring.error = None
        await wait(60)
        assert daemon.whom == held_by(keyring) == ["earlier", "later"]
        assert daemon.keeper.status["state"] == "in use"

    play(scene)


def test_what_could_not_be_stored_is_stored_later() -> None:
    async def scene() -> None:
        keyring = Keyring()
        daemon = Daemon(keyring)
        await daemon.keeper.load()
        for error in (LOCKED, HUNG, NONE):
            keyring.error, keyring.value = error, None
            daemon.keeper.touch()
            await wait(0.5)
            assert daemon.keeper.status["state"] == "memory only"
            keyring.error = None
            await wait(300)
            assert held_by(keyring) == ["prod"]

    play(scene)


@pytest.mark.parametrize(("error", "most"), [(LOCKED, 20), (HUNG, 14), (NONE, 20)])
def test_a_keyring_that_fails_is_asked_less_and_less(error: Exception, most: int) -> None:
    async def scene() -> None:
        keyring = Keyring(error=error)
        keeper = Daemon(keyring).keeper
        await keeper.load()
        for _ in range(3600):
            keeper.touch()
            await wait(1)
        assert 3 < len(keyring.jobs) <= most

    play(scene)


def test_where_there_is_no_keyring_none_is_looked_for_unless_there_is_something_new_to_store() -> None:
    async def scene() -> None:
        keyring = Keyring(error=NONE)
        daemon = Daemon(keyring)
        await daemon.keeper.load()
        await wait(10_000)
        assert keyring.jobs == ["load"]
        keyring.error = None
        daemon.keeper.touch()
        await wait(0.5)
        assert keyring.jobs == ["load", "load", "store"]

    play(scene)


def test_the_entry_of_a_newer_version_is_not_overwritten() -> None:
    async def scene() -> None:
        newer = json.dumps(json.loads(entry_of("newer")) | {"version": VERSION + 1})
        keyring = Keyring(newer)
        keeper = Daemon(keyring).keeper
        await keeper.load()
        keeper.touch()
        await wait(1000)
        await keeper.flush()
        assert keyring.value == newer
        assert "newer version" in keeper.status["error"]["message"]
        await keeper.forget(None)
        await keeper.flush()
        assert held_by(keyring) == ["prod"]

    play(scene)


@pytest.mark.parametrize(("whom", "left"), [(["a"], ["b"]), (None, [])])
def test_what_was_forgotten_while_the_keyring_was_locked_does_not_come_back(
    whom: list[str] | None, left: list[str]
) -> None:
    async def scene() -> None:
        keyring = Keyring(entry_of("a", "b"), error=LOCKED)
        daemon = Daemon(keyring, known=[])
        await daemon.keeper.load()
        await daemon.keeper.forget(None if whom is None else [replace(ME, profile=each) for each in whom])
        await daemon.keeper.flush()
        keyring.error = None
        await wait(300)
        assert daemon.whom == held_by(keyring) == left

    play(scene)


def test_a_file_system_that_hangs_does_not_keep_anything_from_being_stored() -> None:
    async def scene() -> None:
        keyring = Keyring(entry_of("prod"))
        hangs = asyncio.get_running_loop().create_future()

        async def restore(_identity: Identity, _known: State, _files: list[Any]) -> None:
            await hangs

        keeper = Keeper(keyring, str, lambda: [fresh("new")], restore)
        loading = asyncio.get_running_loop().create_task(keeper.load())
        await wait(0)
        await wait(5)
        await loading
        keeper.touch()
        await keeper.flush()
        assert held_by(keyring) == ["new"]

    play(scene)


def test_without_a_keyring_by_configuration_none_is_asked() -> None:
    async def scene() -> None:
        keyring = Keyring()
        daemon = Daemon(keyring, backend="none")
        await daemon.keeper.load()
        daemon.keeper.touch()
        await daemon.keeper.flush()
        await wait(1000)
        assert keyring.jobs == []
        assert daemon.keeper.status["state"] == "off"
        daemon.backend = ""
        daemon.keeper.touch()
        await wait(0.5)
        assert held_by(keyring) == ["prod"]

    play(scene)
