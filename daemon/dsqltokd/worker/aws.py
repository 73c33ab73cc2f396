"""The `aws` job: credentials, and tokens signed with them. The only file that imports boto3 and botocore.

One worker process serves one identity. Every job without a session in hand begins with a new botocore session: a
session caches its configuration and its credentials, and refuses to hand out living ones while a refresh fails.

    in   profile, role_arn, environment (the caller's AWS variables), session or null, ttl,
         targets [[host, region, action]]
    out  session or null, tokens [{value, region, signed_at, expires_at} or {error}] in the order of targets, files
         or error, files

`files` lists the AWS files that decide, with their identity from before they were read. A session comes back only where
the credentials are temporary and say when they end: everything else is read anew each time and kept nowhere.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.session
from botocore.config import Config

from dsqltok.errors import ConfigurationError, CredentialsError, DsqltokError
from dsqltokd import files
from dsqltokd.worker import awserrors

_NETWORK = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})
_ROLE_SESSION_NAME = "dsqltok"
_ISO_BASIC = "%Y%m%dT%H%M%SZ"
_CALLERS = ("AWS_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True)
class _Credentials:
    access_key_id: str
    secret_access_key: str
    session_token: str | None
    expires_at: float | None  # None: they do not say
    keep: bool  # may become the identity's session

    def __repr__(self) -> str:
        return "_Credentials(…)"


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job. See the module's docstring for its shape; every failure comes back as an error in it."""
    _take_environment(job["environment"])
    found = _files()
    profile, role = job["profile"], job["role_arn"]
    try:
        session = botocore.session.Session(profile=profile)
        credentials = _in_hand(job["session"]) or _obtain(session, role, [region for _, region, _ in job["targets"]])
        tokens = _sign_all(session, credentials, job["targets"], job["ttl"])
    except DsqltokError as error:
        return {"error": error.as_data(), "files": found}
    except Exception as error:  # noqa: BLE001 - botocore's failures are of a dozen unrelated classes
        return {"error": awserrors.translate(error, profile=profile, role_arn=role).as_data(), "files": found}
    return {"session": _session(job["session"], credentials), "tokens": tokens, "files": found}


def _take_environment(environment: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.upper().startswith(_CALLERS)]:
        del os.environ[name]
    os.environ.update({name: value for name, value in environment.items() if name.upper().startswith(_CALLERS)})


def _files() -> list[list[object]]:
    paths = (
        os.environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
        os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    )
    absolute = [os.path.abspath(os.path.expanduser(path)) for path in paths]
    return [[path, files.identity(path)] for path in absolute]


def _in_hand(session: dict[str, Any] | None) -> _Credentials | None:
    if session is None:
        return None
    return _Credentials(
        session["access_key_id"],
        session["secret_access_key"],
        session["session_token"],
        session["expires_at"],
        keep=True,
    )


def _obtain(session: botocore.session.Session, role_arn: str | None, regions: list[str | None]) -> _Credentials:
    source = session.get_credentials()
    if source is None:
        raise awserrors.no_credentials(session.get_config_variable("profile"))
    frozen = source.get_frozen_credentials()
    if not frozen.access_key or not frozen.secret_key:
        raise awserrors.no_credentials(session.get_config_variable("profile"))
    if role_arn:
        return _assume(session, role_arn, next((region for region in regions if region), None))
    # botocore tells the expiry of credentials to nobody else: a contract test holds this attribute in place.
    expiry: datetime | None = getattr(source, "_expiry_time", None)
    expires_at = expiry.timestamp() if expiry else None
    keep = bool(frozen.token) and expires_at is not None and source.method != "env"
    return _Credentials(frozen.access_key, frozen.secret_key, frozen.token, expires_at, keep)


def _assume(session: botocore.session.Session, role_arn: str, region: str | None) -> _Credentials:
    # STS is asked in the configured region; one is needed only where nothing is configured, and the token's will do.
    region = _configured_region(session) or region
    sts: Any = session.create_client("sts", region_name=region, config=_NETWORK)
    issued = sts.assume_role(RoleArn=role_arn, RoleSessionName=_ROLE_SESSION_NAME)["Credentials"]
    return _Credentials(
        issued["AccessKeyId"],
        issued["SecretAccessKey"],
        issued["SessionToken"],
        issued["Expiration"].timestamp(),
        keep=True,
    )


def _sign_all(
    session: botocore.session.Session, credentials: _Credentials, targets: list[list[Any]], ttl: int
) -> list[dict[str, Any]]:
    configured = _configured_region(session)
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
        tokens.append(_dated(value, region, ttl, credentials.expires_at))
    return tokens


def _configured_region(session: botocore.session.Session) -> str | None:
    # Every AWS SDK and the AWS CLI heed AWS_REGION, first; botocore knows only AWS_DEFAULT_REGION.
    region: str | None = os.environ.get("AWS_REGION") or session.get_config_variable("region")
    return region


def _dated(value: str, region: str, ttl: int, expires_at: float | None) -> dict[str, Any]:
    stamp = parse_qs(urlsplit("https://" + value).query)["X-Amz-Date"][0]
    signed_at = datetime.strptime(stamp, _ISO_BASIC).replace(tzinfo=UTC).timestamp()
    ends = signed_at + ttl if expires_at is None else min(signed_at + ttl, expires_at)
    if ends <= time.time():
        raise CredentialsError(
            "the AWS credentials have expired", hint="renew them where they come from (for sso: aws sso login)"
        )
    return {"value": value, "region": region, "signed_at": signed_at, "expires_at": ends}


def _no_region(host: str) -> DsqltokError:
    return ConfigurationError(
        f"no region is known for {host}",
        hint='add region = "…" to the data source, or set AWS_REGION, or region in the AWS profile',
    )


def _session(in_hand: dict[str, Any] | None, credentials: _Credentials) -> dict[str, Any] | None:
    if in_hand is not None or not credentials.keep:
        return in_hand
    return {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
        "session_token": credentials.session_token,
        "obtained_at": time.time(),
        "expires_at": credentials.expires_at,
    }
