"""AWS's sign-in service as `aws login` uses it: it renews the credentials that the login left in a file.

Programs are sent there by AWS_ENDPOINT_URL_SIGNIN. `logged_in` does what the browser and `aws login` would do.

Sources: botocore's service model of `signin`, and its reader of ~/.aws/login/cache; RFC 9449 for the proof of
possession, whose signature is verified.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from . import web
from .mint import Mint

if TYPE_CHECKING:
    from .sigv4 import Credentials
    from .web import Reply, Request


class SignIn:
    """The service, as a context manager; `url` is its endpoint once entered.

    `life_s` is the life of what it gives out from then on, AWS's is 15 minutes. `issued` lists what was given out.
    """

    url: str

    def __init__(self) -> None:
        self.life_s = 900.0
        self._mint = Mint()
        self._logins: dict[str, ec.EllipticCurvePrivateKey] = {}
        self._parts = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.url = self._parts.enter_context(web.serving(self._answer, "sign-in"))
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    @property
    def issued(self) -> list[Credentials]:
        return self._mint.issued

    def find(self, access_key_id: str) -> Credentials | None:
        """Return the credentials of an access key id, or None if they were not given out here."""
        return self._mint.find(access_key_id)

    def logged_in(self, session: str, *, life_s: float | None = None) -> tuple[str, str]:
        """Log in as `aws login` does; return the name of the file in ~/.aws/login/cache, and what it holds."""
        life_s = self.life_s if life_s is None else life_s
        key = ec.generate_private_key(ec.SECP256R1())
        token = f"refresh-{secrets.token_hex(32)}"
        self._logins[token] = key
        made = self._mint.make(life_s)
        held = {
            "accessToken": {
                "accessKeyId": made.access_key_id,
                "secretAccessKey": made.secret_access_key,
                "sessionToken": made.session_token,
                "accountId": "123456789012",
                "expiresAt": datetime.fromtimestamp(made.expires_at or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "tokenType": "aws_sigv4",
            "clientId": "arn:aws:signin:::devtools/same-device",
            "refreshToken": token,
            "dpopKey": key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            ).decode(),
        }
        return f"{hashlib.sha256(session.encode()).hexdigest()}.json", json.dumps(held)

    def _answer(self, request: Request) -> Reply:
        asked = request.json()
        key = self._logins.pop(asked.get("refreshToken", ""), None)
        if key is None or not _proves(request.headers.get("dpop", ""), key):
            return web.json_reply({"error": "TOKEN_EXPIRED"}, 401, x_amzn_ErrorType="AccessDeniedException")
        made = self._mint.make(self.life_s)
        token = f"refresh-{secrets.token_hex(32)}"
        self._logins[token] = key
        access = {
            "accessKeyId": made.access_key_id,
            "secretAccessKey": made.secret_access_key,
            "sessionToken": made.session_token,
        }
        given = {
            "tokenType": "aws_sigv4",
            "expiresIn": int((made.expires_at or 0) - time.time()),
            "accessToken": access,
        }
        return web.json_reply({**given, "refreshToken": token})


def _proves(proof: str, key: ec.EllipticCurvePrivateKey) -> bool:
    """Tell whether a DPoP header is signed with `key`."""
    signed, _, signature = proof.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    pair = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    try:
        key.public_key().verify(encode_dss_signature(*pair), signed.encode(), ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
