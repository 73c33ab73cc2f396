"""One identity's state in the situations that its rules were made for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dsqltok.errors import UnavailableError
from dsqltokd import state
from dsqltokd.known import Slot, State, Verdict
from dsqltokd.model import Policy, Secret, Token
from unit.world import LASTING, ONE, PASSING, START, TWO, World

if TYPE_CHECKING:
    from dsqltok.errors import DsqltokError
    from dsqltokd.model import Target


def in_the_background(world: World, seconds: float, source: float | None = None) -> int:
    """Let the timer do its work for so long, and return how many attempts it made; none fails.

    `source` is the moment by the wall clock at which all credentials that can be had end.
    """
    attempts, end = 0, world.now.boot + seconds
    while world.now.boot < end:
        wait = state.wake_in(world.state, world.now, world.policy)
        world.pass_time(0.001 + min(30.0 if wait is None else wait, 30.0))
        due = state.due(world.state, world.now, world.policy)
        if due:
            attempts += 1
            world.begin(*due)
            world.pass_time(0.2)
            if source is not None:
                world.session_life = source - world.now.wall
            world.sign()
    return attempts


def warm(world: World) -> World:
    world.state, verdict = state.ask(world.state, ONE, world.now, world.policy)
    assert verdict.wait
    world.begin(ONE)
    world.sign()
    return world


@pytest.mark.parametrize(
    ("ttl", "life", "most"),
    [
        (900, None, 6),  # a token of 15 minutes about every 9
        (3600, None, 2),
        (900, 3600.0, 8),  # and the credentials in between
        (900, 900.0, 9),
        (3600, 900.0, 9),
        (604_800, 3600.0, 2),
    ],
)
def test_an_hour_in_the_background_takes_only_the_attempts_that_it_needs(
    ttl: int, life: float | None, most: int
) -> None:
    world = warm(World(Policy(token_ttl=ttl), life, State(spread=0.5)))
    assert 0 < in_the_background(world, 3600) <= most
    world.state, verdict = state.ask(world.state, ONE, world.now, world.policy)
    assert verdict.token is not None
    assert not verdict.wait


def test_credentials_that_come_back_the_same_are_not_fetched_ever_faster_towards_their_end() -> None:
    world = World(Policy(), 900.0, State())
    end = world.now.wall + 900
    assert in_the_background(warm(world), 899.5, source=end) <= 15


def test_a_token_that_ends_while_it_is_left_alone_is_due_when_it_ends() -> None:
    now = START
    token = Token(Secret("short"), "us-east-1", now.wall, now.boot, now.wall + 10)
    known = State({ONE: Slot(now.boot, token)})
    assert state.due(known, now, Policy()) == ()
    assert state.wake_in(known, now, Policy()) == 10


def test_requests_near_the_end_of_the_credentials_do_not_sign_again_each_time() -> None:
    world = World(Policy(), 900.0, State())
    end = world.now.wall + 900
    warm(world)
    attempts = 0
    while world.now.wall < end - 1:
        world.pass_time(1.0)
        world.state, verdict = state.ask(world.state, ONE, world.now, world.policy)
        assert verdict.token is not None
        if verdict.wait:
            attempts += 1
            world.begin(ONE)
            world.session_life = end - world.now.wall
            world.sign()
    assert attempts <= 900 / 30


def failing_in_the_background(world: World, seconds: float, error: DsqltokError) -> list[float]:
    """Let the timer do its work for so long while all attempts fail, and return the pauses before each of them."""
    pauses, last, end = [], world.now.boot, world.now.boot + seconds
    while world.now.boot < end:
        wait = state.wake_in(world.state, world.now, world.policy)
        world.pass_time(0.001 + min(30.0 if wait is None else wait, 30.0))
        if due := state.due(world.state, world.now, world.policy):
            pauses.append(world.now.boot - last)
            world.begin(*due, asked=False)
            world.fail(error)
            last = world.now.boot
    return pauses


def test_aws_that_throttles_for_hours_is_asked_after_a_second_at_first_and_every_five_minutes_at_last() -> None:
    pauses = failing_in_the_background(warm(World(Policy(), None, State())), 4 * 3600, PASSING)[1:]
    assert pauses[:5] == pytest.approx([1, 2, 4, 8, 16], abs=0.1)
    assert pauses[-1] == pytest.approx(300, abs=0.1)
    assert len(pauses) <= 9 + 4 * 3600 / 300


def test_aws_that_denies_is_asked_once_in_the_background() -> None:
    assert len(failing_in_the_background(warm(World(Policy(), None, State())), 4 * 3600, LASTING)) == 1


@pytest.mark.parametrize(("error", "attempts"), [(LASTING, 600 / 30), (PASSING, 600 / 5)])
def test_requests_each_second_ask_aws_again_every_half_minute_or_every_five_seconds(
    error: DsqltokError, attempts: float
) -> None:
    world, made = World(Policy(), None, State()), 0
    for _ in range(600):
        if asks(world).wait:
            made += 1
            world.begin(ONE)
            world.fail(error)
        assert asks(world).error is error
        world.pass_time(1.0)
    assert made == attempts


@pytest.mark.parametrize(
    ("error", "age", "detail"),
    [
        (LASTING, 0.4, ""),
        (LASTING, 12.3, "this answer is 12 s old; a new one can be had in 18 s"),
        (PASSING, 1.0, "this answer is 1 s old; a new one can be had in 4 s"),
        (UnavailableError("x", detail="more"), 2.0, "more\nthis answer is 2 s old; a new one can be had in 3 s"),
    ],
)
def test_an_old_answer_says_how_old_it_is_and_when_there_is_another(
    error: DsqltokError, age: float, detail: str
) -> None:
    told = state.retold(error, age)
    assert (told.message, told.hint, told.detail) == (error.message, error.hint, detail)


def asks(world: World, target: Target = ONE) -> Verdict:
    world.state, verdict = state.ask(world.state, target, world.now, world.policy)
    return verdict


def due(world: World) -> tuple[Target, ...]:
    return state.due(world.state, world.now, world.policy)


def test_a_target_that_cannot_be_signed_for_does_not_make_requests_try_while_the_identity_fails() -> None:
    world = World(Policy(), None, State())
    asks(world)
    world.begin(ONE)
    world.sign(signable=())
    world.pass_time(40.0)
    assert asks(world).wait
    world.begin(ONE)
    world.fail(PASSING)
    assert asks(world) == Verdict(error=PASSING)


@pytest.mark.parametrize("error", [PASSING, LASTING])
def test_a_session_that_cannot_be_renewed_goes_on_signing_to_its_end(error: DsqltokError) -> None:
    world = warm(World(Policy(), 3600.0, State()))
    in_the_background(world, 1700.0)
    world.pass_time(320.0)
    world.begin(*due(world), asked=False)
    assert world.attempt is not None
    assert world.attempt.renew
    world.fail(error)
    assert asks(world).wait
    world.begin(ONE)
    assert not world.attempt.renew
    world.sign()
    verdict = asks(world)
    assert not verdict.wait
    assert verdict.token is not None
    assert verdict.token.remaining(world.now) == 900
    world.pass_time(700.0)
    assert due(world) == (ONE,)


def test_after_a_fatal_failure_to_renew_only_a_request_tries_again() -> None:
    world = warm(World(Policy(), 3600.0, State()))
    world.pass_time(2000.0)
    world.begin(ONE)
    world.sign(failure=LASTING)
    for _ in range(2):
        world.pass_time(500.0)
        world.begin(*due(world), asked=False)
        assert world.attempt is not None
        assert not world.attempt.renew
        world.sign()
    assert state.wants_renewal(world.state, world.now, asked=True)
    world.pass_time(1000.0)  # the session has ended
    assert due(world) == ()
    assert asks(world).wait


def test_once_a_session_is_renewed_the_background_renews_the_next() -> None:
    world = warm(World(Policy(), 3600.0, State()))
    world.pass_time(2000.0)
    world.begin(ONE)
    world.sign(failure=LASTING)
    world.pass_time(31.0)
    world.begin(ONE)
    world.sign()
    world.pass_time(2000.0)
    assert state.wants_renewal(world.state, world.now, asked=False)


def test_credentials_that_are_not_kept_and_end_soon_are_not_read_for_each_request() -> None:
    token = Token(Secret("t"), "us-east-1", START.wall, START.boot, START.wall + 100)
    world = World(Policy(), None, State(slots={ONE: Slot(START.boot, token)}), START)
    world.pass_time(20.0)
    assert asks(world) == Verdict(token=token)
    world.pass_time(20.0)
    assert asks(world) == Verdict(token=token, wait=True)


def test_what_nobody_has_asked_for_in_a_long_time_is_left_alone() -> None:
    world = warm(World(Policy(keep_warm=3600), None, State()))
    assert in_the_background(world, 3500.0) > 0
    assert in_the_background(world, 3600.0) <= 1
    assert due(world) == ()


def test_a_request_that_finds_no_session_renewed_for_long_does_not_try_each_time() -> None:
    world = warm(World(Policy(), 3600.0, State()))
    world.pass_time(3400.0)
    world.begin(ONE)
    world.sign(failure=LASTING)
    assert asks(world).token is not None
    assert not asks(world).wait
    world.pass_time(31.0)
    assert asks(world).wait


def test_what_may_ask_a_person_for_something_runs_only_for_a_request() -> None:
    world = warm(World(Policy(), None, State(), attended=True))
    for _ in range(5):
        world.pass_time(300.0)
        assert due(world) == ()
        assert state.wake_in(world.state, world.now, world.policy) is None
    assert asks(world).wait


def test_what_may_ask_a_person_for_something_is_not_needed_to_sign_with_what_it_gave() -> None:
    world = warm(World(Policy(), 3600.0, State(), attended=True))
    for seconds in (700.0, 700.0, 700.0):
        world.pass_time(seconds)
        assert due(world) == (ONE,)
        world.begin(ONE, asked=False)
        assert world.attempt is not None
        assert not world.attempt.renew
        world.sign()


def test_a_clock_that_was_set_back_has_tokens_and_session_replaced_at_once() -> None:
    world = warm(World(Policy(), 3600.0, State()))
    world.pass_time(5.0, step=-3600.0)
    assert due(world) == (ONE,)
    assert asks(world).wait
    assert state.session_in_hand(world.state, world.now) is None


def test_what_is_asked_for_before_the_keyring_answers_is_warm_though_it_was_stored_as_used_long_ago() -> None:
    earlier = warm(World(Policy(), None, State()))
    earlier.pass_time(500.0)
    world = World(Policy(keep_warm=300), None, State(), earlier.now)
    asks(world)
    world.state = state.restore(world.state, earlier.state)
    world.pass_time(100.0)
    assert due(world) == (ONE,)


@pytest.mark.parametrize(("back", "error"), [(3600.0, LASTING), (3600.0, PASSING), (301.0, PASSING)])
def test_a_token_that_aws_takes_for_one_of_the_future_is_not_served_though_there_is_no_other(
    back: float, error: DsqltokError
) -> None:
    world = warm(World(Policy(), None, State()))
    world.pass_time(0.0, step=-back)
    assert asks(world) == Verdict(wait=True)
    world.begin(ONE)
    world.fail(error)
    assert asks(world) == Verdict(error=error)


def test_a_token_of_a_clock_that_was_a_little_ahead_is_served_where_there_is_no_other() -> None:
    world = warm(World(Policy(), None, State()))
    world.pass_time(0.0, step=-200.0)
    assert asks(world).wait
    world.begin(ONE)
    world.fail(LASTING)
    assert asks(world).token is not None


def test_what_was_obtained_anew_counts_for_more_than_what_was_stored() -> None:
    earlier = warm(World(Policy(), 3600.0, State()))
    asks(earlier, TWO)
    earlier.begin(TWO)
    stored = earlier.sign()[TWO].token
    world = warm(World(Policy(), 900.0, State(), earlier.now, count=2))
    world.state = state.restore(world.state, earlier.state)
    assert asks(world).token == world.state.slots[ONE].token != earlier.state.slots[ONE].token
    assert asks(world, TWO).token == stored
    assert world.state.session is not None
    assert world.state.session.expires_at == START.wall + 900


def test_a_session_that_is_found_late_signs_in_spite_of_what_kept_a_new_one_from_being_obtained() -> None:
    earlier = warm(World(Policy(), 3600.0, State()))
    world = World(Policy(), 3600.0, State(), earlier.now)
    asks(world, TWO)
    world.begin(TWO)
    world.fail(LASTING)
    assert asks(world, TWO).error is not None
    world.state = state.restore(world.state, earlier.state)
    assert asks(world, TWO).wait
    world.pass_time(601.0)
    assert due(world) == (ONE,)


def test_what_was_flushed_does_not_come_back_with_a_refresh_that_began_before() -> None:
    world = warm(World(Policy(), 3600.0, State()))
    world.begin(ONE)
    world.state = state.flush(world.state)
    world.invalidations += 1
    world.sign()
    assert world.state.slots == {}
    assert world.state.session is None
    _, verdict = state.ask(world.state, ONE, world.now, world.policy)
    assert verdict == Verdict(wait=True)


def asks_on(world: World) -> Verdict:
    """Ask as a standing request does."""
    world.state, verdict = state.ask(world.state, ONE, world.now, world.policy, standing=True)
    return verdict


def test_where_only_a_session_is_left_it_signs_before_it_is_renewed() -> None:
    world = warm(World(Policy(), 3600.0, State()))
    world.pass_time(2500.0)
    assert asks(world).token is None
    world.begin(ONE)
    assert world.attempt is not None
    assert not world.attempt.renew
    world.sign()
    assert asks(world).token is not None
    assert due(world) == (ONE,)
    world.begin(*due(world), asked=False)
    assert world.attempt.renew


def test_a_session_that_ends_before_it_has_signed_is_renewed_and_no_failure() -> None:
    world = warm(World(Policy(), 3600.0, State()))
    world.pass_time(3599.0)
    assert asks(world).wait
    world.begin(ONE)
    world.pass_time(2.0)
    world.fail(LASTING)
    assert asks(world) == Verdict(wait=True)
    world.begin(ONE)
    assert world.attempt is not None
    assert world.attempt.renew
    world.fail(PASSING)
    assert asks(world) == Verdict(error=PASSING)


def test_a_standing_request_tries_again_every_five_seconds_while_the_background_waits_for_minutes() -> None:
    world = warm(World(Policy(), None, State()))
    assert len(failing_in_the_background(world, 3600, PASSING)) > 9
    world.pass_time(5.0)
    assert due(world) == ()
    assert asks_on(world).wait


def test_a_standing_request_does_not_try_again_what_only_a_change_can_mend() -> None:
    world = warm(World(Policy(), None, State()))
    world.pass_time(700.0)
    world.begin(ONE)
    world.fail(LASTING)
    assert asks_on(world).token is not None
    world.pass_time(3600.0)
    assert asks_on(world) == Verdict(error=LASTING, age=3600.0)
    world.state = state.invalidate(world.state)
    assert asks_on(world).wait


def test_a_standing_request_asks_nobody_for_anything() -> None:
    world = warm(World(Policy(), None, State(), attended=True))
    world.pass_time(700.0)
    verdict = asks_on(world)
    assert verdict.token is not None
    assert not verdict.wait
    world.pass_time(700.0)
    verdict = asks_on(world)
    assert verdict.error is not None
    assert verdict.error.hint == "run dsqltok get"
    assert asks(world).wait


@pytest.mark.parametrize("error", [PASSING, LASTING])
def test_a_token_that_was_refused_is_replaced_once_and_served_on_where_no_other_can_be_signed(
    error: DsqltokError,
) -> None:
    world = warm(World(Policy(), None, State()))
    world.pass_time(60.0)
    since = world.now.boot - 10

    def ask() -> Verdict:
        return state.ask(world.state, ONE, world.now, world.policy, since=since)[1]

    first = ask()
    assert first.wait
    assert first.token is not None
    world.begin(ONE)
    world.fail(error)
    assert ask() == Verdict(token=first.token)
    world.pass_time(31.0)
    assert ask().wait
    world.begin(ONE)
    world.sign()
    second = ask()
    assert not second.wait
    assert second.token not in (None, first.token)
