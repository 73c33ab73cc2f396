from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltokd import schedule
from dsqltokd.model import Identity, Instant, Policy, Secret, Session, Token

spreads = st.floats(0, 1, exclude_max=True)


def token(*, life: float, signed_boot: float = 0.0) -> Token:
    return Token(Secret("t"), "us-east-1", 1000.0, signed_boot, 1000.0 + life)


def session(*, life: float) -> Session:
    return Session("ASIA", Secret("k"), Secret("s"), 1000.0, 1000.0 + life)


@pytest.mark.parametrize(("ttl", "least"), [(1, 1 / 3), (60, 20), (900, 300), (901, 300), (604_800, 300)])
def test_the_least_life_served_is_five_minutes_or_a_third_of_a_short_token(ttl: int, least: float) -> None:
    assert schedule.least_life(Policy(token_ttl=ttl)) == pytest.approx(least)


@pytest.mark.parametrize(("spread", "left"), [(0.0, 432.0), (0.5, 369.0), (0.999999, 306.0)])
def test_a_token_is_replaced_once_half_to_two_thirds_of_its_effective_life_are_gone(spread: float, left: float) -> None:
    assert schedule.refresh_life(token(life=900), spread) == pytest.approx(left, abs=0.01)


@given(spreads)
def test_a_session_is_replaced_well_before_the_tokens_that_were_signed_for_with_it(spread: float) -> None:
    tokens_at = 1000.0 + 900 - schedule.refresh_life(token(life=900), spread)
    assert tokens_at - schedule.session_refresh_at(session(life=900), spread) > 15


@given(st.floats(1, 604_800), spreads)
def test_a_token_is_due_in_the_background_before_a_request_finds_that_it_has_too_little_left(
    life: float, spread: float
) -> None:
    assert schedule.refresh_life(token(life=life), spread) >= schedule.least_life(Policy(token_ttl=int(life)))


def test_a_token_is_cut_short_where_its_credentials_end_before_its_signature() -> None:
    assert schedule.is_cut_short(token(life=660), Policy())
    assert not schedule.is_cut_short(token(life=900), Policy())


def test_a_token_that_is_cut_short_is_left_alone_for_half_a_minute() -> None:
    signed = token(life=60, signed_boot=50.0)
    assert schedule.rest(signed, Instant(1000.0, 50.0)) == 30.0
    assert schedule.rest(signed, Instant(9999.0, 70.0)) == 10.0
    assert schedule.rest(signed, Instant(1000.0, 90.0)) < 0


@pytest.mark.parametrize(("spread", "at"), [(0.0, 1450.0), (0.5, 1513.0), (0.999999, 1576.0)])
def test_a_session_is_replaced_at_half_to_two_thirds_of_its_life(spread: float, at: float) -> None:
    assert schedule.session_refresh_at(session(life=900), spread) == pytest.approx(at, abs=0.01)


@given(st.integers(1, 10_000), spreads)
def test_the_pause_after_a_failure_is_a_second_at_first_and_five_minutes_at_last(failures: int, spread: float) -> None:
    pause = schedule.backoff(failures, spread)
    assert 0.8 <= pause <= 300
    assert pause >= 0.8 * min(300.0, 2.0 ** min(failures - 1, 30))
    assert schedule.backoff(failures + 1, spread) >= pause


@given(st.integers(1, 10_000), spreads, spreads)
def test_identities_that_fail_together_do_not_try_again_together(failures: int, one: float, other: float) -> None:
    if abs(one - other) > 1e-6:
        assert schedule.backoff(failures, one) != schedule.backoff(failures, other)


@pytest.mark.parametrize(
    ("wall", "boot", "elapsed", "leapt"),
    [
        (12.0, 12.0, 12.0, False),
        (12.0 + 4, 12.0 + 4, 12.0, False),  # what the network's time corrects, and what a busy machine takes
        (12.0 + 6, 12.0 + 6, 12.0, True),  # it slept
        (12.0 + 6, 12.0, 12.0, True),  # its clock was set
        (12.0 - 3600, 12.0, 12.0, True),
        (3600.0, 3600.0, 0.2, True),
    ],
)
def test_a_sleep_or_a_step_of_the_clock_is_told_by_the_time_that_it_did_not_run(
    wall: float, boot: float, elapsed: float, leapt: bool
) -> None:
    before = Instant(1000.0, 50.0)
    assert schedule.has_leapt(before, Instant(1000.0 + wall, 50.0 + boot), elapsed) == leapt


FIFTY = {
    "profiles": [Identity(f"team-{number}") for number in range(50)],
    "roles": [Identity("base", f"arn:aws:iam::123456789012:role/team-{number}") for number in range(50)],
    "shells": [Identity(environment=(("AWS_PROFILE", f"team-{number}"),)) for number in range(50)],
}


@pytest.mark.parametrize("fifty", FIFTY.values(), ids=FIFTY)
def test_fifty_identities_that_are_signed_for_together_fall_due_all_over_the_time_there_is(
    fifty: list[Identity],
) -> None:
    due = sorted(900 - schedule.refresh_life(token(life=900), schedule.spread_of(each)) for each in fifty)
    assert 450 <= due[0] < 490
    assert 560 < due[-1] <= 600
    assert all(later - earlier < 30 for earlier, later in pairwise(due))
    busiest = max(sum(start <= each < start + 10 for each in due) for start in range(450, 600))
    assert busiest <= 10


def test_the_spread_of_an_identity_is_the_same_in_each_run() -> None:
    assert schedule.spread_of(Identity("prod")) == schedule.spread_of(Identity("prod"))
    assert schedule.spread_of(Identity("prod", None, (("AWS_REGION", "\udcff"),))) < 1
