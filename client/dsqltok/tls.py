"""TLS as libpq does it, for clients that are not libpq."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from dsqltok import errors, libpq, paths

if TYPE_CHECKING:
    from collections.abc import Mapping


def roots(said: str | None, environment: Mapping[str, str], home: str) -> str | None:
    """Return the file of trusted roots that a client takes, None for the system's.

    As libpq has it: the url's `sslrootcert`, PGSSLROOTCERT if it was not set for another env, the user's root.crt if
    there is one.
    """
    chosen = said or libpq.own(environment).get("PGSSLROOTCERT")
    if chosen:
        return None if chosen == "system" else chosen
    own = f"{home}/.postgresql/root.crt"
    return own if os.path.exists(own) else None


def context(sslmode: str, sslrootcert: str | None, *, direct: bool = False) -> ssl.SSLContext:
    """Return what checks a server as a url's `sslmode` and `sslrootcert` say; `direct` is for `sslnegotiation=direct`.

    `require` checks nothing where no file of roots is named or the user's own, and any other mode takes the system's
    then. Raises `ConfigurationError` where the file is none.
    """
    trusted = roots(sslrootcert, os.environ, paths.home())
    try:
        made = ssl.create_default_context(cafile=trusted)
    except OSError as error:
        raise errors.ConfigurationError(
            f"{trusted} holds no root certificates",
            hint="sslrootcert in the url or PGSSLROOTCERT names it; sslrootcert=system takes the system's",
        ) from error
    made.check_hostname = sslmode == "verify-full"
    if sslmode == "require" and trusted is None and not _names_the_system(sslrootcert):
        made.verify_mode = ssl.CERT_NONE
    if direct:
        made.set_alpn_protocols(["postgresql"])
    return made


def _names_the_system(sslrootcert: str | None) -> bool:
    return (sslrootcert or libpq.own(os.environ).get("PGSSLROOTCERT")) == "system"
