"""Endpoints in their worse moods: what a client of Aurora DSQL's may find in its place, or in its way."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Self

import trustme

from . import wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Mood = Callable[["BadEnd", socket.socket], None]


class BadEnd:
    """Takes connections at `port` and treats each by its mood, as a context manager. `seen` counts them.

    Its certificate is `name`'s, by an authority whose root is written to `ca_file`.
    """

    def __init__(self, mood: Mood, ca_file: Path, name: str) -> None:
        self.mood = mood
        self.seen = 0
        authority = trustme.CA()
        authority.cert_pem.write_to_path(ca_file)
        ca_file.chmod(0o644)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self.tls)
        self.over = threading.Event()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="bad end")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        threads = []
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.seen += 1
                threads.append(threading.Thread(target=self._treat, args=(client,)))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def _treat(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            self.mood(self, client)


def closes(_end: BadEnd, _client: socket.socket) -> None:
    """Hang up at once."""


def refuses_tls(_end: BadEnd, client: socket.socket) -> None:
    """Take no TLS."""
    client.recv(wire.HEADER.size)
    client.sendall(b"N")


def closes_in_the_handshake(_end: BadEnd, client: socket.socket) -> None:
    """Hang up once the client has begun with TLS."""
    client.recv(wire.HEADER.size)
    client.sendall(b"S")
    client.recv(1)


def swallows(end: BadEnd, client: socket.socket) -> None:
    """Say nothing, until the client gives up."""
    client.recv(wire.HEADER.size)
    client.settimeout(60.0)
    client.recv(1)
    end.over.wait()


def secured(end: BadEnd, client: socket.socket) -> ssl.SSLSocket:
    """Lead a client into TLS, and hear how it begins."""
    client.recv(wire.HEADER.size)
    client.sendall(b"S")
    inside = end.tls.wrap_socket(client, server_side=True)
    inside.recv(65_536)
    return inside


def closes_in_the_login(end: BadEnd, client: socket.socket) -> None:
    """Hang up once the client has said whose session it wants."""
    secured(end, client).close()


def speaks_something_else(end: BadEnd, client: socket.socket) -> None:
    """Answer as no PostgreSQL does."""
    with secured(end, client) as inside:
        inside.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def talks_on_and_on(end: BadEnd, client: socket.socket) -> None:
    """Let the client in, and never come to the point."""
    status = b"S" + (60_004).to_bytes(4) + bytes(60_000)
    with secured(end, client) as inside:
        inside.sendall(wire.PASSWORD_WANTED)
        inside.recv(65_536)
        while not end.over.is_set():
            inside.sendall(status)
