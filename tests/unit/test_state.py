"""One identity's state, driven at random, and held against the promises of DESIGN.md ("Freshness").

`World` is the other side: it moves two clocks, plays the worker that obtains credentials and signs, and remembers what
it gave out in its own way. Every promise is checked against that memory, not against the state's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dsqltok.errors import ConfigurationError, CredentialsError, DsqltokError, UnavailableError
from dsqltokd import schedule, state
from dsqltokd.model import Identity, Instant, Policy, Secret, Session, Target, Token
from dsqltokd.state import State, Verdict

PASSING = UnavailableError("aws cannot be reached")
LASTING = CredentialsError("the sso session has expired")
UNSIGNABLE = ConfigurationError("no region is known")
ME = Identity("prod")
ONE = Target("one.dsql.us-east-1.on.aws", "us-east-1", "DbConnectAdmin", ME)
TWO = Target("two.dsql.us-east-1.on.aws", None, "DbConnect", ME)
START = Instant(1_700_000_000.0, 5_000.0)
GRAIN = 60.0  # seconds to which a use is noted


@dataclass(frozen=True)
class Signed:
    """What the world remembers of a token: when the job began that made it, and what had been invalidated by then."""

    token: Token
    began: Instant
    invalidations: int


@dataclass(frozen=True)
class Attempt:
    """A refresh in flight, as the worker sees it: the session in hand, and whether it is to get a new one."""

    targets: frozenset[Target]
    began: Instant
    session: Session | None
    renew: bool
    invalidations: int


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended."""

    error: DsqltokError | None
    boot: float


@dataclass
class World:
    """Clocks, AWS and a memory. `session_life` is that of new credentials in seconds, None where they do not expire."""

    policy: Policy
    session_life: float | None
    state: State
    now: Instant = START
    attended: bool = False
    invalidations: int = 0
    attempt: Attempt | None = None
    count: int = 0

    def pass_time(self, seconds: float, step: float = 0.0) -> None:
        self.now = Instant(self.now.wall + seconds + step, self.now.boot + seconds)

    def begin(self, *targets: Target, asked: bool = True) -> None:
        renew = state.wants_renewal(self.state, self.now, asked=asked)
        session = state.session_in_hand(self.state, self.now)
        self.attempt = Attempt(frozenset(targets), self.now, session, renew, self.invalidations)
        self.state = state.begin(self.state, renew=renew)

    def sign(
        self, signable: tuple[Target, ...] = (ONE, TWO), failure: DsqltokError | None = None
    ) -> dict[Target, Signed]:
        """The refresh in flight is back, as from the aws worker: signed at its end, dated by its beginning.

        `failure` is why no new session could be had, so that the one in hand signs.
        """
        assert self.attempt is not None
        attempt, self.attempt = self.attempt, None
        session = self._obtain() if attempt.renew and failure is None else attempt.session
        ends = self.now.wall + self.policy.token_ttl
        if session is not None:
            ends = min(ends, session.expires_at)
        made = {}
        for target in attempt.targets.intersection(signable):
            self.count += 1
            token = Token(Secret(f"token-{self.count}"), "us-east-1", self.now.wall, attempt.began.boot, ends)
            made[target] = Signed(token, attempt.began, attempt.invalidations)
        errors = dict.fromkeys(attempt.targets - made.keys(), UNSIGNABLE)
        tokens = {target: signed.token for target, signed in made.items()}
        outcome = state.Outcome(tokens, errors, session, failure, self.attended)
        self.state = state.succeed(self.state, outcome, self.now)
        return made

    def fail(self, error: DsqltokError) -> None:
        self.attempt = None
        self.state = state.fail(self.state, error, self.now)

    def _obtain(self) -> Session | None:
        if self.session_life is None:
            return None
        wall = self.now.wall
        return Session("ASIA", Secret("k"), Secret("s"), wall, wall + self.session_life)


