"""Small HTTP servers on 127.0.0.1, for the beds that answer as one of AWS's services does. One function answers all."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.parse
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socketserver
    from collections.abc import Callable, Iterator, Mapping

LOOPBACK = "127.0.0.1"
_POLL_S = 0.05  # how soon a server notices that it is to stop


@dataclass(frozen=True)
class Request:
    """What a client asked. Names of headers are in lower case; `query` holds the first value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> dict[str, Any]:
        """Return the body of a request that has a JSON object for one."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Reply:
    """What to answer with."""

    body: bytes = field(default=b"", repr=False)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(document: object, status: int = 200, **headers: str) -> Reply:
    """Return the reply that holds `document`; an underscore in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(json.dumps(document).encode(), status, {"Content-Type": "application/json", **named})


@contextmanager
def serving(answer: Callable[[Request], Reply], name: str) -> Iterator[str]:
    """Serve until the block ends; yield the url. `answer` is called from several threads, `name` is theirs."""

    def handle(connection: Any, peer: object, server: socketserver.BaseServer) -> _Handler:
        return _Handler(answer, connection, peer, server)

    server = http.server.ThreadingHTTPServer((LOOPBACK, 0), handle)
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), name=name)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, answer: Callable[[Request], Reply], *connection: Any) -> None:
        self._answer = answer
        super().__init__(*connection)

    def _handle(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        reply = self._answer(Request(self.command, path, dict(urllib.parse.parse_qsl(query)), headers, body))
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_PUT = _handle  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Keep quiet: the test says what is wrong."""
