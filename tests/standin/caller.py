"""An STS that knows who everybody is, and whose clock is wrong."""

from __future__ import annotations

import http.server
import threading
import time
from typing import Self

_LOOPBACK = "127.0.0.1"
_POLL_S = 0.05  # how soon the server notices that it is to stop
_ANSWER = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>arn:aws:iam::123456789012:user/example</Arn><UserId>AIDAEXAMPLE</UserId><Account>123456789012</Account>
  </GetCallerIdentityResult>
</GetCallerIdentityResponse>
"""


class WrongClockSts:
    """Answers GetCallerIdentity with a Date `shift` seconds from now, as a context manager; `url` is its endpoint."""

    url: str

    def __init__(self, shift: float) -> None:
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(_ANSWER)))
                self.end_headers()
                self.wfile.write(_ANSWER)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string((timestamp or time.time()) + shift)

            def log_message(self, *_: object) -> None:
                """Keep quiet: the test says what is wrong."""

        self._server = http.server.ThreadingHTTPServer((_LOOPBACK, 0), Answer)

    def __enter__(self) -> Self:
        self.url = f"http://{_LOOPBACK}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="wrong clock sts")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
