"""The `aws` job as the core writes it, and what it reads in the answer: `worker.aws` describes both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dsqltok.errors import from_data
from dsqltokd.known import Outcome
from dsqltokd.model import Secret, Token
from dsqltokd.serial import session_from_json, session_to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dsqltok.errors import DsqltokError
    from dsqltokd.model import Identity, Session, Target


def job(
    identity: Identity, session: Session | None, targets: list[Target], secrets: Mapping[str, str], ttl: int
) -> dict[str, Any]:
    """Return the job that signs for `targets`, all of `identity`. `secrets` are the caller's sealed variables."""
    return {
        "profile": identity.profile,
        "role_arn": identity.role_arn,
        "environment": {**dict(identity.environment), **secrets},
        "session": session_to_json(session),
        "ttl": ttl,
        "targets": [[target.host, target.region, target.action] for target in targets],
    }


def outcome(answer: Mapping[str, Any], targets: list[Target], boot: float) -> Outcome:
    """Return what an answer that is no error brought. `boot` is the boot clock's reading when the job began."""
    tokens: dict[Target, Token] = {}
    errors: dict[Target, DsqltokError] = {}
    shared: dict[Any, Any] = {}  # regions and moments, of which many tokens have few
    for target, found in zip(targets, answer["tokens"], strict=True):
        if "error" in found:
            errors[target] = from_data(found["error"])
        else:
            region, signed_at, expires_at = (
                shared.setdefault(found[name], found[name]) for name in ("region", "signed_at", "expires_at")
            )
            tokens[target] = Token(Secret(found["value"]), region, signed_at, boot, expires_at)
    failure = from_data(answer["failure"]) if answer["failure"] else None
    return Outcome(tokens, errors, session_from_json(answer["session"]), failure, bool(answer["attended"]))
