"""The state of one identity, and everything that may happen to it. Pure: event + now -> new state.

The rules:
1. A token past its effective expiry, or signed in what is the future now, is never served, whatever timers did: `ask`
   looks at both clocks each time.
2. One with less than `schedule.least_life` left is served only where nothing better can be had: the credentials behind
   it have no more to give, or signing failed, or is taking too long.
3. One refresh is in flight at a time (`attempt`). A failed one takes nothing away: a session that could not be renewed
   goes on signing to its end. One that failed while the machine slept or its clock was set says nothing (`abandon`).
4. An invalidation beats a refresh in flight: it moves `generation` on, and what comes back for an older one is dropped.
   What was in hand becomes `suspect`: served only where a new try fails for a reason that may pass by itself.
5. After a fatal failure nothing runs in the background until an invalidation; a request probes again, but not often.
6. Where nothing usable is in hand but a session, it signs first, and is renewed after that: that may take long.
7. A standing request, which goes on by itself, begins nothing that only a change can mend or that asks a person.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from dsqltok.errors import CredentialsError
from dsqltokd import schedule
from dsqltokd.known import Failure, Slot, State, Verdict
from dsqltokd.model import Target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dsqltok.errors import DsqltokError
    from dsqltokd.known import Outcome
    from dsqltokd.model import Instant, Policy, Session, Token

_UNASKED = "its credentials come from a program that may ask for something, which runs only for a command of yours"
_ASK = "run dsqltok get"
_USE_GRAIN = 60.0  # a use is noted at most this often, in seconds: a warm lookup changes nothing


def ask(
    state: State, target: Target, now: Instant, policy: Policy, *, standing: bool = False, since: float = float("-inf")
) -> tuple[State, Verdict]:
    """Somebody asks for a token of `target`; `standing` tells that nobody does so right now, but did once.

    One that was signed before `since`, by the boot clock, is to be replaced, as a poor one is.
    """
    slot = state.slots.get(target) or Slot(used_boot=float("-inf"))
    if now.boot - slot.used_boot >= _USE_GRAIN:
        slot = replace(slot, used_boot=now.boot)
        state = _with(state, target, slot)
    usable = slot.token if slot.token and schedule.is_usable(slot.token, now) else None
    if usable and not slot.suspect and usable.signed_boot >= since and not _is_poor(state, usable, now, policy):
        return state, Verdict(token=usable)
    failure = _obstacle(state, slot, now)
    if standing and would_ask(state, now) and (failure is None or failure.error.retryable):
        failure = Failure(CredentialsError(_UNASKED, hint=_ASK), now.boot)
    if failure is None or (_may_probe(failure, now) and (failure.error.retryable or not standing)):
        return state, Verdict(token=None if slot.suspect else usable, wait=True)
    if usable and (failure.error.retryable or not slot.suspect):
        return state, Verdict(token=usable)
    return state, Verdict(error=failure.error, age=now.boot - failure.boot)


def retold(error: DsqltokError, age: float) -> DsqltokError:
    """Return an error as it is told `age` seconds after it came about: what has mended it since does not count yet."""
    again = error.fresh()
    if age >= 1:
        left = math.ceil(schedule.probe_pause(retryable=error.retryable) - age)
        note = f"this answer is {int(age)} s old; a new one can be had in {left} s"
        again.detail = "\n".join(filter(None, (error.detail, note)))
    return again


def _is_poor(state: State, token: Token, now: Instant, policy: Policy) -> bool:
    """Tell whether signing again is called for, and may give more."""
    if schedule.is_ahead(token.signed_at, now):
        return True
    if token.remaining(now) >= schedule.least_life(policy):
        return False
    session = session_in_hand(state, now)
    exhausts = session is not None and token.expires_at >= session.expires_at
    exhausts = exhausts and not wants_renewal(state, now, asked=True)
    return not (schedule.is_cut_short(token, policy) and (exhausts or schedule.rest(token, now) > 0))


def _may_probe(failure: Failure, now: Instant) -> bool:
    return not 0 <= now.boot - failure.boot < schedule.probe_pause(retryable=failure.error.retryable)


def _obstacle(state: State, slot: Slot, now: Instant) -> Failure | None:
    """Return the last failure that concerns a target. The identity's, where there is one, is later than its own."""
    found = [each for each in (state.failure or slot.failure, _lost_renewal(state, now)) if each is not None]
    return max(found, key=lambda each: each.boot, default=None)


def _lost_renewal(state: State, now: Instant) -> Failure | None:
    """Return why the session was not renewed, where it can sign no more."""
    return state.renewal if session_in_hand(state, now) is None else None


