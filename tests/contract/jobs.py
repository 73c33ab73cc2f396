"""The job that asks the `aws` worker for a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def job(home: Path, profile: str | None, **more: object) -> dict[str, Any]:
    return {
        "profile": profile,
        "role_arn": None,
        "environment": {"HOME": str(home)},
        "session": None,
        "renew": True,
        "code": None,
        "ttl": 900,
        "targets": [["abc.dsql.us-east-1.on.aws", "us-east-1", "DbConnect"]],
        **more,
    }
