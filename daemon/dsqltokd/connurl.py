"""Where a connection url sends the token in it.

The rules:
1. Whoever opens the url must end up where the token is good. libpq, Go's net/url, JDBC and browsers split a url
   differently (libpq ends the user part at the first `@`, Go at the last; libpq lets `?host=` override the authority
   and the last of two parameters win, Go takes the first; `#` and `;` mean something to some), so a url that two of
   them could read differently is refused rather than read.
2. Every host in it, by authority or `host`, is the token's endpoint or a host the user's configuration allows.
3. `hostaddr` sends the connection elsewhere whatever the name says. It is good only where the server must prove the
   name: `sslmode=verify-full` against certificates that the project did not choose.
4. `service` brings parameters from a file that nobody read here: refused.
5. The connection is encrypted: `sslmode` says at least `require`.

No message quotes the url or a part of it: there is a token in it.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_SCHEMES = ("dsql", "postgres", "postgresql")
_PLAIN = frozenset(string.ascii_letters + string.digits + "-._~")
_URL = _PLAIN | frozenset(":/?[]@!$&'()*+,;=%")
_KEY = frozenset(string.ascii_letters + string.digits + "_.-")
_CONTROLS = frozenset((*range(0x20), 0x7F))
_MAX_PORT = 65535
_ENCRYPTED = ("require", "verify-ca", "verify-full")
# What decides where the connection goes and how it is protected. libpq reads these names in lower case only.
_DECISIVE = frozenset(
    {"host", "hostaddr", "port", "user", "password", "dbname", "service", "servicefile", "ssl", "sslmode"}
    | {"sslrootcert", "requiressl", "gssencmode"}
)
# What decides neither, and a client that is given the parts of the url is to have too.
_CARRIED = frozenset({"application_name", "connect_timeout", "options", "sslnegotiation"})
_REFUSED = {
    "service": "take what the service says into the url",
    "servicefile": "take what the service says into the url",
    "ssl": "write sslmode=require or sslmode=verify-full",
    "requiressl": "write sslmode=require or sslmode=verify-full",
    "gssencmode": "leave it out: a token travels inside TLS",
}
_ESCAPE = "escape what is put into a url, as in ${urlescape(data.aws_dsql_token.db)}"
_SSLMODE = "add sslmode=require or, better, sslmode=verify-full to the url"


class UrlError(ValueError):
    """A url that must not carry a token; `hint` says what to change."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Connection:
    """What a url says about a connection.

    Hosts are in lower case; `hostaddrs` is empty where the url has none. `ports` holds one for all hosts or one for
    each, "" for the usual one. `parameters` are those that change how the session begins, not where it leads.
    """

    user: str | None
    hosts: tuple[str, ...]
    hostaddrs: tuple[str, ...]
    ports: tuple[str, ...]
    dbname: str | None
    sslmode: str | None
    sslrootcert: str | None
    parameters: Mapping[str, str]


def check(url: str, endpoint: str, allow_hosts: Collection[str]) -> Connection:
    """Return what `url` says once it is clear that it sends a token for `endpoint` nowhere else, encrypted.

    `endpoint` is a host name in lower case, `allow_hosts` the hosts and addresses the user's configuration allows
    besides. `UrlError` otherwise, and for a url that not every client would read alike.
    """
    connection = read(url)
    allowed = {endpoint} | {host.lower() for host in allow_hosts}
    if not allowed.issuperset(connection.hosts):
        raise UrlError(
            "the url would send the token to a host that is not its endpoint",
            "use the data source's endpoint as the url's host, or add the host to allow_hosts in config.toml",
        )
    if connection.sslmode is None:
        raise UrlError("the url does not say sslmode, so the token could travel unencrypted", _SSLMODE)
    if connection.sslmode not in _ENCRYPTED:
        raise UrlError("the url's sslmode lets the token travel unencrypted", _SSLMODE)
    _check_addresses(connection, allowed)
    return connection


def _check_addresses(connection: Connection, allowed: Collection[str]) -> None:
    if not connection.hostaddrs:
        return
    if connection.sslmode != "verify-full":
        raise UrlError("hostaddr without sslmode=verify-full would send the token to anyone", "use sslmode=verify-full")
    own_roots = connection.sslrootcert not in (None, "system")
    if own_roots and not set(connection.hostaddrs) <= set(allowed):
        raise UrlError(
            "hostaddr together with an sslrootcert of the project's choice would send the token to anyone",
            "leave sslrootcert out, or add the address to allow_hosts in config.toml",
        )