def due(state: State, now: Instant, policy: Policy) -> tuple[Target, ...]:
    """Return the warm targets that are to be signed again in the background now."""
    if state.attempt is not None or now.boot < _quiet_until(state, now):
        return ()
    return tuple(target for target, slot in state.slots.items() if _due_in(state, slot, now, policy) <= 0)


def wake_in(state: State, now: Instant, policy: Policy) -> float | None:
    """Return the seconds until `due` may name something, None where only an event can change that."""
    return None if state.attempt is not None else _wait(state, state.slots.values(), now, policy)


def next_attempt(state: State, slot: Slot, now: Instant, policy: Policy) -> float | None:
    """Return the seconds until a token is replaced in the background, None where only a request or a change does it."""
    return 0.0 if state.attempt is not None else _wait(state, (slot,), now, policy)


def _wait(state: State, slots: Iterable[Slot], now: Instant, policy: Policy) -> float | None:
    """Return the seconds until the background may sign again for one of `slots`, None where it never does."""
    soonest = min((_due_in(state, slot, now, policy) for slot in slots), default=float("inf"))
    wait = max(soonest, _quiet_until(state, now) - now.boot, 0.0)
    return None if wait == float("inf") else wait


def would_ask(state: State, now: Instant) -> bool:
    """Tell whether a refresh may ask a person for something, so that only a request begins one."""
    return state.attended and session_in_hand(state, now) is None


def _quiet_until(state: State, now: Instant) -> float:
    quiet = max(_retry_at(state, state.failure), _retry_at(state, _lost_renewal(state, now)))
    if would_ask(state, now):
        quiet = float("inf")
    if state.session is not None and schedule.is_ahead(state.session.obtained_at, now):
        # What no session in hand has kept from being done may be done once the clock has caught up with it.
        quiet = min(quiet, now.boot + schedule.ahead_for(state.session.obtained_at, now))
    return quiet


def _retry_at(state: State, failure: Failure | None) -> float:
    """Return the boot clock's moment from which the background may try again."""
    if failure is None:
        return float("-inf")
    if not failure.error.retryable:
        return float("inf")
    return failure.boot + schedule.backoff(failure.count, state.spread)


def _due_in(state: State, slot: Slot, now: Instant, policy: Policy) -> float:
    never = float("inf")
    if slot.token is None or slot.failure or now.boot - slot.used_boot > policy.keep_warm:
        return never
    if slot.suspect or slot.token.remaining(now) <= 0 or schedule.is_ahead(slot.token.signed_at, now):
        return 0.0
    left = slot.token.remaining(now)
    wait = left - schedule.refresh_life(slot.token, state.spread)
    if schedule.is_cut_short(slot.token, policy):
        wait = min(max(wait, schedule.rest(slot.token, now)), left)
    return min(wait, _renewal_in(state, now))


def _renewal_in(state: State, now: Instant) -> float:
    """Return the seconds until the background is to renew the session."""
    if state.attended:
        return float("inf")
    return max(_session_due_in(state, now), _retry_at(state, state.renewal) - now.boot)


def _session_due_in(state: State, now: Instant) -> float:
    if state.session is None:
        return float("inf")
    if schedule.is_ahead(state.session.obtained_at, now):
        return 0.0
    return schedule.session_refresh_at(state.session, state.spread) - now.wall


def begin(state: State, *, renew: bool) -> State:
    """A refresh starts; `renew` is what `renews` said of it."""
    return replace(state, attempt=state.generation, renewing=renew)


def session_in_hand(state: State, now: Instant) -> Session | None:
    """Return the session that a refresh starting now can sign with, None where it has to get a new one."""
    session = state.session
    if session is None or schedule.is_ahead(session.obtained_at, now) or now.wall >= session.expires_at:
        return None
    return session


def renews(state: State, targets: Iterable[Target], now: Instant, *, asked: bool) -> bool:
    """Tell whether a refresh of `targets` that starts now is to get a new session; `asked` as in `wants_renewal`."""
    if session_in_hand(state, now) is not None and not all(_is_usable(state, target, now) for target in targets):
        return False
    return wants_renewal(state, now, asked=asked)


def _is_usable(state: State, target: Target, now: Instant) -> bool:
    slot = state.slots.get(target)
    return slot is not None and slot.token is not None and schedule.is_usable(slot.token, now)


def wants_renewal(state: State, now: Instant, *, asked: bool) -> bool:
    """Tell whether it is time for a new session even if one is in hand.

    `asked` tells that a request waits for it: after a fatal failure nothing else makes it try.
    """
    if session_in_hand(state, now) is None:
        return True
    if not asked:
        return _renewal_in(state, now) <= 0
    return _session_due_in(state, now) <= 0 and (state.renewal is None or _may_probe(state.renewal, now))


