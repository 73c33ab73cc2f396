"""A proxy as companies have them: it takes CONNECT, ends the TLS itself with a certificate of its own authority.

Whatever the host, what was asked of it goes to one upstream, so that a program which believes to talk to
sts.us-east-1.amazonaws.com talks to a test bed. Programs are sent here by HTTPS_PROXY, and trust it by AWS_CA_BUNDLE.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import ssl
import threading
import urllib.parse
from typing import TYPE_CHECKING, Any, Self

import trustme

from .leash import bed_directory
from .web import LOOPBACK

if TYPE_CHECKING:
    import socketserver
    from pathlib import Path

_POLL_S = 0.05  # how soon it notices that it is to stop


class Proxy:
    """The proxy, as a context manager. `upstream` is an http url.

    Once entered: `url`; `ca_file`, the certificate to trust, readable to all; `asked`, the hosts that it was asked for.
    """

    url: str
    ca_file: Path

    def __init__(self, upstream: str) -> None:
        self.asked: list[str] = []
        self._upstream = urllib.parse.urlsplit(upstream).netloc
        self._ca = trustme.CA()
        self._parts = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.ca_file = self._parts.enter_context(bed_directory("proxy-")) / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)
        server = http.server.ThreadingHTTPServer((LOOPBACK, 0), self._handle)
        thread = threading.Thread(target=server.serve_forever, args=(_POLL_S,), name="proxy")
        thread.start()
        self._parts.callback(server.server_close)
        self._parts.callback(thread.join)
        self._parts.callback(server.shutdown)
        self.url = f"http://{LOOPBACK}:{server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def context(self, host: str) -> ssl.SSLContext:
        """Return what to play `host` with, and note that it was asked for."""
        self.asked.append(host)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(host).configure_cert(context)
        return context

    def _handle(self, connection: Any, peer: object, server: socketserver.BaseServer) -> _Client:
        return _Client(self, self._upstream, connection, peer, server)


class _Client(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, proxy: Proxy, upstream: str, *connection: Any) -> None:
        self._proxy = proxy
        self._upstream = upstream
        super().__init__(*connection)

    def do_CONNECT(self) -> None:
        self.send_response(200)
        self.end_headers()
        context = self._proxy.context(self.path.partition(":")[0])
        try:
            self.connection = context.wrap_socket(self.connection, server_side=True)
        except OSError:
            self.close_connection = True  # who does not trust us hangs up
            return
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        there = http.client.HTTPConnection(self._upstream)
        with contextlib.closing(there):
            there.request("POST", self.path, body, dict(self.headers.items()))
            answer = there.getresponse()
            said = answer.read()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Keep quiet: the test says what is wrong."""
