"""A client in this process: what a lookup costs beyond the start of a program.

A lookup is all of connect, send, receive. One that has to be waited for, which a refresh is, can be started and left.
"""

from __future__ import annotations

import json
import select
import socket
import time
from typing import TYPE_CHECKING, Any

from bench.place import ENV

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.place import Home

_MOST = 64 * 1024
_PATIENCE = 30.0


def request(home: Home, environment: Mapping[str, str]) -> bytes:
    """Return the line that asks for a token on behalf of a caller with these AWS variables."""
    return question("token.get", config=str(home.project / "atlas.hcl"), env=ENV, environment=dict(environment))


def question(method: str, **params: object) -> bytes:
    """Return the line of any request."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n"


def timed(path: str, line: bytes) -> float:
    """Return the seconds that one lookup at the socket `path` takes. Raises `RuntimeError` where it brings no token."""
    begin = time.perf_counter()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(line)
        said = sock.recv(_MOST)
    took = time.perf_counter() - begin
    _check(said)
    return took


def answered(path: str, line: bytes) -> dict[str, Any]:
    """Return the result of one request, however long it takes. Raises `RuntimeError` where it is an error."""
    said = json.loads(answer(path, line))
    if "result" not in said:
        raise RuntimeError(f"{line!r} is answered with {said}")
    result: dict[str, Any] = said["result"]
    return result


def answer(path: str, line: bytes) -> bytes:
    """Return the answer to one request, however long it takes."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_PATIENCE)
        sock.connect(path)
        sock.sendall(line)
        with sock.makefile("rb") as answers:
            return answers.readline()


class Pending:
    """A request whose answer takes its time."""

    def __init__(self, path: str, line: bytes) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(_PATIENCE)
        self._sock.connect(path)
        self._sock.sendall(line)

    def is_over(self) -> bool:
        """Tell whether the answer is there, without waiting."""
        return bool(select.select([self._sock], [], [], 0)[0])

    def finish(self) -> None:
        """Wait for the answer. Raises `RuntimeError` where it is an error."""
        with self._sock:
            said = self._sock.recv(_MOST)
        if b'"result":' not in said:
            raise RuntimeError(f"not answered, but {said.decode(errors='replace')}")


def _check(said: bytes) -> None:
    if b'"result":{"token":"' not in said:
        raise RuntimeError(f"no token, but {said.decode(errors='replace')}")
