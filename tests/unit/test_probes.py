"""The doctor's way to an endpoint: names, ports, TLS and the login, against servers of a few lines on this machine."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dsqltok import pglogin, probe, tls, tlsprobe
from dsqltok.errors import ConfigurationError, DsqltokError, TimedOutError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOST = "abc.dsql.us-east-1.on.aws"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


# --- names and ports ------------------------------------------------------------------------------------


def test_an_address_is_its_own() -> None:
    (found,) = probe.resolve("127.0.0.1", 5432)
    assert (found.ip, found.place) == ("127.0.0.1", ("127.0.0.1", 5432))


def test_a_name_without_an_address_is_told() -> None:
    with pytest.raises(UnavailableError, match=r"there is no address for a\.\.b"):
        probe.resolve("a..b", 5432)


def test_a_look_up_that_hangs_is_left_behind() -> None:
    end = threading.Event()
    with pytest.raises(TimeoutError):
        probe.within(0.01, end.wait)
    end.set()


def test_each_address_is_tried_and_one_that_is_open_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        addresses = [probe.Address(socket.AF_INET, ip, (ip, port)) for ip in ("127.0.0.2", "127.0.0.1")]
        connection, text = probe.connect(addresses)
        with connection:
            assert connection.getpeername() == ("127.0.0.1", port)
    assert text.startswith(f"port {port} of 127.0.0.1 is open; 127.0.0.2: ")


# --- TLS ------------------------------------------------------------------------------------------------


class Server:
    """Answers an SSLRequest, then does a TLS handshake, if it has a context, and hangs up."""

    def __init__(self, answer: bytes, context: ssl.SSLContext | None) -> None:
        self._answer, self._context = answer, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                with peer, contextlib.suppress(OSError):
                    peer.recv(8)
                    peer.sendall(self._answer)
                    if self._context:
                        with self._context.wrap_socket(peer, server_side=True) as secured:
                            secured.recv(1)

    def connect(self) -> socket.socket:
        return socket.create_connection(self._listener.getsockname(), timeout=10)

    def secure(self, host: str, roots: str | None) -> str:
        connection, text = tlsprobe.secure(self.connect(), host, roots, again=self.connect)
        connection.close()
        return text

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with contextlib.ExitStack() as servers:

        def start(answer: bytes = b"S", certificate: trustme.LeafCert | None = None) -> Server:
            context = None
            if certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                certificate.configure_cert(context)
            server = Server(answer, context)
            servers.callback(server.close)
            return server

        yield start


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Corporate Proxy")


@pytest.fixture
def roots(authority: trustme.CA, tmp_path: Path) -> str:
    file = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(file)
    return str(file)


def test_a_proven_name_is_told_with_its_issuer_and_its_end(
    serve: Callable[..., Server], authority: trustme.CA, roots: str
) -> None:
    ends = datetime(2999, 5, 4, tzinfo=UTC)
    found = serve(certificate=authority.issue_cert(HOST, not_after=ends)).secure(HOST, roots)
    assert found.startswith("TLSv1.3, sni abc.dsql.us-east-1.on.aws, certificate by Corporate Proxy")
    assert found.endswith("until 2999-05-04")


def refusal(server: Server, roots: str | None) -> DsqltokError:
    with pytest.raises(DsqltokError) as caught:
        server.secure(HOST, roots)
    assert caught.value.hint
    return caught.value


def test_an_unknown_root_is_told_with_who_issued_it(serve: Callable[..., Server], authority: trustme.CA) -> None:
    found = refusal(serve(certificate=authority.issue_cert(HOST)), None)
    assert "leads to no root that is trusted here (by Corporate Proxy" in found.message
    assert "proxy" in found.hint


def test_roots_of_the_url_s_own_that_do_not_fit_are_named(
    serve: Callable[..., Server], authority: trustme.CA, tmp_path: Path
) -> None:
    file = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(file)
    found = refusal(serve(certificate=authority.issue_cert(HOST)), str(file))
    assert str(file) in found.hint
    assert "sslrootcert=system" in found.hint


def test_another_name_is_told(serve: Callable[..., Server], authority: trustme.CA, roots: str) -> None:
    found = refusal(serve(certificate=authority.issue_cert("localhost")), roots)
    assert found.message == f"the certificate is for localhost, not for {HOST}"
    assert "hostaddr" in found.hint


def test_a_certificate_for_no_host_at_all_is_told(tmp_path: Path) -> None:
    file = tmp_path / "person.pem"
    file.write_bytes(of_a_person())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = Server(b"S", context)
    try:
        assert refusal(server, str(file)).message == f"the certificate is for another name, not for {HOST}"
    finally:
        server.close()


def of_a_person() -> bytes:
    """Return a certificate that names a person, not a host, and is its own root, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    person = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ana")])
    made = x509.CertificateBuilder(
        issuer_name=person,
        subject_name=person,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=LONG_AGO,
        not_valid_after=datetime(2999, 1, 1, tzinfo=UTC),
    ).add_extension(x509.SubjectAlternativeName([x509.DirectoryName(person)]), critical=False)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_a_certificate_that_has_expired_is_told(
    serve: Callable[..., Server], authority: trustme.CA, roots: str
) -> None:
    certificate = authority.issue_cert(HOST, not_before=LONG_AGO, not_after=LONG_AGO + timedelta(days=1))
    assert "has expired" in refusal(serve(certificate=certificate), roots).message


