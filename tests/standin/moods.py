"""STS in its worse moods: what answers in its place is slow, lies, or is something else altogether.

The same moods are good in front of another service, which `passes_on` asks in better ones.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import socket
import ssl
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import trustme

from . import dated

if TYPE_CHECKING:
    import socketserver
    from collections.abc import Callable

    Mood = Callable[["_Request"], None]

_LOOPBACK = "127.0.0.1"
_POLL_S = 0.05  # how soon a server notices that it is to stop
_ISSUED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><Arn>{user}</Arn><AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>{token}</SessionToken>{expiration}</Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
_ERROR = "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{said}</Message></Error></ErrorResponse>"


class MoodySts:
    """An HTTP server that answers every request by its mood, as a context manager. `mood` may change at any time.

    `url` is its endpoint, `asked` counts requests. Over `tls` its certificate is of a CA that nobody trusts.
    Between `leave` and `come_back` connections are refused, and nobody else gets the port.
    """

    url: str
    asked: int

    def __init__(self, mood: Mood, *, tls: bool = False) -> None:
        self.mood = mood
        self._tls = tls

    def __enter__(self) -> Self:
        self.asked = 0
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._place.bind((_LOOPBACK, 0))
        self.come_back()
        self.url = f"{'https' if self._tls else 'http'}://{_LOOPBACK}:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        self._place.close()

    def come_back(self) -> None:
        """Take connections again, which is how it begins."""
        self._over = threading.Event()
        self._server = _Server(self._place.getsockname(), self._answer)
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trustme.CA().issue_cert(_LOOPBACK).configure_cert(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="moody sts")
        self._thread.start()

    def leave(self) -> None:
        """Refuse connections, and end those that there are. To leave twice is to leave once."""
        if not self._over.is_set():
            self._over.set()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def _answer(self, connection: socket.socket, peer: object, server: socketserver.BaseServer) -> _Request:
        return _Request(connection, peer, server, sts=self, over=self._over)


class _Server(http.server.ThreadingHTTPServer):
    allow_reuse_port = True

    def handle_error(self, *_: object) -> None:
        """Keep quiet: clients that hang up are expected."""


class _Request(http.server.BaseHTTPRequestHandler):
    def __init__(self, *arguments: object, sts: MoodySts, over: threading.Event) -> None:
        self._sts = sts
        self.over = over
        self.body = b""
        super().__init__(*arguments)  # type: ignore[arg-type]  # they are passed on as they came

    def _handle(self) -> None:
        self._sts.asked += 1
        self.body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with contextlib.suppress(OSError):
            self._sts.mood(self)

    do_GET = do_POST = _handle  # noqa: N815 - http.server's names

    def begin(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "text/xml", "Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet: the test says what is wrong."""


def says(status: int, body: str, **headers: str) -> Mood:
    """Answer with a status and a body."""

    def answer(request: _Request) -> None:
        request.begin(status, len(body.encode()), **headers)
        request.wfile.write(body.encode())

    return answer


def complains(status: int, code: str, said: str = "Because.") -> Mood:
    """Answer with an error, as AWS words it."""
    return says(status, _ERROR.format(code=code, said=said))


def issues(*, user: str, secret: str, key: str = "ASIAEXAMPLE", expiration: str = "2999-01-01T00:00:00Z") -> Mood:
    """Answer with credentials of a role session, which no other part of the test bed knows."""
    given = f"<Expiration>{expiration}</Expiration>" if expiration else ""
    return says(200, _ISSUED.format(user=user, key=key, secret=secret, token=secret, expiration=given))


def issues_dated(*, user: str, clock: Callable[[], float], life_s: float) -> Mood:
    """Answer with credentials of `dated`, which end `life_s` seconds later by `clock`."""

    def answer(request: _Request) -> None:
        made = dated.make(clock() + life_s)
        ends = datetime.fromtimestamp(made.expires_at or 0, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        given = {"key": made.access_key_id, "secret": made.secret_access_key, "token": made.session_token}
        expiration = f"<Expiration>{ends}</Expiration>"
        says(200, _ISSUED.format(user=user, expiration=expiration, **given))(request)

    return answer


def passes_on(url: str) -> Mood:
    """Answer as the service at `url` does."""

    def answer(request: _Request) -> None:
        service = http.client.HTTPConnection(urlsplit(url).netloc)
        with contextlib.closing(service):
            service.request(request.command, request.path, request.body, dict(request.headers))
            reply = service.getresponse()
            body = reply.read()
        request.begin(reply.status, len(body), **dict(reply.headers) | {"Content-Length": str(len(body))})
        request.wfile.write(body)

    return answer


def divides(path: str, there: Mood, elsewhere: Mood) -> Mood:
    """Answer by another mood what is asked of paths that begin with `path`."""
    return lambda request: (there if request.path.startswith(path) else elsewhere)(request)


def swallows(request: _Request) -> None:
    """Never answer, until the client gives up or the server leaves."""
    while not request.over.is_set():
        request.connection.settimeout(1.0)
        with contextlib.suppress(TimeoutError):
            if not request.connection.recv(1, socket.MSG_PEEK):
                return


def drips(request: _Request) -> None:
    """Answer with a byte a second."""
    request.begin(200, 1000)
    while not request.over.wait(1.0):
        request.wfile.write(b"<")


def floods(request: _Request) -> None:
    """Answer with more than anybody has memory for."""
    request.begin(200, 1 << 40)
    while not request.over.is_set():
        request.wfile.write(b"<" * (1 << 20))
