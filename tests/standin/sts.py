"""STS in three moods: one that issues credentials (moto), one that refuses, and one that never answers.

Programs are sent there by AWS_ENDPOINT_URL_STS. moto checks no signatures, so any credentials may assume any role.
"""

from __future__ import annotations

import contextlib
import http.server
import logging
import socket
import threading
import urllib.parse
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Self

from .sigv4 import Credentials

if TYPE_CHECKING:
    import socketserver
    from collections.abc import Iterator

    from moto.sts.models import AssumedRole as MotoRole

_LOOPBACK = "127.0.0.1"
_POLL_S = 0.05  # how soon a server notices that it is to stop
_REFUSAL = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>AccessDenied</Code>
    <Message>User: arn:aws:iam::123456789012:user/example is not authorized to perform: sts:AssumeRole on resource: \
{role_arn}</Message>
  </Error>
  <RequestId>00000000-0000-0000-0000-000000000000</RequestId>
</ErrorResponse>
"""


@dataclass(frozen=True)
class AssumedRole:
    """A role session that STS gave out."""

    role_arn: str
    session_name: str
    external_id: str | None
    credentials: Credentials


class Sts:
    """moto's server on a free port of 127.0.0.1, as a context manager; `url` is its endpoint once entered.

    moto keeps its state per process: two of these at a time would know each other's roles.
    """

    url: str

    def __enter__(self) -> Self:
        # moto takes half a second to import, which only they should pay who want it.
        from moto.server import ThreadedMotoServer  # noqa: PLC0415

        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # or it prints a line for each request
        self._server = ThreadedMotoServer(ip_address=_LOOPBACK, port=0, verbose=False)
        self._server.start()
        self.url = "http://{}:{}".format(*self._server.get_host_and_port())
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def issued(self) -> list[AssumedRole]:
        """Return every role session given out so far, oldest first for each account."""
        return [_assumed(role) for role in _roles()]

    def find(self, access_key_id: str) -> Credentials | None:
        """Return the temporary credentials of an access key id, or None if it was not given out here."""
        return next((_assumed(role).credentials for role in _roles() if role.access_key_id == access_key_id), None)


def _roles() -> Iterator[MotoRole]:
    from moto.sts.models import sts_backends  # noqa: PLC0415 - as above

    for account in list(sts_backends.values()):
        for backend in list(account.values()):
            yield from list(backend.assumed_roles)


def _assumed(role: MotoRole) -> AssumedRole:
    # moto's times are in UTC but do not say so, and `timestamp` would take them for local time.
    expires_at = role.expiration.replace(tzinfo=UTC).timestamp()
    credentials = Credentials(role.access_key_id, role.secret_access_key, role.session_token, expires_at)
    return AssumedRole(role.role_arn, role.session_name, role.external_id, credentials)


class RefusingSts:
    """An STS that denies every request, as a context manager. `url` is its endpoint, `refused` counts its answers."""

    url: str
    refused: int

    def __enter__(self) -> Self:
        self.refused = 0
        self._server = http.server.ThreadingHTTPServer((_LOOPBACK, 0), self._answer)
        self.url = f"http://{_LOOPBACK}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="refusing sts")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, connection: socket.socket, peer: object, server: socketserver.BaseServer) -> _Denial:
        self.refused += 1
        return _Denial(connection, peer, server)


class _Denial(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = self.rfile.read(int(self.headers["Content-Length"])).decode()
        role_arn = urllib.parse.parse_qs(request).get("RoleArn", [""])[0]
        body = _REFUSAL.format(role_arn=role_arn).encode()
        self.send_response(403)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet: the test says what is wrong."""


class BlackHole:
    """A server that accepts connections and never answers, as a context manager; `url` is its endpoint."""

    url: str
    port: int

    def __enter__(self) -> Self:
        self._parts = contextlib.ExitStack()
        self._listener = self._parts.enter_context(socket.create_server((_LOOPBACK, 0)))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://{_LOOPBACK}:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def swallow(self, timeout_s: float) -> None:
        """Wait until another client has connected, or raise `TimeoutError`.

        Clients need no one to wait for them: the kernel accepts on our behalf.
        """
        self._listener.settimeout(timeout_s)
        client, _ = self._listener.accept()
        self._parts.enter_context(client)