def read(url: str) -> Connection:
    """Read a PostgreSQL connection url (`dsql://`, `postgres://` or `postgresql://`) that every client reads alike.

    `UrlError` for any other.
    """
    _refuse_characters(url)
    scheme, found, rest = url.partition("://")
    if not found or scheme not in _SCHEMES:
        raise UrlError("the url is no postgresql url", f"begin it with {', '.join(s + '://' for s in _SCHEMES)}")
    cut = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    authority, tail = rest[:cut], rest[cut:]
    if "@" in tail or authority.count("@") > 1:
        raise UrlError("the url has an unescaped @, / or ? in its user or password, or an @ after the host", _ESCAPE)
    path, _, query = tail.partition("?")
    parameters = _parameters(query)
    said = _said_once(_authority(authority) | _database(path), parameters)
    if not said.get("host"):
        raise UrlError("the url names no host", "write it as dsql://USER:PASSWORD@HOST:5432/postgres?sslmode=require")
    return Connection(
        user=said.get("user") or None,
        hosts=_list(said["host"]),
        hostaddrs=_list(said["hostaddr"]) if "hostaddr" in said else (),
        ports=_ports(said.get("port", "")),
        dbname=said.get("dbname"),
        sslmode=said.get("sslmode"),
        sslrootcert=said.get("sslrootcert"),
        parameters={name: value for name, value in said.items() if name in _CARRIED},
    )


def _refuse_characters(url: str) -> None:
    # `#` starts a fragment for some and is part of a value for libpq; browsers take `\` for `/` and drop tabs.
    if not _URL.issuperset(url):
        raise UrlError("the url holds a character that must be escaped", _ESCAPE)
    for piece in url.split("%")[1:]:
        if not (piece[1:2] and set(string.hexdigits).issuperset(piece[:2])):
            raise UrlError("the url holds a % that starts no escape", _ESCAPE)
        if int(piece[:2], 16) in _CONTROLS:
            raise UrlError("the url holds an escaped control character", "remove it")


def _authority(authority: str) -> dict[str, str]:
    """Return user, password, host and port in `authority`, where they are there. Several hosts stay one text."""
    said: dict[str, str] = {}
    userinfo, at, hosts = authority.rpartition("@")
    if at:
        user, colon, password = userinfo.partition(":")
        said["user"] = _decoded(user)
        if colon:
            said["password"] = password
    if "%" in hosts:
        raise UrlError("the url has an escape in its host", "write the host as it is")
    names, ports = zip(*(_host_and_port(host) for host in hosts.split(",")), strict=True)
    if any(names):
        said["host"] = ",".join(names)
    if any(ports):
        said["port"] = ",".join(ports)
    return said


def _host_and_port(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise UrlError("the url has a malformed address in brackets")
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = text.partition(":")
    if colon and not _is_port(port):
        raise _no_port()
    if not (_PLAIN | {":"}).issuperset(host):
        raise UrlError("the url's host is not a host name", _ESCAPE)
    return host, port


def _is_port(text: str) -> bool:
    # A parameter may hold digits of other scripts, escaped.
    return text.isascii() and text.isdigit() and len(text) <= len(str(_MAX_PORT)) and 0 < int(text) <= _MAX_PORT


def _no_port() -> UrlError:
    return UrlError(f"the url's port is not a number from 1 to {_MAX_PORT}", _ESCAPE)


def _ports(text: str) -> tuple[str, ...]:
    ports = tuple(text.split(","))
    if not all(port == "" or _is_port(port) for port in ports):
        raise _no_port()
    return ports


def _database(path: str) -> dict[str, str]:
    name = _decoded(path[1:])
    # Several programs hand a database name on to libpq, which takes one with `=` or `://` in it for a whole connection.
    if "=" in name or "/" in name:
        raise UrlError("the url's database name holds = or /", "DSQL's only database is postgres")
    return {"dbname": name} if name else {}


def _parameters(query: str) -> dict[str, str]:
    """Return the parameters of `query` that decide anything, and those that are carried along.

    What decides anything stands there once, in lower case, with a value.
    """
    decisive: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        key, found, value = pair.partition("=")
        # Some readers take `;` for `&`; libpq refuses a second `=`; all but libpq read `+` as a space.
        if not found or not key or "=" in value or ";" in pair or not _KEY.issuperset(key):
            raise UrlError("the url has a malformed parameter", "write parameters as name=value, joined by &, escaped")
        name = key.lower()
        if name not in _DECISIVE:
            if key in _CARRIED and value:
                decisive[key] = _decoded(value)
            continue
        if name in _REFUSED:
            raise UrlError(f"the url must not say {name}", _REFUSED[name])
        if name != key or name in decisive or not value or "+" in value:
            raise UrlError(
                f"clients do not agree on the url's {name}", f"write {name} once, in lower case, with a value"
            )
        decisive[name] = _decoded(value)
    return decisive


def _said_once(authority: Mapping[str, str], parameters: Mapping[str, str]) -> dict[str, str]:
    both = sorted(authority.keys() & parameters.keys())
    if both:
        raise UrlError(f"the url says its {both[0]} twice", "say it once, before the ? or after it")
    return {**authority, **parameters}


def _list(text: str) -> tuple[str, ...]:
    items = tuple(item.lower() for item in text.split(","))
    if not all(items):
        raise UrlError(
            "the url has an empty entry in a list of hosts", "an empty host means the local machine: name it"
        )
    return items


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise UrlError("the url has an escape that is not utf-8", _ESCAPE) from None
