"""TLS sessions to resume: what an endpoint has proved need not be proved anew for each connection.

The rules:
1. A session is taken up again for the host whose certificate was verified when it began, and for no other.
2. It counts for an hour from then, however often it is taken up; after that the certificate is verified again.
3. Who cannot continue a session does not know its secret, and has to show a certificate: TLS sees to that.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

_SECONDS = 3600.0


class Proven:
    """The sessions that may be taken up, each with the time until which it may. They are of one `ssl.SSLContext`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, tuple[ssl.SSLSession, float]] = {}

    def of(self, host: str) -> ssl.SSLSession | None:
        """Return a session for a connection to `host`, None where the certificate is to be verified."""
        session, until = self._sessions.get(host, (None, 0.0))
        return session if self._clock() < until else None

    def keep(self, host: str, server: ssl.SSLSocket) -> None:
        """Keep the session of a connection to `host`, which was verified, once the server has said something in it."""
        if server.session_reused:
            return  # it will do again
        session = server.session
        if session is not None and session.has_ticket:
            self._sessions[host] = (session, self._clock() + _SECONDS)
