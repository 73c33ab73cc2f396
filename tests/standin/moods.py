"""STS in its worse moods: what answers in its place is slow, lies, or is something else altogether."""

from __future__ import annotations

import contextlib
import http.server
import ssl
import threading
from typing import TYPE_CHECKING, Self

import trustme

if TYPE_CHECKING:
    import socket
    import socketserver
    from collections.abc import Callable

    Mood = Callable[["_Request"], None]

_LOOPBACK = "127.0.0.1"
_POLL_S = 0.05  # how soon a server notices that it is to stop
_ISSUED = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><Arn>{user}</Arn><AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken>{secret}</SessionToken>{expiration}</Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
_ERROR = "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{said}</Message></Error></ErrorResponse>"


class MoodySts:
    """An HTTP server that answers every request by its mood, as a context manager.

    `url` is its endpoint, `asked` counts requests. Over `tls` its certificate is of a CA that nobody trusts.
    """

    url: str
    asked: int

    def __init__(self, mood: Mood, *, tls: bool = False) -> None:
        self._mood = mood
        self._tls = tls

    def __enter__(self) -> Self:
        self.asked = 0
        self._over = threading.Event()
        self._server = http.server.ThreadingHTTPServer((_LOOPBACK, 0), self._answer)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up are expected
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            trustme.CA().issue_cert(_LOOPBACK).configure_cert(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if self._tls else 'http'}://{_LOOPBACK}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="moody sts")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, connection: socket.socket, peer: object, server: socketserver.BaseServer) -> _Request:
        self.asked += 1
        return _Request(connection, peer, server, mood=self._mood, over=self._over)


class _Request(http.server.BaseHTTPRequestHandler):
    def __init__(self, *arguments: object, mood: Mood, over: threading.Event) -> None:
        self._mood = mood
        self.over = over
        super().__init__(*arguments)  # type: ignore[arg-type]  # they are passed on as they came

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with contextlib.suppress(OSError):
            self._mood(self)

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
    return says(200, _ISSUED.format(user=user, key=key, secret=secret, expiration=given))


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
