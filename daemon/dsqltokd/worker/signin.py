"""What a person adds to AWS credentials: a code for MFA, or a confirmation in the browser for SSO.

The functions work on sessions and clients of botocore's, which only `aws` makes. The SSO flow is OAuth's device
authorization: `begin` tells the address and the code to confirm there, `poll` asks once whether that has happened, and
then writes the file that the AWS CLI would have written, so that both share the login.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dsqltok.errors import ConfigurationError, CredentialsError, DeniedError, UnavailableError
from dsqltok.files import write_atomically
from dsqltokd.worker import awsanswers, awsfiles, awsprofiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_SCOPE = "sso:account:access"  # what the AWS CLI asks for where the configuration names no scopes
_INTERVAL = 5  # seconds between two polls where the service names none, as RFC 8628 has it
_LONGEST_INTERVAL = 60
_LONGEST_LOGIN = 3600  # seconds; AWS gives ten minutes
_LONGEST_SESSION = 366 * 86_400
_LAST_MOMENT = 253_402_300_799  # of the year 9999


def expect_code(session: Any, code: str | None) -> None:
    """Have the session give `code` wherever a role asks for one; without it, `CredentialsError` says that it is needed.

    botocore's own way is to ask at the terminal, which a worker has none of. A contract test holds the attribute.
    """

    def answer(prompt: str) -> str:
        if code is not None:
            return code
        serial = prompt.removeprefix("Enter MFA code for ").rstrip(": ")
        raise CredentialsError(
            f"the role asks for an mfa code of {serial}",
            hint="run dsqltok login",
            data={"login": {"kind": "mfa", "serial": serial}},
        )

    session.get_component("credential_provider").get_provider("assume-role")._prompter = answer  # noqa: SLF001


def sso_of(session: Any) -> dict[str, Any] | None:
    """Return start_url, region, scopes and `key`, which the cache file is named after, of the SSO behind a profile."""
    for config in awsprofiles.settings(session.full_config, session.get_config_variable("profile") or "default"):
        name = config.get("sso_session")
        if name is not None:
            found = session.full_config.get("sso_sessions", {}).get(name, {})
            scopes = [each.strip() for each in found.get("sso_registration_scopes", _SCOPE).split(",")]
            return _sso(found, key=name, scopes=scopes)
        if "sso_start_url" in config:
            return _sso(config, key=config["sso_start_url"], scopes=None)
    return None


def _sso(config: Mapping[str, Any], *, key: str, scopes: list[str] | None) -> dict[str, Any] | None:
    start_url, region = config.get("sso_start_url"), config.get("sso_region")
    if start_url is None or region is None:
        raise ConfigurationError(
            f'the sso configuration "{key}" lacks sso_start_url or sso_region', hint="run aws configure sso"
        )
    return {"start_url": start_url, "region": region, "scopes": scopes, "key": key}


def begin(session: Any, client_of: Callable[[str], Any]) -> dict[str, Any]:
    """Begin a login: return `url` and `code` for the person, `interval` and `expires_in` seconds, `flow` for `poll`.

    Raises `ConfigurationError` where no SSO is behind the profile, and what botocore raises.
    """
    sso = sso_of(session)
    if sso is None:
        raise ConfigurationError("no sso session is behind this profile", hint="run aws configure sso")
    client = client_of(sso["region"])
    scopes = {"scopes": sso["scopes"]} if sso["scopes"] else {}
    registered = client.register_client(clientName="dsqltok", clientType="public", **scopes)
    client_id, client_secret = _text(registered, "clientId"), _text(registered, "clientSecret")
    started = client.start_device_authorization(
        clientId=client_id, clientSecret=client_secret, startUrl=sso["start_url"]
    )
    complete = "verificationUriComplete" if started.get("verificationUriComplete") else "verificationUri"
    return {
        "url": _text(started, complete),
        "code": _text(started, "userCode"),
        "interval": _number(started, "interval", _LONGEST_INTERVAL) if started.get("interval") else _INTERVAL,
        "expires_in": _number(started, "expiresIn", _LONGEST_LOGIN),
        "flow": {
            **sso,
            "client_id": client_id,
            "client_secret": client_secret,
            "registration_expires_at": registered.get("clientSecretExpiresAt"),
            "device_code": _text(started, "deviceCode"),
        },
    }


def poll(flow: Mapping[str, Any], client_of: Callable[[str], Any]) -> dict[str, Any]:
    """Return whether the person has confirmed (`done`), and else in how many more seconds to ask (`slower`).

    Raises `DeniedError` or `CredentialsError` where that will not happen any more, and what botocore raises.
    """
    try:
        token = client_of(flow["region"]).create_token(
            grantType=_GRANT,
            clientId=flow["client_id"],
            clientSecret=flow["client_secret"],
            deviceCode=flow["device_code"],
        )
    except Exception as error:
        code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
        if code in ("AuthorizationPendingException", "SlowDownException"):
            return {"done": False, "slower": _INTERVAL if code == "SlowDownException" else 0}
        if code == "AccessDeniedException":
            raise DeniedError("the login was refused in the browser", hint="run dsqltok login again") from None
        if code == "ExpiredTokenException":
            raise CredentialsError("the code was not confirmed in time", hint="run dsqltok login again") from None
        raise
    _write(awsfiles.sso_file(flow["key"]), _entry(flow, token))
    return {"done": True, "slower": 0}


def _entry(flow: Mapping[str, Any], token: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the AWS CLI keeps of a login."""
    entry = {
        "startUrl": flow["start_url"],
        "region": flow["region"],
        "accessToken": _text(token, "accessToken"),
        "expiresAt": _moment(time.time() + _number(token, "expiresIn", _LONGEST_SESSION)),
    }
    if flow["scopes"] and "refreshToken" in token and flow["registration_expires_at"]:
        entry |= {
            "clientId": flow["client_id"],
            "clientSecret": flow["client_secret"],
            "registrationExpiresAt": _moment(_number(flow, "registration_expires_at", _LAST_MOMENT)),
            "refreshToken": _text(token, "refreshToken"),
        }
    return entry


def _text(answer: Mapping[str, Any], name: str) -> str:
    """Return a text of an answer; botocore gives on whatever stands there, and a person is to read some of these."""
    value = answer.get(name)
    if not isinstance(value, str) or not value.isprintable() or not value:
        raise awsanswers.garbled(f"sso, {name}", None)
    return value


def _number(answer: Mapping[str, Any], name: str, most: int) -> int:
    """Return a number above zero of an answer, or `most` where it is more than that."""
    value = answer.get(name)
    if type(value) is not int or value <= 0:
        raise awsanswers.garbled(f"sso, {name}", None)
    return min(value, most)


def _moment(wall: float) -> str:
    return datetime.fromtimestamp(int(wall), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(path: str, entry: Mapping[str, Any]) -> None:
    """Write the file whole or not at all, for its owner alone."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        write_atomically(path, json.dumps(entry), 0o600)
    except OSError as error:
        raise UnavailableError(
            f"cannot write {path}: {error.strerror}", hint="check the disk and the directory's permissions"
        ) from error
