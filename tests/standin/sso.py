"""AWS's single sign-on in one server: the portal that gives out role credentials, and SSO-OIDC, where people sign in.

Programs are sent there by AWS_ENDPOINT_URL_SSO and AWS_ENDPOINT_URL_SSO_OIDC. Whoever holds a good access token gets
any role of any account. The person who would open the verification page is the test: `approve`, `deny`, `expire`.

Sources: botocore's service models of `sso` and `sso-oidc`; RFC 8628 for the device grant; the AWS CLI for the file
that a sign-in leaves.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from . import web
from .mint import Mint

if TYPE_CHECKING:
    from collections.abc import Callable

    from .sigv4 import Credentials
    from .web import Reply, Request

_DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
_REGISTRATION_S = 90 * 86_400
_DEVICE_S = 600


@dataclass
class Device:
    """A device authorization. `standing` is `authorization_pending`, `approved`, or the error that it ends with."""

    device_code: str
    user_code: str
    start_url: str
    standing: str = "authorization_pending"


@dataclass(frozen=True)
class RoleAsked:
    """A request for role credentials that was granted."""

    account_id: str
    role_name: str
    credentials: Credentials = field(repr=False)
    access_token: str = field(repr=False)


class Sso:
    """The server, as a context manager; `url` is the endpoint of both services once entered.

    `role_life_s` and `token_life_s` are the lives, by `clock`, of what is given out from then on, `interval_s` is how
    often a client is told to ask whether the person has signed in, `page` where the person does. `granted` lists the
    role credentials given out, `devices` the device authorizations; `refreshed` counts the access tokens that a
    refresh token brought.
    """

    url: str

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.role_life_s = 3600.0
        self.token_life_s = 8 * 3600.0
        self.interval_s = 1
        self.page = "https://device.sso.us-east-1.amazonaws.com/"
        self.granted: list[RoleAsked] = []
        self.devices: list[Device] = []
        self.refreshed = 0
        self._clock = clock
        self._mint = Mint(clock)
        self._clients: dict[str, str] = {}
        self._scoped: set[str] = set()
        self._access_tokens: dict[str, float] = {}
        self._refresh_tokens: set[str] = set()
        self._parts = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.url = self._parts.enter_context(web.serving(self._answer, "sso"))
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def find(self, access_key_id: str) -> Credentials | None:
        """Return the role credentials of an access key id, or None if they were not given out here."""
        return self._mint.find(access_key_id)

    # What the person does

    def approve(self) -> None:
        """Sign in for every device that waits for it."""
        self._settle("approved")

    def deny(self) -> None:
        """Refuse every device that waits."""
        self._settle("access_denied")

    def expire(self) -> None:
        """Let the time run out for every device that waits."""
        self._settle("expired_token")

    def sign_out(self) -> None:
        """End every session: no access token and no refresh token is good any more."""
        self._access_tokens.clear()
        self._refresh_tokens.clear()

    def signed_in(
        self, start_url: str, session: str | None = None, *, life_s: float | None = None, refreshable: bool = True
    ) -> tuple[str, str]:
        """Sign in as `aws sso login` does; return the name of the file in ~/.aws/sso/cache, and what it holds.

        Without `session` it is a sign-in of the older kind, which nothing renews.
        """
        life_s = self.token_life_s if life_s is None else life_s
        held: dict[str, Any] = {
            "startUrl": start_url,
            "region": "us-east-1",
            "accessToken": self._access_token(life_s),
            "expiresAt": _stamp(self._clock() + life_s),
        }
        if session is not None and refreshable:
            client = self._registered({"scopes": ["sso:account:access"]})
            held["clientId"], held["clientSecret"] = client["clientId"], client["clientSecret"]
            held["registrationExpiresAt"] = _stamp(client["clientSecretExpiresAt"])
            held["refreshToken"] = self._refresh_token()
        digest = hashlib.sha1((session or start_url).encode(), usedforsecurity=False).hexdigest()
        return f"{digest}.json", json.dumps(held)

    def _settle(self, standing: str) -> None:
        for device in self.devices:
            if device.standing == "authorization_pending":
                device.standing = standing

    # What the server does

    def _answer(self, request: Request) -> Reply:
        match request.method, request.path:
            case "GET", "/federation/credentials":
                return self._role(request)
            case "POST", "/client/register":
                return web.json_reply(self._registered(request.json()))
            case "POST", "/device_authorization":
                return self._device(request.json())
            case "POST", "/token":
                return self._token(request.json())
        return web.json_reply({"message": "not found"}, 404)

    def _role(self, request: Request) -> Reply:
        token = request.headers.get("x-amz-sso_bearer_token", "")
        ends = self._access_tokens.get(token, 0.0)
        if ends <= self._clock():
            said = {"message": "Session token not found or invalid"}
            return web.json_reply(said, 401, x_amzn_ErrorType="UnauthorizedException")
        made = self._mint.make(self.role_life_s)
        self.granted.append(RoleAsked(request.query["account_id"], request.query["role_name"], made, token))
        given = {
            "accessKeyId": made.access_key_id,
            "secretAccessKey": made.secret_access_key,
            "sessionToken": made.session_token,
            "expiration": int((made.expires_at or 0) * 1000),
        }
        return web.json_reply({"roleCredentials": given})

    def _registered(self, asked: dict[str, Any]) -> dict[str, Any]:
        client_id, secret, now = secrets.token_hex(11), secrets.token_hex(32), int(self._clock())
        self._clients[client_id] = secret
        if "sso:account:access" in asked.get("scopes", []):
            self._scoped.add(client_id)
        return {
            "clientId": client_id,
            "clientSecret": secret,
            "clientIdIssuedAt": now,
            "clientSecretExpiresAt": now + _REGISTRATION_S,
        }

    def _device(self, asked: dict[str, Any]) -> Reply:
        if self._clients.get(asked["clientId"]) != asked["clientSecret"]:
            return _refusal("invalid_client")
        code = f"{secrets.token_hex(2)}-{secrets.token_hex(2)}".upper()
        device = Device(secrets.token_hex(32), code, asked["startUrl"])
        self.devices.append(device)
        given = {
            "deviceCode": device.device_code,
            "userCode": code,
            "verificationUri": self.page,
            "verificationUriComplete": f"{self.page}?user_code={code}",
            "expiresIn": _DEVICE_S,
            "interval": self.interval_s,
        }
        return web.json_reply(given)

    def _token(self, asked: dict[str, Any]) -> Reply:
        if self._clients.get(asked["clientId"]) != asked["clientSecret"]:
            return _refusal("invalid_client")
        if asked["grantType"] == "refresh_token":
            return self._renewed(asked)
        if asked["grantType"] != _DEVICE_CODE:
            return _refusal("unsupported_grant_type")
        device = next((each for each in self.devices if each.device_code == asked["deviceCode"]), None)
        if device is None:
            return _refusal("invalid_grant")
        if device.standing != "approved":
            return _refusal(device.standing)
        device.standing = "invalid_grant"  # a code is good once
        return self._given(refreshable=asked["clientId"] in self._scoped)

    def _renewed(self, asked: dict[str, Any]) -> Reply:
        if asked["refreshToken"] not in self._refresh_tokens:
            return _refusal("invalid_grant")
        self._refresh_tokens.discard(asked["refreshToken"])
        self.refreshed += 1
        return self._given(refreshable=True)

    def _given(self, *, refreshable: bool) -> Reply:
        given: dict[str, Any] = {
            "accessToken": self._access_token(self.token_life_s),
            "tokenType": "Bearer",
            "expiresIn": int(self.token_life_s),
        }
        if refreshable:
            given["refreshToken"] = self._refresh_token()
        return web.json_reply(given)

    def _access_token(self, life_s: float) -> str:
        token = f"access-{secrets.token_hex(32)}"
        self._access_tokens[token] = self._clock() + life_s
        return token

    def _refresh_token(self) -> str:
        token = f"refresh-{secrets.token_hex(32)}"
        self._refresh_tokens.add(token)
        return token


_EXCEPTIONS = {
    "access_denied": "AccessDeniedException",
    "authorization_pending": "AuthorizationPendingException",
    "expired_token": "ExpiredTokenException",
    "invalid_client": "InvalidClientException",
    "invalid_grant": "InvalidGrantException",
    "unsupported_grant_type": "UnsupportedGrantTypeException",
}


def _refusal(error: str) -> Reply:
    status = 401 if error == "invalid_client" else 400
    return web.json_reply({"error": error, "error_description": error}, status, x_amzn_ErrorType=_EXCEPTIONS[error])


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
