"""TLS with a PostgreSQL server, for `dsqltok doctor`: the handshake, and in words what is wrong with a certificate.

A certificate that was not accepted is shown by connecting twice more: once to be given it, once trusting it alone, for
that is when the ssl module tells what is in it. Nothing is sent over these connections.
"""

from __future__ import annotations

import os
import ssl
import stat
import struct
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from dsqltok import errors, probe

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    Again = Callable[[], socket.socket]

_SECONDS = 5.0
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_AMAZON = "Amazon"
# OpenSSL's numbers for what is wrong with a certificate (X509_V_ERR_…).
_NOT_YET, _EXPIRED = 9, 10
_OTHER_NAME = (62, 64)
_UNKNOWN_ROOT = (2, 18, 19, 20, 21)


def secure(connection: socket.socket, host: str, roots: str | None, *, again: Again) -> tuple[ssl.SSLSocket, str]:
    """Return the connection inside TLS, `host` proved by a certificate that leads to `roots`, and what was found.

    `again` makes another such connection. Raises `UnavailableError`, `TimedOutError` and `ConfigurationError`.
    """
    context = _context(roots)
    try:
        secured = _handshake(connection, host, context)
    except ssl.SSLCertVerificationError as error:
        raise _distrust(error, host, roots, _certificate(again, host)) from None
    except TimeoutError:
        raise errors.TimedOutError(
            f"no answer to a TLS handshake in {_SECONDS:g} s", hint="see what stands between here and the endpoint"
        ) from None
    except OSError as error:
        raise errors.UnavailableError(
            f"the TLS handshake broke off: {_reason(error)}",
            hint="a firewall or tunnel may not let it through, or another kind of server listens there",
        ) from None
    certificate = secured.getpeercert() or {}
    until = _day(certificate)
    return secured, f"{secured.version()}, sni {host}, certificate by {_name(certificate, 'issuer')} until {until}"


def _context(roots: str | None) -> ssl.SSLContext:
    try:
        # A project may name any file: one on a dead mount, or a pipe that nobody writes to, must not stop the walk.
        return probe.within(_SECONDS, lambda: _trusting(roots))
    except OSError as error:
        raise errors.ConfigurationError(
            f"{roots} holds no root certificates: {_reason(error)}",
            hint="sslrootcert in the url or PGSSLROOTCERT names it; sslrootcert=system takes the system's",
        ) from None


def _trusting(roots: str | None) -> ssl.SSLContext:
    if roots is not None and not stat.S_ISREG(os.stat(roots).st_mode):
        raise OSError(0, "it is no regular file")
    return ssl.create_default_context(cafile=roots)


def _handshake(connection: socket.socket, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    connection.settimeout(_SECONDS)
    try:
        _ask_for_tls(connection)
        return context.wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise


def _ask_for_tls(connection: socket.socket) -> None:
    connection.sendall(_SSL_REQUEST)
    answer = connection.recv(1)
    if answer != b"S":
        raise ConnectionError("the server takes no TLS" if answer else "the server hung up")


def _certificate(again: Again, host: str) -> dict[str, Any]:
    """Return what is in the server's certificate as the ssl module tells it, nothing where it cannot be had."""
    given = ssl.create_default_context()
    given.check_hostname, given.verify_mode = False, ssl.CERT_NONE
    try:
        with _handshake(again(), host, given) as connection:
            der = connection.getpeercert(binary_form=True) or b""
        alone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        alone.check_hostname = False
        alone.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        alone.load_verify_locations(cadata=der)
        with _handshake(again(), host, alone) as connection:
            return dict(connection.getpeercert() or {})
    except (OSError, ValueError, errors.DsqltokError):
        return {}


def _distrust(
    error: ssl.SSLCertVerificationError, host: str, roots: str | None, certificate: Mapping[str, Any]
) -> errors.DsqltokError:
    issuer, code = _name(certificate, "issuer"), error.verify_code
    by = f" (by {issuer})" if certificate else ""
    if code in _OTHER_NAME:
        text = f"the certificate is for {_names(certificate) or 'another name'}, not for {host}"
        hint = "check the endpoint's name; a tunnel needs it as host, and its own address as hostaddr"
    elif code == _EXPIRED:
        text, hint = f"the certificate{by} has expired", "check this machine's clock, and who answers there"
    elif code == _NOT_YET:
        text, hint = f"the certificate{by} is not valid yet", "check this machine's clock"
    elif code in _UNKNOWN_ROOT:
        text, hint = f"the certificate leads to no root that is trusted here{by}", _trust(issuer, roots)
    else:
        text, hint = f"the certificate{by} is not accepted: {error.verify_message.lower()}", _trust(issuer, roots)
    return errors.UnavailableError(text, hint=hint, retryable=False)


def _trust(issuer: str, roots: str | None) -> str:
    if roots is not None:
        return f"only the roots in {roots} count: see that it holds the right one, or use sslrootcert=system"
    if _AMAZON in issuer:
        return "install the system's root certificates (ca-certificates), Amazon Root CA 1 among them"
    return (
        "somebody answers in the endpoint's place, such as a proxy: go round it, or if you trust it name its root by "
        "sslrootcert in the url; unchecked it would read the token"
    )


def _name(certificate: Mapping[str, Any], whose: str) -> str:
    said = {key: value for part in certificate.get(whose, ()) for key, value in part}
    found = dict.fromkeys(said[key] for key in ("organizationName", "commonName") if key in said)
    return ", ".join(found) or "an issuer without a name"


def _names(certificate: Mapping[str, Any]) -> str:
    names = (value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "IP Address"))
    return ", ".join(islice(names, 3))


def _day(certificate: Mapping[str, Any]) -> str:
    seconds = ssl.cert_time_to_seconds(certificate["notAfter"])
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no tls").replace("_", " ").lower()
    return error.strerror.lower() if error.strerror else str(error)
