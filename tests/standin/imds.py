"""Where a machine and a container in AWS get their credentials: instance metadata, version 2, and a url.

Programs are sent to the one by AWS_EC2_METADATA_SERVICE_ENDPOINT, to the other by AWS_CONTAINER_CREDENTIALS_FULL_URI.

Sources: AWS's "Use the Instance Metadata Service", "Retrieve security credentials from instance metadata", and
"Container credential provider".
"""

from __future__ import annotations

import contextlib
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from . import web
from .mint import Mint

if TYPE_CHECKING:
    from .sigv4 import Credentials
    from .web import Reply, Request

_ROLES = "/latest/meta-data/iam/security-credentials/"
_CONTAINER = "/container/credentials"


class Imds:
    """The server, as a context manager. Once entered: `url` of the instance metadata, `container_url`.

    `life_s` is the life of what is given out from then on. The container's endpoint wants `authorization` in the
    header of that name. `issued` lists what was given out.
    """

    url: str
    container_url: str

    def __init__(self) -> None:
        self.life_s = 6 * 3600.0
        self.role_name = "an-instance-role"
        self.authorization = f"Basic {secrets.token_hex(16)}"
        self._mint = Mint()
        self._tokens: set[str] = set()
        self._parts = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.url = self._parts.enter_context(web.serving(self._answer, "imds"))
        self.container_url = self.url + _CONTAINER
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    @property
    def issued(self) -> list[Credentials]:
        return self._mint.issued

    def find(self, access_key_id: str) -> Credentials | None:
        """Return the credentials of an access key id, or None if they were not given out here."""
        return self._mint.find(access_key_id)

    def _answer(self, request: Request) -> Reply:
        if request.path == _CONTAINER:
            return self._container(request)
        if (request.method, request.path) == ("PUT", "/latest/api/token"):
            return self._session(request)
        if request.headers.get("x-aws-ec2-metadata-token") not in self._tokens:
            return web.Reply(status=401)
        if request.path == _ROLES:
            return web.Reply(self.role_name.encode())
        if request.path == _ROLES + self.role_name:
            kind = {"Code": "Success", "Type": "AWS-HMAC"}
            return web.json_reply({**kind, **_document(self._mint.make(self.life_s))})
        return web.Reply(status=404)

    def _container(self, request: Request) -> Reply:
        if request.headers.get("authorization") != self.authorization:
            return web.json_reply({"code": "AccessDenied", "message": "the header is missing or wrong"}, 403)
        return web.json_reply(_document(self._mint.make(self.life_s)))

    def _session(self, request: Request) -> Reply:
        if "x-aws-ec2-metadata-token-ttl-seconds" not in request.headers:
            return web.Reply(status=400)
        token = secrets.token_hex(28)
        self._tokens.add(token)
        return web.Reply(token.encode())


def _document(made: Credentials) -> dict[str, object]:
    return {
        "AccessKeyId": made.access_key_id,
        "SecretAccessKey": made.secret_access_key,
        "Token": made.session_token,
        "Expiration": datetime.fromtimestamp(made.expires_at or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
