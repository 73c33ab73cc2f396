"""One identity's state through restarts, logins and new configurations, besides all that `freshness` has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from dsqltokd import persist, state
from dsqltokd.known import State
from dsqltokd.model import Instant, Policy
from unit.freshness import Freshness
from unit.world import ME, ONE, TWO, Signed

if TYPE_CHECKING:
    from dsqltok.errors import DsqltokError
    from dsqltokd.model import Target


class Lives(Freshness):
    """Several daemons one after the other. What one leaves to the next is an entry in the keyring, text and all."""

    entry = ""  # what the keyring holds
    of = 0  # what had been invalidated when it was written: one of before a change of files is not read
    unread = False  # a daemon has started that still waits for it

    @rule()
    def the_entry_is_written(self) -> None:
        self.entry = persist.encode([(ME, self.world.state, [])], self.world.now) or ""
        self.of = self.world.invalidations

    def signs(self, signable: tuple[Target, ...], failure: DsqltokError | None) -> None:
        super().signs(signable, failure)
        self.the_entry_is_written()

    @rule(seconds=st.sampled_from([0.0, 1.0, 250.0, 600.0]), hangs=st.sampled_from([False, False, True]))
    def the_daemon_is_killed_and_another_one_starts(self, seconds: float, hangs: bool) -> None:
        world = self.world
        world.pass_time(seconds)
        world.attempt = None
        world.state = State(spread=world.state.spread)
        self.latest, self.own, self.asked, self.wanted = {}, {}, {}, set()
        self.failure = self.renewal = None
        self.unread = True
        if not hangs:
            self.the_keyring_answers()

    @rule(hangs=st.booleans())
    def the_machine_is_booted_anew(self, hangs: bool) -> None:
        self.world.now = Instant(self.world.now.wall + 20.0, 10.0)
        self.the_daemon_is_killed_and_another_one_starts(0.0, hangs)

    @precondition(lambda self: self.unread)
    @rule()
    def the_keyring_answers(self) -> None:
        self.unread = False
        world = self.world
        if not self.entry or self.of < world.invalidations:
            return
        for _, earlier, _ in persist.decode(self.entry, world.now):
            before, world.state = world.state, state.restore(world.state, earlier)
            for target, slot in earlier.slots.items():
                self.asked[target] = max(slot.used_boot, self.asked.get(target, float("-inf")))
                if target not in before.slots or before.slots[target].token is None:
                    self.takes_over(target)
            assert before.session is None or world.state.session == before.session, "an older session is taken over"
        self.wanted = set()  # who waits asks again

    def takes_over(self, target: Target) -> None:
        """Note that a token of an earlier daemon is the latest one, with the age that the wall clock gives it."""
        token = self.world.state.slots[target].token
        assert token is not None
        known = self.signed[token.value.reveal()]
        assert token.expires_at == known.token.expires_at
        began = Instant(token.signed_at, token.signed_boot)
        taken = Signed(token, began, self.world.invalidations, renews_later=False)
        self.signed[token.value.reveal()] = self.latest[target] = taken
        self.own.pop(target, None)

    @precondition(lambda self: self.world.attempt is None)
    @rule(wanted=st.sampled_from([ONE, TWO]))
    def somebody_logs_in(self, wanted: Target) -> None:
        world = self.world
        world.state, verdict = state.ask(world.state, wanted, world.now, world.policy)
        self.asked[wanted] = world.now.boot
        self.check(wanted, verdict, asks=False)
        self.wanted = set()
        world.begin(wanted, renew=True)

    @rule(ttl=st.sampled_from([30, 900, 3600]), keep_warm=st.sampled_from([300, 12 * 3600]))
    def the_configuration_changes(self, ttl: int, keep_warm: int) -> None:
        self.world.policy = Policy(ttl, keep_warm)


Freshness.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestFreshness = Freshness.TestCase
Lives.TestCase.settings = settings(max_examples=250, stateful_step_count=50, deadline=None)
TestLives = Lives.TestCase
