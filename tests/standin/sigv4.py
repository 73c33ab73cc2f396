"""What a DSQL endpoint checks of a token: a SigV4 presigned GET without its `https://`.

Rules of this file: hmac and hashlib alone, never botocore, whose mistakes it is there to notice; no clock and no I/O,
since time and credentials are arguments; and a refusal never quotes a secret, a signature or a session token.

Sources: AWS's "Signature Version 4: add the signature to the query string", and for what the server says what users
have reported of Aurora DSQL. A hint that is not among those reports is in the stand-in's own words.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_LIFE_S = 604_800
CLOCK_SKEW_S = 300
_REGION = re.compile(r"\.dsql[^.]*\.([^.]+)\.on\.aws$")
_HASH_OF_NOTHING = hashlib.sha256(b"").hexdigest()
_ACTIONS = ("DbConnect", "DbConnectAdmin")


@dataclass(frozen=True)
class Credentials:
    """AWS credentials as AWS itself knows them. `expires_at` is in Unix seconds; None means that they never expire."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: float | None = None


@dataclass(frozen=True)
class Login:
    """A token that was accepted, and for whom. `signed_at` is in Unix seconds, `expires_in` in seconds."""

    user: str
    host: str
    action: str
    access_key_id: str
    signed_at: float
    expires_in: int


class Refusal(Exception):  # noqa: N818 - it is what the server answers, not a mistake of the stand-in
    """A connection that the endpoint does not accept, in the three fields that a PostgreSQL client shows."""

    def __init__(self, reason: str, *, hint: str = "", sqlstate: str = "08006") -> None:
        super().__init__(f"unable to accept connection, {reason}")
        self.message = f"unable to accept connection, {reason}"
        self.sqlstate = sqlstate
        self.hint = hint


def authenticate(
    token: str, *, host: str, user: str, now: float, credentials_of: Callable[[str], Credentials | None]
) -> Login:
    """Return the login that `token` is good for, or raise `Refusal`.

    `host` is the name the client asked for in its TLS handshake, `user` the database user, `now` Unix seconds;
    `credentials_of` finds the credentials of an access key id, or None where AWS never issued it.
    """
    signed_host, parameters = _read(token)
    if signed_host != host:
        raise _denied(f"The token is for another host. token: {signed_host}, connection: {host}")
    credentials = _signer(parameters, host, credentials_of)
    if not hmac.compare_digest(_signature(parameters, host, credentials), parameters["X-Amz-Signature"].encode()):
        raise _denied("The request signature we calculated does not match the signature you provided.")
    signed_at, expires_in = _life(parameters, now)
    if credentials.expires_at is not None and now >= credentials.expires_at:
        raise _denied("The security token included in the request is expired")
    action = parameters["Action"]
    if (user == "admin") != (action == "DbConnectAdmin"):
        raise _denied(f"Wrong user to action mapping. user: {user}, action: {action}")
    return Login(user, host, action, credentials.access_key_id, signed_at, expires_in)


def _denied(hint: str) -> Refusal:
    return Refusal("access denied", hint=hint)


def _read(token: str) -> tuple[str, dict[str, str]]:
    """Split a token into its host and its decoded parameters, all of which AWS requires to be there exactly once."""
    host, separator, query = token.partition("/?")
    pairs = [part.partition("=") for part in query.split("&")]
    parameters = {unquote(name): unquote(value) for name, _, value in pairs}
    required = {"Action", *(f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires"))}
    required |= {"X-Amz-SignedHeaders", "X-Amz-Signature"}
    complete = separator and len(parameters) == len(pairs)
    if not complete or parameters.keys() - {"X-Amz-Security-Token"} != required:
        raise _denied("The token is not a presigned request.")
    if parameters["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256" or parameters["X-Amz-SignedHeaders"] != "host":
        raise _denied("The token is not signed by AWS4-HMAC-SHA256 over its host alone.")
    if parameters["Action"] not in _ACTIONS:
        raise _denied("The token's action is not one of DbConnect, DbConnectAdmin.")
    return host, parameters


def _signer(
    parameters: Mapping[str, str], host: str, credentials_of: Callable[[str], Credentials | None]
) -> Credentials:
    """Return the credentials that the token names, once its scope fits the endpoint and its session token fits them."""
    key, *scope = parameters["X-Amz-Credential"].split("/")
    found = _REGION.search(host)
    region = found[1] if found else ""
    if scope != [parameters["X-Amz-Date"][:8], region, "dsql", "aws4_request"]:
        raise _denied(f"Credential should be scoped to a valid date, region '{region}' and service 'dsql'.")
    credentials = credentials_of(key)
    if credentials is None or credentials.session_token != parameters.get("X-Amz-Security-Token"):
        raise _denied("The security token included in the request is invalid.")
    return credentials


def _signature(parameters: Mapping[str, str], host: str, credentials: Credentials) -> bytes:
    """Compute what X-Amz-Signature must be, whatever order the parameters came in."""
    encoded = sorted((_encode(name), _encode(value)) for name, value in parameters.items() if name != "X-Amz-Signature")
    query = "&".join(f"{name}={value}" for name, value in encoded)
    request = f"GET\n/\n{query}\nhost:{host}\n\nhost\n{_HASH_OF_NOTHING}"
    _, day, region, service, terminator = parameters["X-Amz-Credential"].split("/")
    scope = f"{day}/{region}/{service}/{terminator}"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{parameters['X-Amz-Date']}\n{scope}\n{digest}"
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in (day, region, service, terminator, text):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex().encode()


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")


def _life(parameters: Mapping[str, str], now: float) -> tuple[float, int]:
    """Return when the token was signed and for how long, provided that `now` lies within."""
    date, expires = parameters["X-Amz-Date"], parameters["X-Amz-Expires"]
    try:
        signed_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        expires_in = int(expires)
    except ValueError:
        raise _denied("X-Amz-Date or X-Amz-Expires is malformed.") from None
    if not 1 <= expires_in <= LONGEST_LIFE_S:
        raise _denied(f"X-Amz-Expires must be between 1 and {LONGEST_LIFE_S} seconds.")
    if signed_at > now + CLOCK_SKEW_S:
        raise _denied(f"Signature not yet current: {date} is still later than {_stamp(now + CLOCK_SKEW_S)}")
    if now >= signed_at + expires_in:
        raise _denied(f"Signature expired: {_stamp(signed_at + expires_in)} is now earlier than {_stamp(now)}")
    return signed_at, expires_in


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