def stands(state: State) -> bool:
    """Tell whether what the refresh in flight brings counts: nothing was invalidated since it began."""
    return state.attempt == state.generation


def failures(state: State) -> int:
    """Return how many attempts in a row have brought nothing, or no new session."""
    return max(0 if each is None else each.count for each in (state.failure, state.renewal))


def succeed(state: State, outcome: Outcome, now: Instant) -> State:
    """The refresh in flight is back with tokens."""
    if not stands(state):
        return replace(state, attempt=None)
    slots = dict(state.slots)
    for target, token in outcome.tokens.items():
        used = slots[target].used_boot if target in slots else now.boot
        slots[target] = Slot(used_boot=used, token=token)
    for target, error in outcome.errors.items():
        slot = slots.get(target) or Slot(used_boot=now.boot)
        slots[target] = replace(slot, failure=Failure(error, now.boot))
    renewal = None if state.renewing else state.renewal
    if outcome.failure is not None:
        renewal = _another(state.renewal, outcome.failure, now)
    session, attended = outcome.session, outcome.attended
    return replace(state, slots=slots, session=session, attempt=None, failure=None, renewal=renewal, attended=attended)


def fail(state: State, error: DsqltokError, now: Instant) -> State:
    """The refresh in flight failed."""
    if not stands(state):
        return replace(state, attempt=None)
    if not state.renewing and session_in_hand(state, now) is None:
        return replace(state, attempt=None)  # the session has ended meanwhile, and the next refresh gets a new one
    failure: Failure | None = _another(state.failure, error, now)
    renewal = state.renewal
    if state.renewing:
        renewal = _another(state.renewal, error, now)
        if session_in_hand(state, now) is not None:
            failure = state.failure  # whatever kept the session from being renewed, the next attempt signs with it
    return replace(state, attempt=None, failure=failure, renewal=renewal)


def abandon(state: State) -> State:
    """The refresh in flight came to nothing, and that says nothing: the machine slept, or its clock was set."""
    return replace(state, attempt=None)


def _another(before: Failure | None, error: DsqltokError, now: Instant) -> Failure:
    """Return what follows on an earlier failure, if there was one."""
    return Failure(error, now.boot, before.count + 1 if before else 1)


def invalidate(state: State) -> State:
    """What the identity rests on has changed: nothing in hand may be served unless trying again fails for now."""
    slots = {target: Slot(slot.used_boot, slot.token, suspect=True) for target, slot in state.slots.items()}
    return replace(state, slots=slots, session=None, generation=state.generation + 1, failure=None, renewal=None)


def flush(state: State) -> State:
    """Everything about the identity is to be forgotten, and what a refresh in flight brings with it."""
    return State(spread=state.spread, generation=state.generation + 1, attempt=state.attempt)


def restore(state: State, earlier: State) -> State:
    """What an earlier daemon stored is found, perhaps after something was obtained anew, which counts for more."""
    slots = dict(state.slots)
    for target, stored in earlier.slots.items():
        slot = slots.get(target) or Slot(used_boot=stored.used_boot)
        if slot.token is None:
            slots[target] = replace(stored, used_boot=max(slot.used_boot, stored.used_boot))
    session, attended = state.session or earlier.session, state.attended or earlier.attended
    # What kept credentials from being obtained keeps nothing from being signed with those that are found.
    failure = state.failure if session is state.session else None
    return replace(state, slots=slots, session=session, attended=attended, failure=failure)


def forget(state: State, now: Instant, policy: Policy) -> State:
    """Drop what is neither warm nor alive."""
    slots = {target: slot for target, slot in state.slots.items() if _forget_in(slot, now, policy) > 0}
    return state if len(slots) == len(state.slots) else replace(state, slots=slots)


def forget_in(state: State, now: Instant, policy: Policy) -> float:
    """Return the seconds until `forget` may drop something, infinite where there is nothing to drop."""
    return min((_forget_in(slot, now, policy) for slot in state.slots.values()), default=float("inf"))


def _forget_in(slot: Slot, now: Instant, policy: Policy) -> float:
    warm = slot.used_boot + policy.keep_warm - now.boot
    return warm if slot.token is None else max(warm, slot.token.remaining(now))


def _with(state: State, target: Target, slot: Slot) -> State:
    if target not in state.slots:
        target = _sharing(target, next(iter(state.slots), target))
    return replace(state, slots={**state.slots, target: slot})


def _sharing(target: Target, other: Target) -> Target:
    """Return `target` with what `other`, of the same identity, has of the same: each request brings it anew."""
    return Target(
        target.host,
        other.region if target.region == other.region else target.region,
        other.action if target.action == other.action else target.action,
        other.identity,
    )
