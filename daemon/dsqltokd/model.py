"""The things dsqltokd deals in. Frozen; no clock, no I/O; a repr never shows a secret.

Times are seconds since the epoch by the wall clock, unless they say `boot`: seconds since the machine started, suspend
included (CLOCK_BOOTTIME; CLOCK_MONOTONIC on macOS), which no clock step touches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Action = Literal["DbConnect", "DbConnectAdmin"]


class Secret:
    """A text that shows itself only to who calls `reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment by both clocks."""

    wall: float
    boot: float


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose AWS credentials sign: `profile` and `role_arn` of the data source, on top of an AWS environment.

    `environment` holds the caller's AWS variables except those that are secrets. `seal` is a keyed hash of these, None
    where there are none: the secrets themselves are not kept, so a sealed identity can be refreshed only by a request
    that brings them again, and is never stored. `by_keys` tells that an access key is among them, which signs where the
    data source names no profile; the others may be a proxy's password or a container's token.
    """

    profile: str | None = None
    role_arn: str | None = None
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    seal: str | None = field(default=None, repr=False)
    by_keys: bool = field(default=False, repr=False)

    def describe(self) -> str:
        """Return the identity as a user would say it."""
        variables = dict(self.environment)
        if self.profile is None and self.by_keys:
            base = "keys from the environment"
        else:
            base = "profile " + (
                self.profile or variables.get("AWS_DEFAULT_PROFILE") or variables.get("AWS_PROFILE") or "default"
            )
        return f"{base}, role {self.role_arn}" if self.role_arn else base


@dataclass(frozen=True, slots=True)
class Target:
    """What a token is for. A `region` of None is the one that the identity's AWS configuration names."""

    host: str
    region: str | None
    action: Action
    identity: Identity


@dataclass(frozen=True, slots=True)
class Session:
    """Temporary AWS credentials. Long-term keys never become one: they stay in the worker that read them."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret
    obtained_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class Token:
    """A signed token.

    `expires_at` is the effective expiry: that of the signature or of the credentials behind it, whichever comes first.
    `signed_boot` is the boot clock's reading at the latest possible moment *before* it was signed.
    """

    value: Secret
    region: str
    signed_at: float
    signed_boot: float
    expires_at: float

    def remaining(self, now: Instant) -> float:
        """Return the seconds left, by whichever clock says less; negative when it is over."""
        life = self.expires_at - self.signed_at
        return min(self.expires_at - now.wall, life - (now.boot - self.signed_boot))


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says about freshness, in seconds."""

    token_ttl: int = 900
    keep_warm: int = 12 * 3600
