"""PostgreSQL's protocol as far as the proxy speaks it: how a session begins, at either end. No I/O.

The rules:
1. Bytes go in as they come, in pieces of any size; what comes out does not depend on how they were cut.
2. No more is kept than a session's beginning may have (`LONGEST_STARTUP`, `LONGEST_MESSAGE`); whatever else arrives is
   a `GarbageError`, and the connection is of no use any more.
3. Once a session is ready nothing is read here: its bytes pass as they are.

Source: PostgreSQL's manual, "Frontend/Backend Protocol", "Message Formats".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LONGEST_STARTUP = 10_000  # PostgreSQL's own limit
LONGEST_MESSAGE = 1 << 20
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
LET_IN = struct.pack("!cii", b"R", 8, 0)
PASSWORD_WANTED = struct.pack("!cii", b"R", 8, 3)

_SSL, _GSSENC, _CANCEL = 80877103, 80877104, 80877102
_MAJOR = 3
_OLDEST = _MAJOR << 16
_PROTOCOL_OPTION = "_pq_."
_TLS_HANDSHAKE = 0x16
_LONGEST_KEY = 256  # bytes of a cancellation's key, with the process id
_SHORTEST = 8  # bytes of a request: its length and its code
_METHODS = (b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"CONN", b"OPTI", b"TRAC", b"PATC", b"PRI ")


class GarbageError(Exception):
    """What arrived is not PostgreSQL's protocol. `answer` is whether the other end may understand an error."""

    def __init__(self, message: str, *, answer: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.answer = answer


@dataclass(frozen=True, slots=True)
class EncryptionWanted:
    """The client asks whether the session may be encrypted, by TLS or GSSAPI."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The client wants what another session does cancelled: the one of this key (process id and secret)."""

    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Startup:
    """The client begins a session. `version` is the protocol's: 0x30000 for 3.0."""

    version: int
    parameters: Mapping[str, str]

    def in_oldest(self) -> Startup:
        """Return it in protocol 3.0, which every server speaks: without options of the protocol itself."""
        names = [name for name in self.parameters if not name.startswith(_PROTOCOL_OPTION)]
        return Startup(_OLDEST, {name: self.parameters[name] for name in names})


class Greeting:
    """What a client says before its session begins, from the bytes it sends. `rest` is what follows the startup."""

    def __init__(self) -> None:
        self.rest = b""
        self._ended = False

    def receive(self, data: bytes) -> Iterator[EncryptionWanted | Cancel | Startup]:
        """Take what has arrived; yield what it says. Nothing follows a `Cancel` or a `Startup`."""
        self.rest += data
        while not self._ended and (packet := self._packet()) is not None:
            code = int.from_bytes(packet[4:8])
            if code in (_SSL, _GSSENC):
                if len(packet) != _SHORTEST:
                    raise GarbageError("an encryption request of a wrong length")
                yield EncryptionWanted()
                continue
            self._ended = True
            yield _cancel(packet) if code == _CANCEL else _startup(code, packet[8:])

    def _packet(self) -> bytes | None:
        """Return the next packet, taken out of what has arrived, None where it is not complete."""
        if self.rest[:1] == bytes([_TLS_HANDSHAKE]):
            raise GarbageError("the client negotiates TLS without asking, which is not spoken here", answer=False)
        if any(method.startswith(self.rest[:4]) for method in _METHODS) and self.rest[:4]:
            if len(self.rest) < len(_METHODS[0]):
                return None
            raise GarbageError("the client speaks HTTP", answer=False)
        if len(self.rest) < 4:  # noqa: PLR2004 - the bytes of a length
            return None
        length = int.from_bytes(self.rest[:4])
        if not _SHORTEST <= length <= LONGEST_STARTUP:
            raise GarbageError(f"a startup packet of {length} bytes")
        if len(self.rest) < length:
            return None
        packet, self.rest = self.rest[:length], self.rest[length:]
        return packet


def _cancel(packet: bytes) -> Cancel:
    key = packet[8:]
    if not _SHORTEST <= len(key) <= _LONGEST_KEY + 4:
        raise GarbageError("a cancel request of a wrong length")
    return Cancel(key)


def _startup(version: int, body: bytes) -> Startup:
    if version >> 16 != _MAJOR:
        raise GarbageError(f"protocol {version >> 16}.{version & 0xFFFF}, where {_MAJOR}.0 and later are spoken")
    try:
        words = body.decode().split("\0")
    except UnicodeDecodeError:
        raise GarbageError("startup parameters that are not utf-8") from None
    if len(words) < 2 or words[-2:] != ["", ""] or len(words) % 2:  # noqa: PLR2004 - the last two end the list
        raise GarbageError("startup parameters that do not end")
    names = words[:-2:2]
    if "" in names:
        raise GarbageError("a startup parameter without a name")
    return Startup(version, dict(zip(names, words[1:-2:2], strict=True)))


def startup(version: int, parameters: Mapping[str, str]) -> bytes:
    """Return the packet that begins a session."""
    words = "".join(f"{name}\0{value}\0" for name, value in parameters.items()).encode() + b"\0"
    return struct.pack("!ii", len(words) + 8, version) + words


def cancel(key: bytes) -> bytes:
    """Return the packet that cancels what the session of `key` does."""
    return struct.pack("!ii", len(key) + 8, _CANCEL) + key


def password(text: str) -> bytes:
    """Return the message with a password."""
    body = text.encode() + b"\0"
    return struct.pack("!ci", b"p", len(body) + 4) + body


@dataclass(frozen=True)
class Response:
    """An error or a notice of the server's: its fields by their letters, such as `M` for the message."""

    fields: Mapping[str, str]

    @property
    def code(self) -> str:
        """Return the SQLSTATE."""
        return self.fields.get("C", "")

    @property
    def message(self) -> str:
        """Return what happened."""
        return self.fields.get("M", "")

    @property
    def hint(self) -> str:
        """Return what to do, in the server's words."""
        return self.fields.get("H", "")


def response(body: bytes) -> Response:
    """Read the body of an error or a notice."""
    parts = body.decode(errors="replace").split("\0")
    return Response({part[0]: part[1:] for part in parts if part})


def error(said: Response) -> bytes:
    """Return the message that is an error."""
    return _said(b"E", said)


def fatal(code: str, message: str, hint: str) -> bytes:
    """Return the error that ends a session that has not begun."""
    return error(Response({"S": "FATAL", "V": "FATAL", "C": code, "M": message, "H": hint}))


def notice(message: str, hint: str = "") -> bytes:
    """Return a notice."""
    return _said(b"N", Response({"S": "NOTICE", "V": "NOTICE", "C": "00000", "M": message, "H": hint}))


def _said(kind: bytes, said: Response) -> bytes:
    parts = "".join(f"{letter}{_line(text)}\0" for letter, text in said.fields.items() if text)
    body = parts.encode(errors="replace") + b"\0"
    return kind + struct.pack("!i", len(body) + 4) + body


def _line(text: str) -> str:
    return text.replace("\0", "")


class Messages:
    """Cuts what a server sends into messages: kind and whole message. `rest` is what is no whole message yet."""

    def __init__(self) -> None:
        self.rest = b""

    def receive(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Take what has arrived; yield each message that is complete, its kind and all of it."""
        self.rest += data
        while len(self.rest) >= 5:  # noqa: PLR2004 - a kind and a length
            length = int.from_bytes(self.rest[1:5])
            if not 4 <= length <= LONGEST_MESSAGE:  # noqa: PLR2004 - the length counts itself
                raise GarbageError("the server does not speak PostgreSQL's protocol")
            if len(self.rest) < length + 1:
                return
            whole, self.rest = self.rest[: length + 1], self.rest[length + 1 :]
            yield whole[:1], whole


class RefusedError(Exception):
    """The server does not begin the session."""

    def __init__(self, said: Response) -> None:
        super().__init__(said.code)
        self.said = said


class Login:
    """How a session begins at the server, once there is TLS. Say `greeting`, then what `receive` returns.

    `ready` is whether the session has begun; then `opening` is what the server said for the client to hear, beginning
    with its letting in, and `key` cancels what the session does.
    """

    def __init__(self, version: int, parameters: Mapping[str, str], token: str) -> None:
        self.greeting = startup(version, parameters)
        self.opening = b""
        self.key: bytes | None = None
        self.ready = False
        self._token = token
        self._messages = Messages()

    def receive(self, data: bytes) -> bytes:
        """Take what has arrived; return what to send. Raises `RefusedError`, and `GarbageError`."""
        answer = b""
        if self.ready:
            self.opening += data
            return answer
        for kind, whole in self._messages.receive(data):
            if kind == b"E":
                raise RefusedError(response(whole[5:]))
            answer += self._hear(kind, whole)
            if self.ready:
                break
        if self.ready:
            self.opening += self._messages.rest
            self._messages.rest = b""
        if len(self.opening) > LONGEST_MESSAGE:
            raise GarbageError("the server talks on and on before the session begins")
        return answer

    def _hear(self, kind: bytes, whole: bytes) -> bytes:
        if kind == b"R" and whole != LET_IN:
            if whole != PASSWORD_WANTED:
                raise GarbageError("the server wants another kind of password than DSQL does")
            return password(self._token)
        if kind == b"K":
            self.key = whole[5:]
        self.opening += whole
        self.ready = kind == b"Z"
        return b""


def letting_in(startup: Startup) -> bytes:
    """Return what lets a client in before the server is heard: to protocol 3.0, if it asked for something else."""
    options = [name for name in startup.parameters if name.startswith(_PROTOCOL_OPTION)]
    if startup.version == _OLDEST and not options:
        return LET_IN
    words = "".join(f"{name}\0" for name in options).encode()
    return struct.pack("!ciii", b"v", len(words) + 12, _OLDEST, len(options)) + words + LET_IN


def without_letting_in(opening: bytes) -> bytes:
    """Return an opening for a client that was let in already: what it must hear before that was said then."""
    return b"".join(whole for kind, whole in _all(opening) if kind not in (b"R", b"v"))


def _all(data: bytes) -> Iterable[tuple[bytes, bytes]]:
    messages = Messages()
    yield from messages.receive(data)
    if messages.rest:
        yield b"", messages.rest
