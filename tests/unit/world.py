"""The other side of one identity's state: clocks, AWS and the worker, and a memory of what they gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsqltok.errors import ConfigurationError, CredentialsError, UnavailableError
from dsqltokd import state
from dsqltokd.known import Outcome
from dsqltokd.model import Identity, Instant, Policy, Secret, Session, Target, Token

if TYPE_CHECKING:
    from dsqltok.errors import DsqltokError
    from dsqltokd.known import State

PASSING = UnavailableError("aws cannot be reached")
LASTING = CredentialsError("the sso session has expired")
UNSIGNABLE = ConfigurationError("no region is known")
ME = Identity("prod")
ONE = Target("one.dsql.us-east-1.on.aws", "us-east-1", "DbConnectAdmin", ME)
TWO = Target("two.dsql.us-east-1.on.aws", None, "DbConnect", ME)
START = Instant(1_700_000_000.0, 5_000.0)


@dataclass(frozen=True)
class Signed:
    """What the world remembers of a token: when the job began that made it, and what had been invalidated by then.

    `renews_later` tells that the session was due to be renewed and signed first.
    """

    token: Token
    began: Instant
    invalidations: int
    renews_later: bool


@dataclass(frozen=True)
class Attempt:
    """A refresh in flight, as the worker sees it: the session in hand, and whether it is to get a new one; `ttl`.

    `overdue` tells that it is time for a new one.
    """

    targets: frozenset[Target]
    began: Instant
    session: Session | None
    renew: bool
    overdue: bool
    invalidations: int
    ttl: int


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

    def begin(self, *targets: Target, asked: bool = True, renew: bool = False) -> None:
        """A refresh starts; `renew` has it get a new session anyway, as a login does."""
        renew = renew or state.renews(self.state, targets, self.now, asked=asked)
        overdue = state.wants_renewal(self.state, self.now, asked=asked)
        session = state.session_in_hand(self.state, self.now)
        ttl = self.policy.token_ttl
        self.attempt = Attempt(frozenset(targets), self.now, session, renew, overdue, self.invalidations, ttl)
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
        ends = self.now.wall + attempt.ttl
        if session is not None:
            ends = min(ends, session.expires_at)
        made = {}
        for target in attempt.targets.intersection(signable):
            self.count += 1
            token = Token(Secret(f"token-{self.count}"), "us-east-1", self.now.wall, attempt.began.boot, ends)
            later = attempt.overdue and not attempt.renew
            made[target] = Signed(token, attempt.began, attempt.invalidations, later)
        errors = dict.fromkeys(attempt.targets - made.keys(), UNSIGNABLE)
        tokens = {target: signed.token for target, signed in made.items()}
        outcome = Outcome(tokens, errors, session, failure, self.attended)
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
