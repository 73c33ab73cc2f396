"""What is known of one identity, and what goes into `state` and comes out of it. Frozen; a repr shows no secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dsqltok.errors import DsqltokError
    from dsqltokd.model import Session, Target, Token


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt brought nothing; `boot` is when it ended, `count` how many failed in a row."""

    error: DsqltokError
    boot: float
    count: int = 1


@dataclass(frozen=True, slots=True)
class Slot:
    """What is known of one target. `used_boot` is when somebody last asked for it."""

    used_boot: float
    token: Token | None = None
    suspect: bool = False
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of one identity.

    `failure` is why the last refresh brought nothing, `renewal` why the last one that was to bring a new session did
    not: where one is in hand, it goes on signing.
    """

    slots: Mapping[Target, Slot] = field(default_factory=dict)
    session: Session | None = None
    generation: int = 0
    attempt: int | None = None  # the generation of the refresh in flight
    renewing: bool = False  # it is to get a new session
    failure: Failure | None = None
    renewal: Failure | None = None
    spread: float = 0.0
    attended: bool = False  # getting credentials may ask a person for something: only a request may begin it


class Outcome(NamedTuple):
    """What a refresh brought: tokens, what is wrong with single targets, and the session to sign with next.

    `failure` is why that session could not be renewed, though it still signs; `attended` is as in `State`.
    """

    tokens: Mapping[Target, Token]
    errors: Mapping[Target, DsqltokError]
    session: Session | None = None
    failure: DsqltokError | None = None
    attended: bool = False


class Verdict(NamedTuple):
    """What to do with a request: serve `token`, or raise `error`, or, where `wait` is set, refresh and ask again.

    With `wait`, a `token` is one to fall back on where the refresh takes long. `age` is how many seconds ago the error
    came about.
    """

    token: Token | None = None
    error: DsqltokError | None = None
    wait: bool = False
    age: float = 0.0
