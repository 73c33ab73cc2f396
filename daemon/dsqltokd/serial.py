"""Sessions as JSON objects: on the way to and from a worker, and into the keyring. They hold secrets there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dsqltokd.model import Secret, Session

if TYPE_CHECKING:
    from collections.abc import Mapping


def session_to_json(session: Session | None) -> dict[str, Any] | None:
    """Return a session with its secrets laid open."""
    if session is None:
        return None
    return {
        "access_key_id": session.access_key_id,
        "secret_access_key": session.secret_access_key.reveal(),
        "session_token": session.session_token.reveal(),
        "obtained_at": session.obtained_at,
        "expires_at": session.expires_at,
    }


def session_from_json(found: Mapping[str, Any] | None) -> Session | None:
    """Return what `session_to_json` was given. Raises KeyError, TypeError or ValueError for anything else."""
    if found is None:
        return None
    return Session(
        access_key_id=str(found["access_key_id"]),
        secret_access_key=Secret(str(found["secret_access_key"])),
        session_token=Secret(str(found["session_token"])),
        obtained_at=float(found["obtained_at"]),
        expires_at=float(found["expires_at"]),
    )
