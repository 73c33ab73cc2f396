"""When to refresh, and when to try again after a failure. Pure: moments come in, moments go out.

`spread` is a number in [0, 1) that differs from identity to identity, so that those made together do not fall due
together.
"""

from __future__ import annotations

from _blake2 import blake2b  # hashlib brings OpenSSL with it, which would cost the core 0.7 MB
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsqltokd.model import Identity, Instant, Policy, Session, Token

# Parts of a life, both between half and two thirds of it. A session's is the smaller, since its life is often some
# whole number of its tokens' lives: where both fall due at about the same time, the new session signs, in one go.
_SESSION_AT = 0.50
_TOKEN_AT = 0.52
_BREADTH = 0.14
_PROBE_AFTER_FATAL = 30.0
_PROBE_AFTER_FAILURE = 5.0
_FIRST_RETRY = 1.0
_LAST_RETRY = 300.0
_REST = 30.0
_AHEAD = 60.0
_LEAP = 5.0
_FORGIVEN = 300.0


def spread_of(identity: Identity) -> float:
    """Return the `spread` of an identity, which is the same in each run of the daemon."""
    who = repr((identity.profile, identity.role_arn, identity.environment)).encode()
    return int.from_bytes(blake2b(who, digest_size=4).digest(), "big") / 2**32


def least_life(policy: Policy) -> float:
    """Return the least effective life, in seconds, of a token that is served while a better one could be had."""
    return min(300.0, policy.token_ttl / 3)


def refresh_life(token: Token, spread: float) -> float:
    """Return the remaining life, in seconds, at which a token is to be replaced: a third to half of all it had."""
    return (token.expires_at - token.signed_at) * (1 - _TOKEN_AT - spread * _BREADTH)


def is_cut_short(token: Token, policy: Policy) -> bool:
    """Tell whether the credentials behind a token end before its signature would."""
    return token.expires_at - token.signed_at < policy.token_ttl


def rest(token: Token, now: Instant) -> float:
    """Return the seconds for which a token that is cut short is left alone.

    Signing again with the same credentials cannot lengthen its life, so that without a rest each refresh would follow
    the last after a fraction of the time.
    """
    return _REST - (now.boot - token.signed_boot)


def is_ahead(made_at: float, now: Instant) -> bool:
    """Tell whether something was made, by the wall clock, at what is now the future: the clock has been set back.

    AWS refuses a signature of the future, and what was reckoned from such a moment is wrong. Up to a minute is taken
    for the small corrections that every clock gets.
    """
    return ahead_for(made_at, now) > 0


def ahead_for(made_at: float, now: Instant) -> float:
    """Return the seconds for which `is_ahead` still holds; none, or fewer, where it does not."""
    return made_at - now.wall - _AHEAD


def is_usable(token: Token, now: Instant) -> bool:
    """Tell whether AWS accepts a token: it has not expired, and is not of the future by more than AWS forgives."""
    return token.remaining(now) > 0 and token.signed_at - now.wall <= _FORGIVEN


def has_leapt(before: Instant, now: Instant, elapsed: float) -> bool:
    """Tell whether the machine slept, or its clock was set, while it ran for `elapsed` seconds between two moments."""
    return max(abs(now.wall - before.wall - elapsed), abs(now.boot - before.boot - elapsed)) > _LEAP


def session_refresh_at(session: Session, spread: float) -> float:
    """Return the wall-clock moment at which to replace a session: at half to two thirds of its life, by `spread`."""
    life = session.expires_at - session.obtained_at
    return session.obtained_at + life * (_SESSION_AT + spread * _BREADTH)


def probe_pause(*, retryable: bool) -> float:
    """Return the seconds after a failure until a `get` may try again: longer where only a change can mend it."""
    return _PROBE_AFTER_FAILURE if retryable else _PROBE_AFTER_FATAL


def backoff(failures: int, spread: float) -> float:
    """Return the seconds to wait after so many failures in a row: 1 s doubled up to 5 min, less up to a fifth."""
    return min(_LAST_RETRY, _FIRST_RETRY * 2.0 ** min(failures - 1, 20)) * (1 - 0.2 * spread)
