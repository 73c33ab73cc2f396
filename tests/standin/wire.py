"""The few messages of PostgreSQL's protocol that pass before a login is decided. No I/O.

Source: PostgreSQL's manual, "Frontend/Backend Protocol", "Message Formats".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .sigv4 import Refusal

SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104
CANCEL_REQUEST = 80877102
TLS_HANDSHAKE = b"\x16"  # what a client sends first that negotiates TLS directly (sslnegotiation=direct)
PASSWORD_WANTED = struct.pack("!cii", b"R", 8, 3)  # AuthenticationCleartextPassword
LONGEST_STARTUP = 10_000  # PostgreSQL's own limit
LONGEST_PASSWORD = 65_536
HEADER = struct.Struct("!ii")


class ProtocolError(EOFError):
    """The peer does not speak the protocol: there is nothing to do but to hang up."""


def body_length(whole: int, *, header: int, limit: int) -> int:
    """Return how many bytes follow the `header` bytes that a message's length `whole` counts in."""
    if not header <= whole <= limit:
        raise ProtocolError(f"a message of {whole} bytes")
    return whole - header


def startup_parameters(body: bytes) -> dict[str, str]:
    """Return a StartupMessage's parameters, from what follows its length and protocol version."""
    words = body.decode(errors="replace").split("\0")[:-2]
    if len(words) % 2:
        raise ProtocolError("a startup message with a name that has no value")
    return dict(zip(words[::2], words[1::2], strict=True))


def error_response(refusal: Refusal) -> bytes:
    """Say no, as the server of a connection that never came to be."""
    fields = {"S": "FATAL", "V": "FATAL", "C": refusal.sqlstate, "M": refusal.message, "H": refusal.hint}
    body = "".join(f"{kind}{text}\0" for kind, text in fields.items() if text).encode() + b"\0"
    return b"E" + struct.pack("!i", len(body) + 4) + body
