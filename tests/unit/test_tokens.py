"""Which refreshes begin, when, and with what, where much is wanted at once."""

from __future__ import annotations

import asyncio
import json
from collections import UserDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok.errors import UnavailableError
from dsqltokd import clock
from dsqltokd.config import Config
from dsqltokd.known import Failure, Slot, State
from dsqltokd.model import Identity, Secret, Target, Token
from dsqltokd.pool import Pool
from dsqltokd.settings import Settings
from dsqltokd.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_UNASKED = 4
ALONE = 1.0  # seconds that each of these has before the next begins
LIFE = 900.0


class HeldPool(Pool):
    """Answers aws jobs when it is told to. `begun` has them in order, by profile and number of targets."""

    def __init__(self) -> None:
        super().__init__({})
        self.begun: list[tuple[str | None, int]] = []
        self.running = 0
        self.busiest = 0
        self._held: dict[str | None, asyncio.Event] = {}

    def hold(self, *profiles: str | None) -> None:
        """Let jobs of these profiles wait until they are released."""
        self._held |= {profile: asyncio.Event() for profile in profiles}

    def release(self, profile: str | None) -> None:
        """Let the jobs of a profile end."""
        self._held[profile].set()

    async def run(
        self, kind: str, job: Mapping[str, Any], *, deadline: float, key: object = None, linger: bool = True
    ) -> dict[str, Any]:
        assert (kind, deadline, linger) == ("aws", 10, True)
        assert isinstance(key, Identity)
        self.begun.append((job["profile"], len(job["targets"])))
        self.running += 1
        self.busiest = max(self.busiest, self.running)
        if job["profile"] in self._held:
            await self._held[job["profile"]].wait()
        else:
            await asyncio.sleep(0)
        self.running -= 1
        now = clock.now().wall
        tokens = [
            {"value": f"token of {host}", "region": region, "signed_at": now, "expires_at": now + job["ttl"]}
            for host, region, _ in job["targets"]
        ]
        return {"session": None, "tokens": tokens, "attended": False, "failure": None, "files": []}


class CountingTokens(Tokens):
    """Counts how often the timer has it look at what is due."""

    looks = 0

    def tick(self) -> None:
        self.looks += 1
        super().tick()


class CountedSlots(UserDict[Target, Slot]):
    """Counts how often somebody goes through all of them."""

    rounds = 0

    def __iter__(self) -> Iterator[Target]:
        self.rounds += 1
        return super().__iter__()


@pytest.fixture
def pool() -> HeldPool:
    return HeldPool()


class LateLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can be put on."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def tokens_of(pool: HeldPool, config: Config | None = None) -> CountingTokens:
    settings = Settings("/nonexistent/config.toml")
    settings.now = config or settings.now
    return CountingTokens(pool, settings, read=lambda *_: None, changed=lambda _: None, forgotten=lambda _: None)


def target(profile: str, number: int = 0) -> Target:
    return Target(f"db{number}.dsql.us-east-1.on.aws", "us-east-1", "DbConnect", Identity(profile))


def nearly_over(*targets: Target, failures: int = 0) -> State:
    """Return what is known of an identity, all of whose tokens are due, after some failures of long ago."""
    now = clock.now()
    token = Token(Secret("old"), "us-east-1", now.wall + 100 - LIFE, now.boot + 100 - LIFE, now.wall + 100)
    failure = Failure(UnavailableError("away"), now.boot - 10_000, failures) if failures else None
    return State({each: Slot(now.boot - 100, token) for each in targets}, failure=failure)


async def settle() -> None:
    """Let everything happen that needs no more than turns of the loop."""
    for _ in range(3000):
        await asyncio.sleep(0)


async def take_long(loop: LateLoop) -> None:
    """Let each refresh under way take so long that the next begins, if there is room for one."""
    for _ in range(MOST_UNASKED):
        loop.ahead += ALONE
        await settle()


