"""Remembered answers, held against what each request would be answered if nobody had asked before."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from dsqltokd import clock
from dsqltokd.config import Config
from dsqltokd.query import Key, Query
from unit.ahead import play_ahead, put_ahead
from unit.answering import (
    AGE,
    ALLOWED,
    CONFIG,
    DOUBT,
    EVENTS,
    FLUSH,
    LOOK,
    REQUESTS,
    WATCHER,
    Daemon,
    World,
    request,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

SELDOM = st.sampled_from([False] * 5 + [True])


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: made.now)
        yield made


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_what_is_remembered_is_forgotten_when_it_is_some_seconds_old(world: World) -> None:
    async def scene() -> None:
        daemon = Daemon(world)
        await daemon.learned(REQUESTS[0])
        put_ahead(4.0)
        await settle()
        assert not daemon.memory.empty
        put_ahead(1.1)
        await settle()
        assert daemon.memory.empty

    play_ahead(scene())


def test_the_same_request_is_remembered_counted_and_noted_as_a_use(world: World) -> None:
    async def scene() -> None:
        daemon = Daemon(world)
        answer = await daemon.learned(REQUESTS[0])
        await asyncio.sleep(0)
        world.pass_time(30.0)
        counted = daemon.counted()
        assert daemon.dispatch.recall(REQUESTS[0], daemon.caller) == answer
        assert daemon.counted() == counted + 1
        (target,) = next(iter(daemon.tokens.states.values())).slots
        assert daemon.requests.uses.last(target) == ("dsql", "psql", world.now.wall)

    asyncio.run(scene())


@pytest.mark.parametrize("line", [REQUESTS[-1], request({}, fresh=True), request({}, data="nonsense")])
def test_what_is_answered_later_or_with_an_error_is_not_remembered(world: World, line: bytes) -> None:
    async def scene() -> None:
        daemon = Daemon(world)
        world.pass_time(100.0)
        await daemon.learned(line)
        assert daemon.recall(line) is None

    asyncio.run(scene())


@pytest.mark.parametrize("seconds", [700.0, 1000.0])
@pytest.mark.parametrize("clocks", ["both", "the wall's"])
@pytest.mark.parametrize("turn", ["the same", "the next"])
def test_a_token_that_is_old_by_any_clock_is_not_given_from_memory(
    world: World, seconds: float, clocks: str, turn: str
) -> None:
    async def scene() -> None:
        daemon = Daemon(world)
        await daemon.learned(REQUESTS[0])
        assert daemon.dispatch.recall(REQUESTS[0], daemon.caller) is not None
        world.pass_time(seconds if clocks == "both" else 0.0, 0.0 if clocks == "both" else seconds)
        if turn == "the next":
            await asyncio.sleep(0)
        assert daemon.recall(REQUESTS[0]) is None

    asyncio.run(scene())


@pytest.mark.parametrize("event", [DOUBT, FLUSH, AGE, ALLOWED, WATCHER])
def test_what_happens_in_the_same_turn_counts(world: World, event: str) -> None:
    async def scene() -> None:
        daemon = Daemon(world)
        await daemon.learned(REQUESTS[0])
        assert daemon.recall(REQUESTS[0]) is not None
        daemon.happen(event)
        assert daemon.recall(REQUESTS[0]) is None

    asyncio.run(scene())


def test_another_meaning_reaches_who_asked_before_the_project_had_it(world: World) -> None:
    async def scene() -> None:
        daemon = Daemon(world)
        one, other = REQUESTS[0], request({}, 2)
        for world.host in ("two", "one"):
            daemon.happen(WATCHER)
            await daemon.learned(one)
        await daemon.learned(other)
        world.host = "two"
        daemon.happen(AGE)
        assert json.loads(await daemon.ask(one))["result"]["host"] == "two.on.aws"
        assert json.loads(await daemon.ask(other))["result"]["host"] == "two.on.aws"

    asyncio.run(scene())


def test_who_left_out_a_variable_that_the_project_turns_out_to_read_is_asked_for_it(world: World) -> None:
    async def scene() -> None:
        daemon = Daemon(world)
        world.names = ("A",)
        without = request({"A": "1"})
        await daemon.learned(without)
        await daemon.ask(request({"A": "2", "B": "one"}))  # whose token is in hand: nothing else is news
        assert json.loads(await daemon.ask(without))["error"]["data"]["kind"] == "environment"

    asyncio.run(scene())


def test_a_warning_reaches_who_asked_before_there_was_one(world: World) -> None:
    async def scene() -> None:
        daemon = Daemon(world)
        one, other = REQUESTS[0], request({}, 2)
        for line in (one, other):
            await daemon.learned(line)
        world.broken = True
        daemon.happen(AGE)
        assert "warnings" in json.loads(await daemon.ask(one))["result"]
        assert "warnings" in json.loads(await daemon.ask(other))["result"]

    asyncio.run(scene())


def test_what_the_projects_have_no_room_for_is_not_given_from_memory(world: World) -> None:
    async def scene() -> None:
        daemon = Daemon(world)
        await daemon.learned(REQUESTS[0])
        for number in range(4096):
            await daemon.projects.get(Key(CONFIG, "dsql", None, (f"v={number}",)), Query(CONFIG, "dsql", None, (), {}))
        assert daemon.recall(REQUESTS[0]) is None

    asyncio.run(scene())


class Answers(RuleBasedStateMachine):
    """Requests, edits, refreshes, failures, and clocks, in any order. Each rule is a turn of the loop, or some."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.world = World()
        self.patch.setattr(clock, "now", lambda: self.world.now)
        self.loop = asyncio.new_event_loop()
        self.daemon = self.do(self.begin())
        for host in ("two", "one"):
            self.the_project_is_edited(host)
            self.everybody_asks()

    async def begin(self) -> Daemon:
        return Daemon(self.world)

    def do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(what)

    def teardown(self) -> None:
        self.do(self.daemon.tokens.close())
        self.do(settle())
        self.loop.close()
        self.patch.undo()

    @rule(lines=st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=6))
    def some_ask_until_they_are_remembered(self, lines: list[bytes]) -> None:
        for line in (*lines, *lines):
            self.do(self.daemon.ask(line))

    @rule()
    def everybody_asks(self) -> None:
        self.some_ask_until_they_are_remembered(list(REQUESTS))

    @rule(
        host=st.sampled_from(["one", "two"]),
        names=st.sampled_from([(), (), ("A",), ("AWS_*",)]),
        broken=SELDOM,
        seen=st.sampled_from([WATCHER, AGE, LOOK]),
    )
    def the_project_is_edited(
        self, host: str, names: tuple[str, ...] = (), broken: bool = False, seen: str = WATCHER
    ) -> None:
        self.world.host, self.world.names, self.world.broken = host, names, broken
        self.happen(seen)

    @rule(hangs=SELDOM, refuses=SELDOM)
    def what_is_called_out_to_goes_or_comes_back(self, hangs: bool, refuses: bool) -> None:
        self.world.hangs, self.world.refuses = hangs, refuses

    @rule(seconds=st.sampled_from([1.0, 59.0, 301.0, 601.0, 1000.0]), step=st.sampled_from([0.0, 0.0, -400.0, 400.0]))
    def time_passes(self, seconds: float, step: float) -> None:
        self.world.pass_time(seconds, step)

    @rule(ttl=st.sampled_from([60, 900, 3600]))
    def the_configuration_changes(self, ttl: int) -> None:
        self.daemon.settings.now = Config(token_ttl=ttl)
        self.world.life = float(ttl)
        self.happen(WATCHER)

    @rule(events=st.lists(st.sampled_from(EVENTS) | st.sampled_from(REQUESTS), max_size=5))
    def much_happens_in_one_turn(self, events: list[str | bytes]) -> None:
        self.happen(*events)

    def happen(self, *events: str | bytes) -> None:
        self.do(self.one_turn(events))
        self.do(settle())

    async def one_turn(self, events: tuple[str | bytes, ...]) -> None:
        for event in events:
            if isinstance(event, bytes):
                self.daemon.recall(event)
            else:
                self.daemon.happen(event)


Answers.TestCase.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)
TestAnswers = Answers.TestCase
