"""A connection in the words of each driver, and what a driver's error says about the token."""

from __future__ import annotations

import os

from dsqltok import errors, libpq

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Literal, TypeAlias, TypeVar

    T = TypeVar("T")
    Driver: TypeAlias = Literal["libpq", "asyncpg", "pg8000"]

_REFUSED = "access denied"
# What follows where another token would be refused too.
_LASTING = ("not authorized", "wrong user to action")


def named(name: str) -> Driver:
    """Return in whose words a driver wants to be told; one that is not known takes libpq's."""
    return "asyncpg" if name == "asyncpg" else "pg8000" if name == "pg8000" else "libpq"


def of(connect: object) -> Driver:
    """Return in whose words the driver of a function such as `asyncpg.connect`, or a partial of it, is told."""
    import functools  # noqa: PLC0415 - whoever has made a partial has it loaded

    while isinstance(connect, functools.partial):
        connect = connect.func
    return named(str(getattr(connect, "__module__", "")).partition(".")[0])


def attempt(connect: Callable[[dict[str, Any]], T], ask: Callable[[bool], dict[str, Any]]) -> T:
    """Connect with what `ask` returns, and where the server refuses its token once more, with another, if there is one.

    `ask` is given whether the last token was refused.
    """
    found = ask(False)
    try:
        return connect(found)
    except Exception as error:
        if not is_stale(error):
            raise
        again = ask(True)
        if again["password"] == found["password"]:
            raise
    return connect(again)


def arguments(driver: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments with which a driver connects, the token as the password among them.

    `answer` is the daemon's, to `connection.get`.
    Raises `UsageError` for a driver that is not known, `ConfigurationError` where it cannot do what the url asks for.
    """
    if driver not in _WORDS:
        raise errors.UsageError(f'there is no driver "{driver}"', hint=f"use one of {', '.join(_WORDS)}")
    return {**_WORDS[driver](libpq.parameters(answer)), "password": answer["token"]}


def is_stale(error: BaseException) -> bool:
    """Tell whether an error of a driver's says that the server refused a token, and might accept another."""
    said = str(error).lower()
    return _REFUSED in said and not any(words in said for words in _LASTING)


def _libpq(said: dict[str, str]) -> dict[str, Any]:
    return {**libpq.shielded(said, os.environ), "port": int(said["port"])}


def _asyncpg(said: dict[str, str]) -> dict[str, Any]:
    found = _common("asyncpg", said)
    settings = {name: said[name] for name in ("application_name", "options") if name in said}
    if settings:
        found["server_settings"] = settings
    if said.get("sslnegotiation") == "direct":
        found["direct_tls"] = True
    return {**found, "ssl": _tls(said)}


def _pg8000(said: dict[str, str]) -> dict[str, Any]:
    found = _common("pg8000", said)
    if said.get("sslnegotiation") == "direct":
        raise errors.ConfigurationError(
            "pg8000 cannot begin with tls at once", hint="take sslnegotiation=direct out of the url"
        )
    if "application_name" in said:
        found["application_name"] = said["application_name"]
    if "options" in said:
        found["startup_params"] = {"options": said["options"]}
    return {**found, "ssl_context": _tls(said)}


def _common(driver: str, said: dict[str, str]) -> dict[str, Any]:
    if "hostaddr" in said:
        raise errors.ConfigurationError(
            f"{driver} cannot connect to one address by the name of another",
            hint="take hostaddr out of the url, or use psycopg",
        )
    found: dict[str, Any] = {
        "host": said["host"],
        "port": int(said["port"]),
        "user": said["user"],
        "database": said["dbname"],
    }
    if "connect_timeout" in said:
        found["timeout"] = int(said["connect_timeout"])
    return found


def _tls(said: dict[str, str]) -> Any:
    from dsqltok import tls  # noqa: PLC0415 - the ssl module, which libpq's users do not need

    return tls.context(said["sslmode"], said.get("sslrootcert"), direct=said.get("sslnegotiation") == "direct")


_WORDS = {"libpq": _libpq, "asyncpg": _asyncpg, "pg8000": _pg8000}
