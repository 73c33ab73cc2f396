"""A login with a token and `select 1`, in PostgreSQL's own protocol, for `dsqltok doctor`.

Spoken here rather than by a client library: Aurora DSQL takes a password in clear inside TLS and nothing else, which is
five messages; the server's message, code and hint stay apart; and the token stays in this process.

Source: PostgreSQL's manual, "Frontend/Backend Protocol", "Message Formats".
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from dsqltok import errors

if TYPE_CHECKING:
    import socket

_SECONDS = 10.0  # for all of it
_PROTOCOL = 196608  # 3.0
_LONGEST = 1 << 20
_LET_IN, _PASSWORD_WANTED = 0, 3
_TERMINATE = struct.pack("!ci", b"X", 4)


@dataclass
class RefusedError(Exception):
    """The server said no. `code` is the SQLSTATE."""

    message: str
    code: str
    hint: str

    def without(self, token: str) -> RefusedError:
        """Return the same with nothing secret of the token in it, should the server quote it."""
        secrets = {token}
        for parameter in token.split("&"):
            name, _, value = parameter.partition("=")
            if name in ("X-Amz-Signature", "X-Amz-Security-Token"):
                secrets |= {value, unquote(value)}
        cleared = replace(self)
        for secret in sorted(secrets - {""}, key=len, reverse=True):
            cleared.message, cleared.hint = (text.replace(secret, "…") for text in (cleared.message, cleared.hint))
        return cleared


def select_one(connection: socket.socket, user: str, database: str, token: str) -> None:
    """Log in over a secured connection, ask for `select 1`, and close it.

    Raises `RefusedError` where the server says no, `TimedOutError`, and `UnavailableError` for what is no such server.
    """
    try:
        with connection:
            conversation = _Conversation(connection)
            conversation.log_in(user, database, token)
            if conversation.query("select 1") != b"1":
                raise _strange("its answer to select 1 is not 1")
    except TimeoutError:
        raise errors.TimedOutError(
            f"the login takes more than {_SECONDS:g} s", hint="the cluster may be waking up: try again in a minute"
        ) from None
    except OSError as error:
        raise errors.UnavailableError(
            f"the connection broke off during the login: {(error.strerror or str(error)).lower()}", hint="try again"
        ) from None


class _Conversation:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._end = time.monotonic() + _SECONDS

    def log_in(self, user: str, database: str, token: str) -> None:
        words = "".join(f"{word}\0" for word in ("user", user, "database", database)).encode() + b"\0"
        self._send(struct.pack("!ii", len(words) + 8, _PROTOCOL) + words)
        while (kind_and_body := self._receive())[0] != b"Z":
            kind, body = kind_and_body
            if kind == b"R":
                self._authenticate(int.from_bytes(body[:4]), token)

    def _authenticate(self, wanted: int, token: str) -> None:
        if wanted == _PASSWORD_WANTED:
            password = token.encode() + b"\0"
            self._send(struct.pack("!ci", b"p", len(password) + 4) + password)
        elif wanted != _LET_IN:
            raise _strange("it asks for another kind of password")

    def query(self, text: str) -> bytes | None:
        """Return the first column of the last row."""
        words = text.encode() + b"\0"
        self._send(struct.pack("!ci", b"Q", len(words) + 4) + words)
        value = None
        while (kind_and_body := self._receive())[0] != b"Z":
            kind, body = kind_and_body
            if kind == b"D":
                value = body[6:]  # after the number of columns and the length of the first
        self._send(_TERMINATE)
        return value

    def _send(self, words: bytes) -> None:
        self._connection.settimeout(self._left())
        self._connection.sendall(words)

    def _receive(self) -> tuple[bytes, bytes]:
        """Return the next message's kind and body. Raises `RefusedError` for an error."""
        head = self._exactly(5)
        kind, length = head[:1], int.from_bytes(head[1:]) - 4
        if not 0 <= length <= _LONGEST:
            raise _strange("it does not speak PostgreSQL's protocol")
        body = self._exactly(length)
        if kind == b"E":
            raise _refusal(body)
        return kind, body

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            self._connection.settimeout(self._left())
            more = self._connection.recv(size - len(got))
            if not more:
                raise ConnectionError("the server hung up")
            got += more
        return got

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _refusal(body: bytes) -> RefusedError:
    fields = {part[:1]: part[1:] for part in body.decode(errors="replace").split("\0") if part}
    return RefusedError(fields.get("M", ""), fields.get("C", ""), fields.get("H", ""))


def _strange(what: str) -> errors.DsqltokError:
    return errors.UnavailableError(
        f"the server is not Aurora DSQL: {what}", hint="see where the url leads", retryable=False
    )
