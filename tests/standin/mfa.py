"""An STS that wants an MFA code: it looks at the code, and leaves the rest to another STS."""

from __future__ import annotations

import http.server
import threading
import urllib.parse
import urllib.request
from typing import Self

_LOOPBACK = "127.0.0.1"
_POLL_S = 0.05  # how soon the server notices that it is to stop
_REFUSAL = b"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>MultiFactorAuthentication failed with invalid MFA one time pass code. </Message>
</Error></ErrorResponse>"""


class MfaSts:
    """An STS in front of the one at `behind`, as a context manager. `code` is what it takes; each works once.

    `asked` is how many requests had a code with them.
    """

    url: str

    def __init__(self, behind: str, serial: str) -> None:
        self.code = ""
        self.asked = 0
        self._behind = behind
        self._serial = serial

    def __enter__(self) -> Self:
        handler = type("_OfThis", (_Request,), {"sts": self})
        self._server = http.server.ThreadingHTTPServer((_LOOPBACK, 0), handler)
        self.url = f"http://{_LOOPBACK}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="mfa sts")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, request: dict[str, list[str]]) -> bool:
        """Look at the code of a request, and use it up; what asks for no code is let through."""
        if "SerialNumber" not in request:
            return True
        self.asked += 1
        given, self.code = self.code, ""
        return bool(given) and request["TokenCode"] == [given] and request["SerialNumber"] == [self._serial]

    def forward(self, body: bytes, authorization: str) -> bytes:
        """Return what the other STS answers."""
        request = urllib.request.Request(self._behind, body, {"Authorization": authorization})  # noqa: S310 - our bed
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
            return bytes(answer.read())


class _Request(http.server.BaseHTTPRequestHandler):
    sts: MfaSts

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        good = self.sts.take(urllib.parse.parse_qs(body.decode()))
        answer = self.sts.forward(body, self.headers["Authorization"]) if good else _REFUSAL
        self.send_response(200 if good else 403)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Keep quiet: the test says what is wrong."""
