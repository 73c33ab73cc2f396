"""One identity's state, driven at random, and held against the promises of DESIGN.md ("Freshness").

Every promise is checked against the world's memory and the machine's own, not against the state's. What happens to it
besides is in `test_state`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dsqltokd import schedule, state
from dsqltokd.agenda import Agenda
from dsqltokd.known import State
from dsqltokd.model import Policy
from unit.world import LASTING, ME, ONE, PASSING, TWO, UNSIGNABLE, World

if TYPE_CHECKING:
    from dsqltok.errors import DsqltokError
    from dsqltokd.known import Verdict
    from dsqltokd.model import Target, Token
    from unit.world import Signed

GRAIN = 60.0  # seconds to which a use is noted


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended."""

    error: DsqltokError | None
    boot: float


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
        self.agenda = Agenda()
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

    @rule(wanted=st.sampled_from([ONE, TWO]), standing=st.sampled_from([False, False, True]))
    def a_token_is_asked_for(self, wanted: Target, standing: bool = False) -> None:
        world = self.world
        world.state, verdict = state.ask(world.state, wanted, world.now, world.policy, standing=standing)
        self.asked[wanted] = world.now.boot
        asks = standing and world.state.attended and state.session_in_hand(world.state, world.now) is None
        if standing:
            self.check_begins_little(wanted, verdict, asks=asks)
        self.check(wanted, verdict, asks=asks)
        if verdict.wait:
            self.wanted.add(wanted)
            self.begin(*state.due(world.state, world.now, world.policy), asked=not standing)

    def begin(self, *due: Target, asked: bool) -> None:
        if self.world.attempt is None:
            self.world.begin(*self.wanted, *due, asked=asked)
            self.wanted = set()
            if not asked:
                self.check_troubles_nobody()

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
            self.begin(*due, asked=False)

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
        # One that was forgotten meanwhile is used by whoever waited.
        self.asked |= dict.fromkeys(attempt.targets - before.slots.keys(), world.now.boot)
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
        if not attempt.renew and state.session_in_hand(before, world.now) is None:
            return  # the session that was to sign has ended meanwhile: that says nothing of AWS
        outcome = Outcome(error, world.now.boot)
        if attempt.renew:
            self.renewal = outcome
        if not attempt.renew or state.session_in_hand(before, world.now) is None:
            self.failure = outcome

    @precondition(lambda self: self.world.attempt is not None)
    @rule(seconds=st.sampled_from([6.0, 610.0, 5 * 3600.0]))
    def the_machine_sleeps_and_the_refresh_comes_to_nothing(self, seconds: float) -> None:
        world, before = self.world, self.world.state
        world.pass_time(seconds)
        world.attempt = None
        world.state = state.abandon(before)
        self.wanted = set()
        self.check_nothing_taken_over(before)

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
            self.latest.pop(target, None)  # a clock that is set back does not bring it to life again

    # What must hold

    def outcome(self, target: Target) -> Outcome | None:
        """Return how the last attempt ended that says whether `target` can be signed for now."""
        found = self.failure or self.own.get(target)
        lost = self.renewal if state.session_in_hand(self.world.state, self.world.now) is None else None
        if lost is None or (found is not None and found.boot >= lost.boot and found.error is not None):
            return found
        return lost

    def check(self, target: Target, verdict: Verdict, *, asks: bool) -> None:
        """Hold an answer against the promises; `asks` tells that a better one could be had only from a person."""
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
            elif not (verdict.wait or failed or asks):
                self.check_nothing_better(signed)
        if verdict.wait:
            self.check_worth_a_try(target)
        elif verdict.token is None and not asks:
            assert outcome is not None
            assert verdict.error is outcome.error
            assert verdict.age == self.world.now.boot - outcome.boot
            self.check_has_to_fail(target)

    def check_begins_little(self, target: Target, verdict: Verdict, *, asks: bool) -> None:
        """Hold what a standing request begins against what only a change can mend and what may ask a person."""
        world, outcome, latest = self.world, self.outcome(target), self.latest.get(target)
        lasting = outcome is not None and outcome.error is not None and not outcome.error.retryable
        assert not (verdict.wait and (asks or lasting)), "a standing request begins what nobody asked for"
        if asks and verdict.token is None and latest is not None and latest.invalidations == world.invalidations:
            assert not schedule.is_usable(latest.token, world.now), "a good token is withheld"

    def check_alive(self, signed: Signed) -> None:
        now, token = self.world.now, signed.token
        assert token.signed_at <= now.wall + 300, "signed in what is the future now: AWS takes it for a forgery"
        assert now.wall < token.expires_at, "expired by the wall clock"
        assert now.boot - signed.began.boot < token.expires_at - token.signed_at, "expired by the boot clock"

    def check_nothing_better(self, signed: Signed) -> None:
        """Hold a token that is served as good against the least life, and against a clock that was set back."""
        world, token = self.world, signed.token
        assert token.signed_at <= world.now.wall + 60, "one that is signed now is taken for sure"
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
            life = latest.token.expires_at - latest.token.signed_at
            slow = world.now.boot - latest.began.boot > min(life, world.policy.token_ttl) / 2
            stopgap = latest.renews_later  # signed with the session in hand, which is renewed after that
            over = latest.token.remaining(world.now) <= 0
            assert slow or stopgap or over, "a token is replaced the moment that it is there"

    def check_has_to_fail(self, target: Target) -> None:
        world, latest, outcome = self.world, self.latest.get(target), self.outcome(target)
        assert outcome is not None
        assert outcome.error is not None
        if latest is not None and schedule.is_usable(latest.token, world.now):
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
    def the_agenda_is_late_with_nothing(self) -> None:
        world = self.world
        now = world.now.boot + 1.0  # which is how far the clocks may come apart before it works a moment out anew
        moments = self.agenda.moments(ME, world.state, world.now, world.policy)
        if state.due(world.state, world.now, world.policy):
            assert moments.due <= now
        if state.forget(world.state, world.now, world.policy) is not world.state:
            assert moments.over <= now

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