def test_a_certificate_from_the_future_is_told(serve: Callable[..., Server], authority: trustme.CA, roots: str) -> None:
    later = datetime(2998, 1, 1, tzinfo=UTC)
    certificate = authority.issue_cert(HOST, not_before=later, not_after=later + timedelta(days=1))
    assert "is not valid yet" in refusal(serve(certificate=certificate), roots).message


@pytest.mark.parametrize(("answer", "words"), [(b"N", "takes no TLS"), (b"", "hung up"), (b"HTTP/1.1", "takes no TLS")])
def test_a_server_without_tls_is_told(answer: bytes, words: str, serve: Callable[..., Server]) -> None:
    assert words in refusal(serve(answer), None).message


def test_roots_that_are_not_there_are_the_configuration_s_fault(serve: Callable[..., Server], tmp_path: Path) -> None:
    with serve().connect() as connection, pytest.raises(ConfigurationError, match="holds no root certificates"):
        tlsprobe.secure(connection, HOST, str(tmp_path / "none.pem"), again=serve().connect)


def test_roots_that_would_never_end_are_not_opened(serve: Callable[..., Server], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.pem"
    os.mkfifo(pipe)
    with serve().connect() as connection, pytest.raises(ConfigurationError, match="it is no regular file"):
        tlsprobe.secure(connection, HOST, str(pipe), again=serve().connect)


def test_the_roots_are_those_that_libpq_takes(tmp_path: Path) -> None:
    assert tls.roots(None, {}, str(tmp_path)) is None
    own = tmp_path / ".postgresql" / "root.crt"
    own.parent.mkdir()
    own.touch()
    assert tls.roots(None, {}, str(tmp_path)) == str(own)
    assert tls.roots(None, {"PGSSLROOTCERT": "/a.pem"}, str(tmp_path)) == "/a.pem"
    assert tls.roots("/b.pem", {"PGSSLROOTCERT": "/a.pem"}, str(tmp_path)) == "/b.pem"
    assert tls.roots("system", {"PGSSLROOTCERT": "/a.pem"}, str(tmp_path)) is None


# --- the login ------------------------------------------------------------------------------------------


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


WANTED = message(b"R", struct.pack("!i", 3))
LET_IN = message(b"R", struct.pack("!i", 0)) + message(b"S", b"server_version\016\0") + message(b"Z", b"I")
ROW = message(b"D", struct.pack("!hi", 1, 1) + b"1") + message(b"C", b"SELECT 1\0") + message(b"Z", b"I")
REFUSED = message(b"E", b"SFATAL\0C08006\0Maccess denied\0HSignature expired\0\0")


def log_in(*answers: bytes) -> bytes:
    """Log in where these answers wait already; return what was sent."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(b"".join(answers))
        theirs.shutdown(socket.SHUT_WR)
        pglogin.select_one(ours, "app", "postgres", "t0ken")
        sent = b""
        while words := theirs.recv(65536):
            sent += words
    return sent


def test_a_login_says_who_and_where_and_asks_for_one() -> None:
    words = b"user\0app\0database\0postgres\0\0"
    startup = struct.pack("!ii", len(words) + 8, 196608) + words
    password = message(b"p", b"t0ken\0")
    query = message(b"Q", b"select 1\0")
    assert log_in(WANTED, LET_IN, ROW) == startup + password + query + message(b"X", b"")


@pytest.mark.parametrize("answers", [(REFUSED,), (WANTED, REFUSED), (WANTED, LET_IN, REFUSED)])
def test_a_refusal_is_told_in_its_three_fields(answers: tuple[bytes, ...]) -> None:
    with pytest.raises(pglogin.RefusedError) as caught:
        log_in(*answers)
    assert caught.value == pglogin.RefusedError("access denied", "08006", "Signature expired")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ((message(b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0"),), "another kind of password"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "does not speak"),
        ((WANTED, LET_IN, ROW.replace(b"\x011C", b"\x012C")), "is not 1"),
        ((WANTED, LET_IN, message(b"Z", b"I")), "is not 1"),
        ((WANTED,), "hung up"),
        ((), "hung up"),
    ],
)
def test_what_is_no_such_server_is_told(answers: tuple[bytes, ...], words: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        log_in(*answers)
    assert words in caught.value.message
    assert "t0ken" not in str(caught.value.as_data())


def test_a_closed_port_and_a_silent_one_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnavailableError, match="connection refused") as caught:
        probe.connect([probe.Address(socket.AF_INET, "127.0.0.1", ("127.0.0.1", port))])
    assert not isinstance(caught.value, TimedOutError)
