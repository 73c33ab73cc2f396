"""Tokens signed with AWS credentials, by botocore, which computes them without a connection."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dsqltok.errors import ConfigurationError, CredentialsError, DsqltokError

_ISO_BASIC = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Credentials:
    """What to sign with. `attended` tells that getting it may ask a person for something."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None
    expires_at: float | None  # None: they do not say
    keep: bool  # may be the identity's session
    in_hand: bool = False  # is that already
    attended: bool = False

    def __repr__(self) -> str:
        return "Credentials(…)"


def sign_all(session: Any, credentials: Credentials, targets: list[list[Any]], ttl: int) -> list[dict[str, Any]]:
    """Return a token, or why there is none, for each of `targets`, made with clients of a botocore session.

    Raises `CredentialsError` where the credentials have expired.
    """
    configured = session.get_config_variable("region")
    signers: dict[str, Any] = {}
    tokens: list[dict[str, Any]] = []
    for host, wanted, action in targets:
        region = wanted or configured
        if region is None:
            tokens.append({"error": _no_region(host).as_data()})
            continue
        if region not in signers:
            signers[region] = session.create_client(
                "dsql",
                region_name=region,
                aws_access_key_id=credentials.access_key_id,
                aws_secret_access_key=credentials.secret_access_key,
                aws_session_token=credentials.session_token,
            )
        make = signers[region].generate_db_connect_auth_token
        if action == "DbConnectAdmin":
            make = signers[region].generate_db_connect_admin_auth_token
        value = make(Hostname=host, Region=region, ExpiresIn=ttl)
        tokens.append(_dated(value, region, ttl, credentials))
    return tokens


def _dated(value: str, region: str, ttl: int, credentials: Credentials) -> dict[str, Any]:
    stamp = parse_qs(urlsplit("https://" + value).query)["X-Amz-Date"][0]
    signed_at = datetime.strptime(stamp, _ISO_BASIC).replace(tzinfo=UTC).timestamp()
    ends = min(signed_at + ttl, credentials.expires_at or float("inf"))
    if ends <= time.time():
        hint = "renew them where they come from (for sso: aws sso login)"
        # Those of a session ended while the machine slept, or its clock was set, and others may be had.
        raise CredentialsError("the AWS credentials have expired", hint=hint, retryable=credentials.keep)
    return {"value": value, "region": region, "signed_at": signed_at, "expires_at": ends}


def _no_region(host: str) -> DsqltokError:
    return ConfigurationError(
        f"no region is known for {host}",
        hint='add region = "…" to the data source, or set AWS_REGION, or region in the AWS profile',
    )