@pytest.mark.parametrize("known", ["nothing is known", "all is about to end"])
def test_who_waits_for_500_targets_of_one_identity_is_served_by_one_job(pool: HeldPool, known: str) -> None:
    async def asked() -> None:
        tokens = tokens_of(pool)
        targets = [target("prod", number) for number in range(500)]
        if known == "all is about to end":
            tokens.states[targets[0].identity] = nearly_over(*targets)
        waiting = [asyncio.create_task(tokens.get(each, {})) for each in targets]
        assert {(await each).value.reveal() for each in waiting} == {f"token of {each.host}" for each in targets}
        await tokens.close()

    asyncio.run(asked())
    assert pool.begun == [("prod", 500)]


def test_who_asks_while_a_refresh_is_in_flight_is_served_by_the_next_all_together(pool: HeldPool) -> None:
    async def asked() -> None:
        tokens = tokens_of(pool)
        pool.hold("prod")
        waiting = [asyncio.create_task(tokens.get(target("prod"), {}))]
        await settle()
        waiting += [asyncio.create_task(tokens.get(target("prod", number), {})) for number in range(1, 100)]
        await settle()
        pool.release("prod")
        await asyncio.gather(*waiting)
        await tokens.close()

    asyncio.run(asked())
    assert pool.begun == [("prod", 1), ("prod", 99)]


def test_whoever_asks_first_has_all_that_is_due_signed(pool: HeldPool) -> None:
    async def asked() -> None:
        tokens = tokens_of(pool)
        due = [target("prod", number) for number in range(500)]
        tokens.states[due[0].identity] = nearly_over(*due)
        await tokens.get(due[7], {})
        await asyncio.gather(*(tokens.get(each, {}) for each in due))
        await tokens.close()

    asyncio.run(asked())
    assert pool.begun == [("prod", 500)]


def test_who_has_a_poor_token_waits_for_the_refresh_to_come_however_long_ago_the_last_one_began(pool: HeldPool) -> None:
    async def asked() -> None:
        tokens = tokens_of(pool)
        await tokens.get(target("prod"), {})
        tokens.states[Identity("prod")] = nearly_over(target("prod"))
        loop.ahead = 100.0
        assert (await tokens.get(target("prod"), {})).value.reveal() == "token of db0.dsql.us-east-1.on.aws"
        await tokens.close()

    loop = LateLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(asked())
    assert pool.begun == [("prod", 1), ("prod", 1)]


def test_what_falls_due_together_begins_one_after_the_other_and_comes_to_its_end(pool: HeldPool) -> None:
    async def woken() -> None:
        tokens = tokens_of(pool)
        for number in range(50):
            due = [target(f"team-{number}", each) for each in range(3)]
            tokens.states[due[0].identity] = nearly_over(*due)
        tokens.tick()
        await settle()
        assert all(known.attempt is None for known in tokens.states.values())
        await tokens.close()

    asyncio.run(woken())
    assert sorted(pool.begun) == sorted((f"team-{number}", 3) for number in range(50))
    assert pool.busiest == 1


def test_a_request_does_not_wait_for_the_turns_of_the_background(pool: HeldPool) -> None:
    async def woken() -> None:
        tokens = tokens_of(pool)
        profiles = [f"hung-{number}" for number in range(50)]
        pool.hold(*profiles)
        for profile in profiles:
            tokens.states[Identity(profile)] = nearly_over(target(profile))
        tokens.tick()
        await settle()
        assert len(pool.begun) == 1
        await take_long(loop)
        assert len(pool.begun) == MOST_UNASKED
        await tokens.get(target("prod"), {})
        waiting = asyncio.create_task(tokens.get(target("hung-49"), {}))
        await settle()
        assert pool.begun[MOST_UNASKED:] == [("prod", 1), ("hung-49", 1)]
        waiting.cancel()
        await tokens.close()

    loop = LateLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(woken())


def test_a_refresh_that_somebody_waits_for_takes_no_turn_of_the_background(pool: HeldPool) -> None:
    async def woken() -> None:
        tokens = tokens_of(pool)
        profiles = ["prod", *(f"hung-{number}" for number in range(MOST_UNASKED))]
        pool.hold(*profiles)
        for profile in profiles:
            tokens.states[Identity(profile)] = nearly_over(target(profile))
        waiting = asyncio.create_task(tokens.get(target("prod"), {}))
        await asyncio.sleep(0)
        tokens.tick()
        await take_long(loop)
        assert sorted(pool.begun) == sorted((profile, 1) for profile in profiles)
        waiting.cancel()
        await tokens.close()

    loop = LateLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(woken())


