"""Tokens by target: asks the state machine, starts refreshes, lets callers wait for them.

What is decided is decided in `state`; this file knows the clock, the workers and who is waiting.

The rules:
- A refresh that somebody waits for begins at once, with all that is asked for in the same turn of the loop or is due,
  so that many targets of one identity are signed in one worker, not one after the other.
- Of those that nobody waits for, few run at a time, and only what takes long has another one beside it: what hangs
  holds up no other identity, and what computes leaves processors to those who ask. The others stay due, so that a
  machine that wakes with everything due neither starts a crowd of processes, nor keeps a waiting request from a worker.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from dsqltok.errors import DsqltokError, TimedOutError
from dsqltokd import awsjob, clock, schedule, state
from dsqltokd.agenda import Agenda
from dsqltokd.hardening import give_memory_back
from dsqltokd.known import State
from dsqltokd.pool import raise_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dsqltokd.known import Outcome, Verdict
    from dsqltokd.model import Identity, Instant, Policy, Target, Token
    from dsqltokd.pool import Pool
    from dsqltokd.settings import Settings

_log = logging.getLogger(__name__)
_A_LITTLE = 1.0  # seconds of a refresh that are waited for while a token that still works is in hand
_VERY_YOUNG = 10.0  # seconds since a token was signed, in which no client's wish brings another
_MOST_UNASKED = 4  # refreshes at a time that nobody waits for
_MANY = 100  # targets of a refresh, whose answer leaves much memory behind
_ALONE = 1.0  # seconds that each of these has before the next begins
_LONGEST_SLEEP = 300.0  # seconds; timers stop in a suspend, after which whoever hears of it has `tick` called


class Tokens:
    """All identities, their states, and the refreshes in flight.

    `read` is told the AWS files, with their identities, that a refresh rested on, and which of them it may write;
    `changed` that something is worth storing, `forgotten` that an identity is neither warm nor alive any more.
    """

    def __init__(
        self,
        pool: Pool,
        settings: Settings,
        *,
        read: Callable[[Identity, list[Any], list[str]], None],
        changed: Callable[[Identity], None],
        forgotten: Callable[[Identity], None],
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._read = read
        self._changed = changed
        self._forgotten = forgotten
        self.states: dict[Identity, State] = {}
        self._wanted: dict[Identity, set[Target]] = {}
        self._began: dict[Identity, float] = {}
        self._news: dict[Identity, asyncio.Future[None]] = {}
        self._unasked: set[Identity] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._agenda = Agenda()

    @property
    def _policy(self) -> Policy:
        return self._settings.now.policy

    @property
    def patience(self) -> float:
        """Return the most seconds that a caller may have to wait for a token."""
        return self._settings.now.aws_timeout + 8.0

    def peek(self, target: Target) -> Token | None:
        """Return a token of `target` that needs no work, if there is one."""
        verdict = self._ask(target)
        return None if verdict.wait else verdict.token

    async def get(
        self, target: Target, secrets: Mapping[str, str], *, standing: bool = False, fresh: bool = False
    ) -> Token:
        """Return a token of `target`, refreshing first where need be. `secrets` are the caller's sealed variables.

        `standing` is as in `state.ask`. With `fresh`, the one in hand was refused, and unless it is very young another
        is signed. Where that fails, what is in hand is as good as before.

        Raises what keeps it from being had: `CredentialsError`, `DeniedError`,
        `ConfigurationError`, `UnavailableError`, `TimedOutError`.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + self.patience
        since = clock.now().boot - _VERY_YOUNG if fresh else float("-inf")
        while True:
            verdict = self._ask(target, standing=standing, since=since)
            if verdict.error is not None:
                raise verdict.error.fresh() if standing else state.retold(verdict.error, verdict.age)
            if not verdict.wait:
                assert verdict.token is not None  # noqa: S101 - a verdict is one of three
                return verdict.token
            news = self._want(target, secrets, asked=not standing)
            until = min(end, self._began[target.identity] + _A_LITTLE) if verdict.token else end
            await asyncio.wait([news], timeout=max(0.0, until - loop.time()))
            if news.done():
                continue
            if verdict.token and schedule.is_usable(verdict.token, clock.now()):
                return verdict.token
            if loop.time() >= end:
                raise TimedOutError("no token in time", hint="dsqltok status shows what the daemon waits for")

    async def login(self, target: Target, secrets: Mapping[str, str], code: str | None) -> Token:
        """Have new credentials obtained, with a person's `code` where a role asks for one, and return a token by them.

        Raises what keeps it from being had. What is in hand is not harmed by that.
        """
        identity = target.identity
        self._ask(target)
        while self._state(identity).attempt is not None:
            await asyncio.wait([self._want(target, secrets, asked=True)])
        self._wanted.setdefault(identity, set()).add(target)
        # Whoever asked may go away; a refresh that has begun is to come to its end.
        await asyncio.shield(self._start(identity, (), secrets, asked=True, code=code, renew=True))
        known = self._state(identity)
        failure = known.failure or known.renewal
        if failure is not None:
            raise failure.error.fresh()
        return await self.get(target, secrets)

    async def describe(self, target: Target, secrets: Mapping[str, str]) -> dict[str, Any]:
        """Return who signs for `target`, as `worker.identity` has it. Nothing of it is kept.

        Raises what is wrong with the AWS configuration, and `TimedOutError`.
        """
        identity = target.identity
        session = state.session_in_hand(self._state(identity), clock.now())
        job = awsjob.job(identity, session, [target], secrets, self._settings.now.token_ttl)
        answer = await self._answer(identity, {**job, "renew": False, "question": "who"})
        raise_error(answer)
        return answer

    def invalidate(self, identity: Identity) -> None:
        """What `identity` rests on has changed."""
        known = self.states.get(identity)
        if known is not None:
            self.states[identity] = state.invalidate(known)
            self._announce(identity)

    def flush(self, identities: Iterable[Identity]) -> int:
        """Forget the tokens of these identities and the credentials behind them; return how many tokens there were."""
        count = 0
        for identity in identities:
            known = self.states.get(identity)
            if known is not None:
                count += sum(slot.token is not None for slot in known.slots.values())
                self.states[identity] = state.flush(known)
                self._announce(identity)
        self.tick()
        return count

    def is_refreshing(self, identity: Identity) -> bool:
        """Tell whether a refresh of `identity` is in flight."""
        known = self.states.get(identity)
        return known is not None and known.attempt is not None

    def restore(self, identity: Identity, known: State) -> None:
        """Take over what an earlier daemon stored."""
        self.states[identity] = state.restore(self._state(identity), known)
        self._announce(identity)

    def tick(self) -> None:
        """Refresh what is due, as far as there is room, and forget what is over."""
        now = clock.now()
        ripe = []
        for identity, known in list(self.states.items()):
            moments = self._agenda.moments(identity, known, now, self._policy)
            kept = known
            if moments.over <= now.boot:
                self._agenda.drop(identity)
                kept = self.states[identity] = state.forget(known, now, self._policy)
            if not kept.slots and kept.attempt is None and identity not in self._wanted:
                self._drop(identity)
            elif moments.due <= now.boot and identity not in self._wanted:
                ripe.append(identity)
        # What fails again and again would otherwise have its next turn before others have their first.
        for identity in sorted(ripe, key=lambda identity: state.failures(self.states[identity])):
            if self._turn_in() > 0:
                break
            self._begin_unasked(identity, now)
        self._schedule()

    def _drop(self, identity: Identity) -> None:
        del self.states[identity]
        self._began.pop(identity, None)
        self._agenda.drop(identity)
        self._forgotten(identity)

    def _begin_unasked(self, identity: Identity, now: Instant) -> None:
        self._agenda.drop(identity)
        if due := state.due(self.states[identity], now, self._policy):
            self._unasked.add(identity)
            self._start(identity, due, {}, asked=False)

    async def close(self) -> None:
        """Stop refreshing."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ask(self, target: Target, *, standing: bool = False, since: float = float("-inf")) -> Verdict:
        known = self._state(target.identity)
        found = state.ask(known, target, clock.now(), self._policy, standing=standing, since=since)
        self.states[target.identity], verdict = found
        return verdict

    def _state(self, identity: Identity) -> State:
        known = self.states.get(identity)
        return State(spread=schedule.spread_of(identity)) if known is None else known

    def _want(self, target: Target, secrets: Mapping[str, str], *, asked: bool) -> asyncio.Future[None]:
        identity = target.identity
        self._wanted.setdefault(identity, set()).add(target)
        news = self._news.get(identity)
        if news is None or news.done():
            loop = asyncio.get_running_loop()
            news = self._news[identity] = loop.create_future()
            loop.call_soon(partial(self._begin, identity, secrets, asked=asked))
            if self.states[identity].attempt is None:
                self._began[identity] = loop.time()  # it does so in a moment; what is there is of the refresh before
        return news

    def _begin(self, identity: Identity, secrets: Mapping[str, str], *, asked: bool) -> None:
        """Refresh what is wanted, unless a refresh began, or an invalidation sent everybody back to ask, meanwhile."""
        if self._wanted.get(identity) and self.states[identity].attempt is None:
            due = state.due(self.states[identity], clock.now(), self._policy)
            self._start(identity, due, secrets, asked=asked)

    def _start(
        self,
        identity: Identity,
        due: Iterable[Target],
        secrets: Mapping[str, str],
        *,
        asked: bool,
        code: str | None = None,
        renew: bool = False,
    ) -> asyncio.Task[None]:
        targets = list({*self._wanted.pop(identity, set()), *due})
        known = self._state(identity)
        renew = renew or state.renews(known, targets, clock.now(), asked=asked)
        self.states[identity] = state.begin(known, renew=renew)
        self._began[identity] = asyncio.get_running_loop().time()
        session = state.session_in_hand(known, clock.now())
        job = awsjob.job(identity, session, targets, secrets, self._settings.now.token_ttl)
        job |= {"renew": renew, "code": code}
        task = asyncio.get_running_loop().create_task(self._refresh(identity, targets, job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _refresh(self, identity: Identity, targets: list[Target], job: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        before, began = clock.now(), loop.time()
        result = await self._result(identity, targets, job, before.boot)
        # For many targets each of these steps takes a millisecond: who asks meanwhile waits for one, not for all.
        await asyncio.sleep(0)
        now = clock.now()
        self._conclude(identity, result, now, leapt=schedule.has_leapt(before, now, loop.time() - began))
        self._unasked.discard(identity)
        self._announce(identity)
        if len(targets) >= _MANY:
            give_memory_back()

    async def _result(
        self, identity: Identity, targets: list[Target], job: dict[str, Any], boot: float
    ) -> Outcome | DsqltokError:
        """Return what a refresh comes to that began at `boot` by that clock."""
        try:
            answer = await self._answer(identity, job)
            if state.stands(self.states[identity]):  # else these are the files of before
                self._read(identity, answer.get("files", []), answer.get("sign_ins", []))
            raise_error(answer)
            await asyncio.sleep(0)
            return awsjob.outcome(answer, targets, boot)
        except DsqltokError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever it is, the identity must not count as being refreshed for ever
            return DsqltokError(f"a refresh failed ({type(error).__name__})", hint="please report this")

    async def _answer(self, identity: Identity, job: dict[str, Any]) -> dict[str, Any]:
        """Return a worker's answer, perhaps an error. Raises `DsqltokError` where there is none."""
        seconds = self._settings.now.aws_timeout
        try:
            return await self._pool.run("aws", job, deadline=seconds, key=identity, linger=identity.seal is None)
        except TimedOutError:
            raise TimedOutError(
                f"{identity.describe()}: no credentials within {seconds} s",
                hint="check the network, HTTPS_PROXY and credential_process; aws_timeout in config.toml sets the limit",
            ) from None

    def _conclude(self, identity: Identity, result: Outcome | DsqltokError, now: Instant, *, leapt: bool) -> None:
        failure = result if isinstance(result, DsqltokError) else result.failure
        known = self.states[identity]
        if leapt and failure is not None:
            self.states[identity] = state.abandon(known)
            _log.info("a refresh of %s, before a sleep or a step of the clock, came to nothing", identity.describe())
        elif isinstance(result, DsqltokError):
            self.states[identity] = state.fail(known, result.fresh(), now)
            _log.warning("refresh of %s failed: %s", identity.describe(), result.message)
        else:
            self.states[identity] = state.succeed(known, result, now)
            _log.info("refreshed %d tokens of %s", len(result.tokens), identity.describe())
            if failure is not None:
                _log.warning("%s: the session was not renewed: %s", identity.describe(), failure.message)

    def _announce(self, identity: Identity) -> None:
        self._wanted.pop(identity, None)  # whoever still waits asks again
        news = self._news.pop(identity, None)
        if news is not None and not news.done():
            news.set_result(None)
        self._changed(identity)
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wait = max(self._turn_in(), self._soonest())
        self._timer = asyncio.get_running_loop().call_later(min(wait, _LONGEST_SLEEP), self.tick)

    def _turn_in(self) -> float:
        """Return the seconds until there is room for another refresh that nobody waits for."""
        if len(self._unasked) >= _MOST_UNASKED:
            return _LONGEST_SLEEP
        now = asyncio.get_running_loop().time()
        return max((self._began[identity] + _ALONE - now for identity in self._unasked), default=0.0)

    def _soonest(self) -> float:
        """Return the seconds until something is due, as far as that can be foreseen."""
        now = clock.now()
        moments = (self._agenda.moments(*each, now, self._policy) for each in self.states.items())
        return max(0.0, min((min(each) for each in moments), default=float("inf")) - now.boot)
