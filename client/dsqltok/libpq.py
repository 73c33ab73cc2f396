"""Where to connect, as whom and with which token, in the words of libpq: its parameters, and its environment variables.

`answer` is the daemon's, to `connection.get`.

The rules:
- What one env sets must not count for the next: its address would get the other's token. `DSQLTOK_SET` therefore names,
  beside the variables that are set for an env, which these are, and whoever sets others drops these first.
- What it does not name is the user's own, such as `PGHOSTADDR` for a tunnel, and stays.
- It comes from outside, so that only names of ours are heeded in it.
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

SET = "DSQLTOK_SET"
"""The variable that names those set for an env, with blanks between them."""
NAMES = (*_VARIABLES.values(), "PGPASSWORD")
"""The variables that may be set for an env."""
DIVERTING = ("PGSERVICE", "PGSERVICEFILE", "PGREQUIRESSL")
"""Variables that, were they left, would lead a connection elsewhere than those of `variables` say."""
# What stands for a parameter that nobody gives, so that libpq does not look for its variable. There is none for
# sslnegotiation: a libpq before 17 knows neither, and it leads nowhere else.
_NEUTRAL = {"hostaddr": "", "sslrootcert": "", "application_name": "", "options": "", "connect_timeout": "0"}


def parameters(answer: "Mapping[str, Any]") -> dict[str, str]:
    """Return libpq's parameters of a connection, all but the password: `host`, `port`, `user`, …."""
    found = {**answer["connection"], **answer["connection"]["parameters"]}
    return {name: found[name] for name in _VARIABLES if found.get(name) is not None}


def variables(answer: "Mapping[str, Any]") -> dict[str, str]:
    """Return the variables with which libpq, and what follows it, connects by itself: `PGHOST`, …, `DSQLTOK_SET`."""
    named = {_VARIABLES[name]: value for name, value in parameters(answer).items()}
    named["PGPASSWORD"] = answer["token"]
    return {**named, SET: " ".join(named)}


def earlier(environment: "Mapping[str, str]") -> list[str]:
    """Return the variables that were set in an environment for an env."""
    named = environment.get(SET, "").split()
    return [name for name in NAMES if name in named]


def own(environment: "Mapping[str, str]") -> dict[str, str]:
    """Return an environment without what was set in it for an env, and without what would lead elsewhere."""
    dropped = {SET, *earlier(environment), *DIVERTING}
    return {name: value for name, value in environment.items() if name not in dropped}


def shielded(said: dict[str, str], environment: "Mapping[str, str]") -> dict[str, str]:
    """Return the parameters, with neutral ones in place of the variables that were set for an earlier env."""
    set_before = earlier(environment)
    neutral = {name: value for name, value in _NEUTRAL.items() if _VARIABLES[name] in set_before}
    return {**neutral, **said}