def test_while_the_background_is_busy_nothing_spins(pool: HeldPool) -> None:
    async def woken() -> None:
        tokens = tokens_of(pool)
        profiles = [f"hung-{number}" for number in range(MOST_UNASKED + 1)]
        pool.hold(*profiles)
        for profile in profiles:
            tokens.states[Identity(profile)] = nearly_over(target(profile))
        tokens.tick()
        await settle()
        assert tokens.looks == 1
        await take_long(loop)
        looks = tokens.looks
        await settle()
        assert tokens.looks == looks == MOST_UNASKED
        pool.release("hung-1")
        await settle()
        assert pool.begun[-1] == (profiles[-1], 1)
        await tokens.close()

    loop = LateLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(woken())


def test_a_refresh_goes_through_no_other_identitys_tokens(pool: HeldPool) -> None:
    async def refreshed() -> None:
        tokens = tokens_of(pool)
        now = clock.now()
        good = Token(Secret("good"), "us-east-1", now.wall, now.boot, now.wall + LIFE)
        others = {Identity(f"team-{number}"): CountedSlots() for number in range(20)}
        for identity, slots in others.items():
            slots[Target("db.dsql.us-east-1.on.aws", "us-east-1", "DbConnect", identity)] = Slot(now.boot, good)
            tokens.states[identity] = State(slots)
        tokens.tick()
        before = [slots.rounds for slots in others.values()]
        await tokens.get(target("prod"), {})
        tokens.states[Identity("prod")] = nearly_over(target("prod"))
        tokens.tick()
        await settle()
        assert [slots.rounds for slots in others.values()] == before
        await tokens.close()

    asyncio.run(refreshed())
    assert pool.begun == [("prod", 1), ("prod", 1)]


def test_targets_of_one_identity_share_what_is_the_same(pool: HeldPool) -> None:
    async def asked() -> None:
        tokens = tokens_of(pool)
        regions = [json.loads('"us-east-1"') for _ in range(4)]  # not one text, as from four requests
        asked = [replace(target("prod", number), region=region) for number, region in enumerate(regions)]
        await asyncio.gather(*(tokens.get(each, {}) for each in asked))
        [known] = tokens.states.values()
        assert list(known.slots) == asked
        assert len({(id(each.identity), id(each.region), id(each.action)) for each in known.slots}) == 1
        await tokens.close()

    asyncio.run(asked())


def test_what_failed_often_has_its_turn_after_what_did_not(pool: HeldPool) -> None:
    async def woken() -> None:
        tokens = tokens_of(pool)
        for number in range(50):
            due = target(f"team-{number}")
            tokens.states[due.identity] = nearly_over(due, failures=49 - number)
        tokens.tick()
        await settle()
        await tokens.close()

    asyncio.run(woken())
    assert [profile for profile, _ in pool.begun] == [f"team-{number}" for number in reversed(range(50))]


def test_what_a_request_waits_for_is_not_forgotten_before_it_begins(pool: HeldPool) -> None:
    async def asked() -> None:
        tokens = tokens_of(pool, Config(keep_warm=0))
        waiting = asyncio.create_task(tokens.get(target("prod"), {}))
        await asyncio.sleep(0)
        tokens.tick()
        assert (await waiting).value.reveal() == "token of db0.dsql.us-east-1.on.aws"
        await tokens.close()

    asyncio.run(asked())


def test_a_crowd_whose_token_was_refused_has_one_other_signed(pool: HeldPool) -> None:
    async def asked() -> None:
        tokens = tokens_of(pool)
        now = clock.now()
        old = Token(Secret("old"), "us-east-1", now.wall - 60, now.boot - 60, now.wall + 840)
        tokens.states[Identity("prod")] = State({target("prod"): Slot(now.boot, old)})
        assert (await tokens.get(target("prod"), {})).value.reveal() == "old"
        for _ in range(2):  # those of the second round get what was signed for the first
            found = await asyncio.gather(*(tokens.get(target("prod"), {}, fresh=True) for _ in range(100)))
            assert {token.value.reveal() for token in found} == {"token of db0.dsql.us-east-1.on.aws"}
        await tokens.close()

    asyncio.run(asked())
    assert pool.begun == [("prod", 1)]