class Freshness(RuleBasedStateMachine):
    """Requests, refreshes, failures, changes of files and clocks in any order."""

    @initialize(
        ttl=st.sampled_from([30, 900, 3600]),
        life=st.sampled_from([None, 900.0, 3600.0]),
        spread=st.sampled_from([0.0, 0.4, 0.99]),
        attended=st.sampled_from([False, False, True]),
        warm=st.booleans(),
    )
    def start(self, ttl: int, life: float | None, spread: float, attended: bool, warm: bool) -> None:
        self.world = World(Policy(ttl, 12 * 3600), life, State(spread=spread), attended=attended)
        self.signed: dict[str, Signed] = {}
        self.latest: dict[Target, Signed] = {}
        self.own: dict[Target, Outcome] = {}  # how the last attempt ended that came back with something for a target
        self.failure: Outcome | None = None  # the last one of all, where it brought nothing
        self.renewal: Outcome | None = None  # the last one that was to bring a new session, where it did not
        self.asked: dict[Target, float] = {}
        self.wanted: set[Target] = set()
        if warm:
            self.a_token_is_asked_for(ONE)
            self.the_refresh_succeeds((ONE,))

    # What may happen

    @rule(wanted=st.sampled_from([ONE, TWO]))
    def a_token_is_asked_for(self, wanted: Target) -> None:
        world = self.world
        world.state, verdict = state.ask(world.state, wanted, world.now, world.policy)
        self.asked[wanted] = world.now.boot
        self.check(wanted, verdict)
        if verdict.wait:
            self.wanted.add(wanted)
            self.begin()

    def begin(self, *due: Target) -> None:
        if self.world.attempt is None:
            self.world.begin(*self.wanted, *due, asked=bool(self.wanted))
            self.wanted = set()

    @precondition(lambda self: self.world.attempt is None)
    @rule()
    def the_timer_fires(self) -> None:
        world = self.world
        due = state.due(world.state, world.now, world.policy)
        wait = state.wake_in(world.state, world.now, world.policy)
        assert (wait == 0) == bool(due), "the timer spins, or sleeps through what is due"
        for target in due:
            outcome = self.outcome(target)
            assert outcome is None or outcome.error is None or outcome.error.retryable, "background after a fatal error"
            assert world.now.boot - self.asked[target] <= world.policy.keep_warm, "what is not warm is refreshed"
            if outcome is not None and outcome.error is not None:
                assert world.now.boot - outcome.boot >= 0.8, "no pause after a failure"
        if due:
            self.begin(*due)
            self.check_troubles_nobody()

    @precondition(lambda self: self.world.attempt is not None)
    @rule(signable=st.sampled_from([(ONE, TWO), (ONE,), (TWO,)]))
    def the_refresh_succeeds(self, signable: tuple[Target, ...]) -> None:
        self.signs(signable, None)

    @precondition(lambda self: self.world.attempt and self.world.attempt.session and self.world.attempt.renew)
    @rule(signable=st.sampled_from([(ONE, TWO), (ONE,), (TWO,)]), error=st.sampled_from([PASSING, LASTING]))
    def only_the_session_in_hand_signs(self, signable: tuple[Target, ...], error: DsqltokError) -> None:
        attempt = self.world.attempt
        assert attempt is not None
        assert attempt.session is not None
        if self.world.now.wall < attempt.session.expires_at:  # the worker gives nothing that has expired
            self.signs(signable, error)

    def signs(self, signable: tuple[Target, ...], failure: DsqltokError | None) -> None:
        world, before, attempt = self.world, self.world.state, self.world.attempt
        assert attempt is not None
        made = world.sign(signable, failure)
        self.wanted = set()  # who still waits asks again
        self.signed |= {signed.token.value.reveal(): signed for signed in made.values()}
        if attempt.invalidations < world.invalidations:
            self.check_nothing_taken_over(before)
            return
        self.latest |= made
        self.failure = None
        if attempt.renew:
            self.renewal = Outcome(failure, world.now.boot) if failure else None
        for target in attempt.targets:
            self.own[target] = Outcome(None if target in made else UNSIGNABLE, world.now.boot)

    @precondition(lambda self: self.world.attempt is not None)
    @rule(error=st.sampled_from([PASSING, LASTING]))
    def the_refresh_fails(self, error: DsqltokError) -> None:
        world, before, attempt = self.world, self.world.state, self.world.attempt
        assert attempt is not None
        world.fail(error)
        self.wanted = set()
        if attempt.invalidations < world.invalidations:
            self.check_nothing_taken_over(before)
            return
        assert _in_hand(world.state) == _in_hand(before), "a failed refresh harms a good value"
        assert world.state.session == before.session
        outcome = Outcome(error, world.now.boot)
        if attempt.renew:
            self.renewal = outcome
        if not attempt.renew or state.session_in_hand(before, world.now) is None:
            self.failure = outcome

    @rule()
    def what_the_identity_rests_on_changes(self) -> None:
        self.world.invalidations += 1
        self.world.state = state.invalidate(self.world.state)
        self.own, self.failure, self.renewal = {}, None, None
        self.wanted = set()
        assert self.world.state.session is None

    @rule(seconds=st.sampled_from([0.5, 4.0, 29.0, 45.0, 290.0, 610.0, 1000.0, 5 * 3600.0]))
    def time_passes_or_the_machine_sleeps(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(step=st.sampled_from([-3600.0, 3600.0]))
    def the_wall_clock_is_set(self, step: float) -> None:
        self.world.pass_time(0.0, step)

    @rule()
    def what_is_over_is_forgotten(self) -> None:
        world, before = self.world, self.world.state
        world.state = state.forget(before, world.now, world.policy)
        for target in before.slots.keys() - world.state.slots.keys():
            token = before.slots[target].token
            assert token is None or token.remaining(world.now) <= 0, "a living token is forgotten"
            assert world.now.boot - self.asked[target] > world.policy.keep_warm - GRAIN, "a warm target is forgotten"
            self.own.pop(target, None)

    # What must hold

    def outcome(self, target: Target) -> Outcome | None:
        """Return how the last attempt ended that says whether `target` can be signed for now."""
        found = self.failure or self.own.get(target)
        lost = self.renewal if state.session_in_hand(self.world.state, self.world.now) is None else None
        if lost is None or (found is not None and found.boot >= lost.boot and found.error is not None):
            return found
        return lost

    def check(self, target: Target, verdict: Verdict) -> None:
        world, outcome = self.world, self.outcome(target)
        failed = outcome is not None and outcome.error is not None
        if verdict.token is not None:
            signed = self.signed[verdict.token.value.reveal()]
            assert verdict.token == self.latest[target].token, "a token of something else, or an older one"
            self.check_alive(signed)
            if signed.invalidations < world.invalidations:
                assert not verdict.wait, "an invalidated token is offered before a new try"
                assert outcome is not None, "an invalidated token is served before a new try"
                assert outcome.error is not None
                assert outcome.error.retryable, "an invalidated token is served after a fatal failure"
            elif not verdict.wait and not failed:
                self.check_nothing_better(signed)
        if verdict.wait:
            self.check_worth_a_try(target)
        elif verdict.token is None:
            assert outcome is not None
            assert verdict.error is outcome.error
            self.check_has_to_fail(target)

    def check_alive(self, signed: Signed) -> None:
        now, token = self.world.now, signed.token
        assert now.wall < token.expires_at, "expired by the wall clock"
        assert now.boot - signed.began.boot < token.expires_at - token.signed_at, "expired by the boot clock"

    def check_nothing_better(self, signed: Signed) -> None:
        """Hold a token that is served as good against the least life, and against a clock that was set back."""
        world, token = self.world, signed.token
        assert token.signed_at <= world.now.wall + 60, "signed in what is the future now: AWS takes it for a forgery"
        left = min(
            token.expires_at - world.now.wall,
            token.expires_at - token.signed_at - (world.now.boot - signed.began.boot),
        )
        if left >= schedule.least_life(world.policy):
            return
        assert token.expires_at - token.signed_at < world.policy.token_ttl, "signing again gives more"
        session = state.session_in_hand(world.state, world.now)
        exhausted = session is not None and token.expires_at >= session.expires_at
        exhausted = exhausted and not state.wants_renewal(world.state, world.now, asked=True)
        assert exhausted or world.now.boot - signed.began.boot < 30, "new credentials give more"

    def check_worth_a_try(self, target: Target) -> None:
        """Hold the wish for an attempt against the last one: attempts are bounded."""
        world, outcome, latest = self.world, self.outcome(target), self.latest.get(target)
        if outcome is None:
            return
        since = world.now.boot - outcome.boot
        if outcome.error is not None:
            assert since >= (5 if outcome.error.retryable else 30), "requests try again and again"
        elif latest is not None and since == 0 and world.now.wall >= latest.token.signed_at:
            slow = world.now.boot - latest.began.boot > world.policy.token_ttl / 2
            assert slow or latest.token.remaining(world.now) <= 0, "a token is replaced the moment that it is there"

    def check_has_to_fail(self, target: Target) -> None:
        world, latest, outcome = self.world, self.latest.get(target), self.outcome(target)
        assert outcome is not None
        assert outcome.error is not None
        if latest is not None and latest.token.remaining(world.now) > 0:
            assert latest.invalidations < world.invalidations, "a good token is withheld"
            assert not outcome.error.retryable, "the last good token is withheld though the failure may pass"

    def check_troubles_nobody(self) -> None:
        """Hold an attempt that nobody asked for against what getting credentials may ask of a person."""
        attempt = self.world.attempt
        assert attempt is not None
        if not attempt.renew:
            return
        assert not self.world.state.attended, "a person is asked for something in the background"
        if self.renewal is not None:
            assert self.renewal.error is not None
            assert self.renewal.error.retryable, "credentials are asked for in the background after a fatal error"
            assert attempt.began.boot - self.renewal.boot >= 0.8, "no pause after a failure"

    def check_nothing_taken_over(self, before: State) -> None:
        after = self.world.state
        assert replace(after, attempt=None) == replace(before, attempt=None), "an invalidated refresh leaves a trace"

    @invariant()
    def one_refresh_is_in_flight_at_a_time(self) -> None:
        world = self.world
        assert (world.state.attempt is not None) == (world.attempt is not None)
        if world.attempt is not None:
            assert state.due(world.state, world.now, world.policy) == ()
            assert state.wake_in(world.state, world.now, world.policy) is None

    @invariant()
    def what_is_warm_and_no_good_any_more_is_due_at_once(self) -> None:
        world = self.world
        if world.attempt is not None or world.state.attended:
            return
        due = state.due(world.state, world.now, world.policy)
        for target, slot in world.state.slots.items():
            warm = world.now.boot - self.asked[target] < world.policy.keep_warm - GRAIN
            outcome = self.outcome(target)
            if not warm or slot.token is None or (outcome is not None and outcome.error is not None):
                continue
            if slot.token.remaining(world.now) <= 0 or world.now.wall < slot.token.signed_at - 60:
                assert target in due


def _in_hand(known: State) -> dict[Target, tuple[Token | None, bool]]:
    return {target: (slot.token, slot.suspect) for target, slot in known.slots.items()}


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
        (900, None, 6),  # a token of 15 minutes every 10
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
    world.pass_time(2000.0)
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
    world.pass_time(700.0)
    assert not state.wants_renewal(world.state, world.now, asked=False)
    assert state.wants_renewal(world.state, world.now, asked=True)
    world.pass_time(1000.0)  # the session has ended
    assert due(world) == ()
    assert asks(world).wait


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
    world.pass_time(700.0)
    assert due(world) == (ONE,)
    world.begin(ONE, asked=False)
    assert world.attempt is not None
    assert not world.attempt.renew


def test_a_clock_that_was_set_back_has_tokens_and_session_replaced_at_once() -> None:
    world = warm(World(Policy(), 3600.0, State()))
    world.pass_time(5.0, step=-3600.0)
    assert due(world) == (ONE,)
    assert asks(world).wait
    assert state.session_in_hand(world.state, world.now) is None


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


Freshness.TestCase.settings = settings(max_examples=500, stateful_step_count=40, deadline=None)
TestFreshness = Freshness.TestCase
