"""An STS that wants an MFA code: it looks at the code, and leaves the rest to another STS."""

from __future__ import annotations

import contextlib
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Self

from . import web

if TYPE_CHECKING:
    from .web import Reply, Request

_REFUSAL = b"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>MultiFactorAuthentication failed with invalid MFA one time pass code. </Message>
</Error></ErrorResponse>"""


class MfaSts:
    """An STS in front of the one at `behind`, as a context manager.

    `code` is what it takes from the device `serial`, once; `asked` counts the requests that had a code with them.
    """

    url: str

    def __init__(self, behind: str, serial: str) -> None:
        self.code = ""
        self.asked = 0
        self._behind = behind
        self._serial = serial
        self._parts = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.url = self._parts.enter_context(web.serving(self._answer, "mfa sts"))
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def _answer(self, request: Request) -> Reply:
        asked = dict(urllib.parse.parse_qsl(request.body.decode()))
        if "SerialNumber" in asked and not self._takes(asked):
            return web.Reply(_REFUSAL, 403, {"Content-Type": "text/xml"})
        signed = {"Authorization": request.headers["authorization"]}
        forwarded = urllib.request.Request(self._behind, request.body, signed)  # noqa: S310 - our own bed
        with urllib.request.urlopen(forwarded) as answer:  # noqa: S310 - as above
            return web.Reply(bytes(answer.read()), 200, {"Content-Type": "text/xml"})

    def _takes(self, asked: dict[str, str]) -> bool:
        self.asked += 1
        code, self.code = self.code, ""
        return bool(code) and (asked["SerialNumber"], asked["TokenCode"]) == (self._serial, code)
