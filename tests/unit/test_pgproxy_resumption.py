"""A TLS session is taken up again for who proved to be its host, for an hour, and for nobody else."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
import trustme

from dsqltokd.pgproxy.resumption import Proven

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "one.example"


class Server:
    """Takes a connection at a time, says a word inside TLS, and hangs up once the client has."""

    def __init__(self, authority: trustme.CA) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST).configure_cert(self._context)

    def connected(self, context: ssl.SSLContext, proven: Proven, host: str = HOST) -> bool:
        """Connect, keep the session, and tell whether it was resumed."""
        here, there = socket.socketpair()
        serving = threading.Thread(target=self._serve, args=(there,))
        serving.start()
        try:
            with context.wrap_socket(here, server_hostname=host, session=proven.of(host)) as client:
                assert client.recv(1) == b"x"
                proven.keep(host, client)
                return bool(client.session_reused)
        finally:
            here.close()
            serving.join()

    def _serve(self, there: socket.socket) -> None:
        try:
            with self._context.wrap_socket(there, server_side=True) as inside:
                inside.sendall(b"x")
                inside.recv(1)
        except OSError:
            there.close()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def context(authority: trustme.CA) -> Iterator[ssl.SSLContext]:
    with authority.cert_pem.tempfile() as roots:
        yield ssl.create_default_context(cafile=roots)


def test_a_session_is_resumed_until_an_hour_after_the_certificate_was_verified(
    authority: trustme.CA, context: ssl.SSLContext
) -> None:
    now = 0.0
    proven, server = Proven(lambda: now), Server(authority)
    for now, resumed in ((0.0, False), (1800.0, True), (3599.0, True), (3600.0, False), (3601.0, True)):
        assert server.connected(context, proven) is resumed, now


def test_a_session_is_of_one_host(authority: trustme.CA, context: ssl.SSLContext) -> None:
    proven, server = Proven(), Server(authority)
    assert server.connected(context, proven) is False
    assert proven.of("another.example") is None
    with pytest.raises(ssl.SSLCertVerificationError):
        server.connected(context, proven, "another.example")


def test_who_does_not_know_the_session_shows_a_certificate(authority: trustme.CA, context: ssl.SSLContext) -> None:
    proven = Proven()
    assert Server(authority).connected(context, proven) is False
    assert Server(authority).connected(context, proven) is False
    with pytest.raises(ssl.SSLCertVerificationError):
        Server(trustme.CA()).connected(context, proven)
