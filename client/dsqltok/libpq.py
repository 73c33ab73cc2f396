"""Where to connect, as whom and with which token, in the words of libpq: its parameters, and its environment variables.

`answer` is the daemon's, to `connection.get`.
"""

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# libpq's parameters that a url may have, and the variables that say the same.
_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "options": "PGOPTIONS",
    "sslnegotiation": "PGSSLNEGOTIATION",
}

DIVERTING = ("PGSERVICE", "PGSERVICEFILE", "PGREQUIRESSL")
"""Variables that, were they left, would lead a connection elsewhere than those of `variables` say."""


def parameters(answer: "Mapping[str, Any]") -> dict[str, str]:
    """Return libpq's parameters of a connection, all but the password: `host`, `port`, `user`, …."""
    found = {**answer["connection"], **answer["connection"]["parameters"]}
    return {name: found[name] for name in _VARIABLES if found.get(name) is not None}


def variables(answer: "Mapping[str, Any]") -> dict[str, str]:
    """Return the variables with which libpq, and what follows it, connects by itself: `PGHOST`, …, `PGPASSWORD`."""
    named = {_VARIABLES[name]: value for name, value in parameters(answer).items()}
    return {**named, "PGPASSWORD": answer["token"]}
