"""A session that cannot be renewed signs to its end; a helper that may ask a person runs only for a request."""

from __future__ import annotations

import pytest

from dsqltok.errors import CredentialsError, DsqltokError, UnavailableError
from dsqltokd import state
from dsqltokd.known import Outcome, State
from dsqltokd.model import Identity, Instant, Policy, Secret, Session, Target, Token

POLICY = Policy()
ME = Target("one.dsql.us-east-1.on.aws", "us-east-1", "DbConnect", Identity("prod"))
START = Instant(1_700_000_000.0, 5_000.0)
HOUR = 3600.0
SESSION = Session("ASIA", Secret("k"), Secret("s"), START.wall, START.wall + 12 * HOUR)
LASTING = CredentialsError("the sso session has expired")
PASSING = UnavailableError("aws cannot be reached")


def at(seconds: float) -> Instant:
    return Instant(START.wall + seconds, START.boot + seconds)


def signed(now: Instant) -> dict[Target, Token]:
    return {ME: Token(Secret(f"at {now.wall}"), "us-east-1", now.wall, now.boot, now.wall + POLICY.token_ttl)}


def refreshed(known: State, now: Instant, failure: DsqltokError | None = None) -> State:
    return state.succeed(begun(known, now), Outcome(signed(now), {}, SESSION, failure), now)


def begun(known: State, now: Instant) -> State:
    return state.begin(known, renew=state.wants_renewal(known, now, asked=False))


@pytest.fixture
def warm() -> State:
    known, _ = state.ask(State(), ME, START, POLICY)
    return refreshed(known, START)


@pytest.mark.parametrize("error", [LASTING, PASSING])
def test_tokens_go_on_though_the_session_is_not_renewed(warm: State, error: DsqltokError) -> None:
    late = at(9 * HOUR)
    assert state.wants_renewal(warm, late, asked=False)
    assert state.session_in_hand(warm, late) == SESSION
    known = refreshed(warm, late, failure=error)
    _, verdict = state.ask(known, ME, late, POLICY)
    assert verdict.token is not None
    assert not verdict.wait
    next_one = at(9 * HOUR + 850)
    assert state.due(known, next_one, POLICY) == (ME,)
    _, verdict = state.ask(known, ME, next_one, POLICY)
    assert verdict.wait


def test_after_a_fatal_failure_only_a_request_tries_to_renew_and_not_at_once(warm: State) -> None:
    known = refreshed(warm, at(9 * HOUR), failure=LASTING)
    soon, later = at(9 * HOUR + 10), at(9 * HOUR + 40)
    assert not state.wants_renewal(known, later, asked=False)
    assert not state.wants_renewal(known, soon, asked=True)
    assert state.wants_renewal(known, later, asked=True)


def test_signing_with_the_old_session_does_not_forget_why_it_was_not_renewed(warm: State) -> None:
    known = refreshed(warm, at(9 * HOUR), failure=LASTING)
    assert refreshed(known, at(9 * HOUR + 700)).renewal is not None


def test_past_the_end_of_the_session_the_error_is_told(warm: State) -> None:
    known = refreshed(warm, at(11.9 * HOUR), failure=LASTING)
    known = state.fail(begun(known, at(13 * HOUR)), LASTING, at(13 * HOUR))
    _, verdict = state.ask(known, ME, at(13 * HOUR + 1), POLICY)
    assert verdict.error is not None
    assert state.wake_in(known, at(13 * HOUR + 1), POLICY) is None


def test_a_helper_that_may_ask_a_person_runs_only_for_a_request() -> None:
    known, _ = state.ask(State(), ME, START, POLICY)
    known = state.succeed(begun(known, START), Outcome(signed(START), {}, attended=True), START)
    old = at(850)
    assert state.due(known, old, POLICY) == ()
    assert state.wake_in(known, old, POLICY) is None
    _, verdict = state.ask(known, ME, old, POLICY)
    assert verdict.wait
