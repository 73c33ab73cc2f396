"""A certificate authority of our own, and certificates for whatever endpoint of Aurora DSQL a client asks for."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path

_ENDPOINT = re.compile(r"[^.]+(\.dsql[^.]*\.[^.]+\.on\.aws)")
_ELSEWHERE = ".dsql.us-east-1.on.aws"


class Connection(ssl.SSLObject):
    """A server's side of a TLS connection, which keeps the name that the client asked for."""

    asked_for: str | None = None


class Authority:
    """Makes the contexts of a TLS server that presents `*.dsql.<region>.on.aws` to a client asking for one of these.

    A client that asks for anything else, or for nothing, is shown the certificate of us-east-1, as a server that has
    only one would do.
    """

    def __init__(self, ca_file: Path) -> None:
        self._ca = trustme.CA()
        self._ca.cert_pem.write_to_path(ca_file)
        self._contexts: dict[str, ssl.SSLContext] = {}

    def context(self, suffix: str = _ELSEWHERE) -> ssl.SSLContext:
        """Return the context for the endpoints that end in `suffix`."""
        if suffix not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_alpn_protocols(["postgresql"])
            context.sslobject_class = Connection
            context.sni_callback = self._on_name
            self._ca.issue_cert(f"*{suffix}").configure_cert(context)
            self._contexts[suffix] = context
        return self._contexts[suffix]

    def _on_name(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if not isinstance(connection, Connection):
            raise TypeError("a TLS connection that no context of this authority made")
        connection.asked_for = name
        endpoint = _ENDPOINT.fullmatch(name or "")
        if endpoint:
            connection.context = self.context(endpoint[1])
