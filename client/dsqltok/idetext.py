"""What to enter where, in a program with a window, so that it connects with a fresh token each time. Pure.

The values come from an env, and a cloned project may have written them. The labels are those of each program's English
edition, in the versions that the pages in docs/recipes name.
"""

import json
from typing import NamedTuple
from urllib.parse import quote

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Mapping

EXPIRATION = 60
"""For how many seconds pgAdmin is to use a token again; without a figure, it never asks for another one.

A token that is served has five minutes of life left, or a third of `token_ttl`, unless its credentials end before. A
minute is less than that, and another `get` costs next to nothing.
"""

_JDBC = {
    "sslmode": "sslmode",
    "options": "options",
    "application_name": "ApplicationName",
    "connect_timeout": "connectTimeout",
    "sslnegotiation": "sslNegotiation",
}
_JAVA_TRUST = "org.postgresql.ssl.DefaultJavaSSLFactory"
_PGADMIN = ("sslmode", "sslrootcert", "hostaddr", "options", "sslnegotiation", "connect_timeout")
# What a connection may fail without, and the programs that have no place for it.
_UNTOLD = {
    "hostaddr": ("datagrip", "dbeaver", "vscode", "tableplus", "postico"),
    "options": ("tableplus", "postico"),
}

TITLES = {
    "datagrip": "DataGrip",
    "dbeaver": "DBeaver",
    "pgadmin": "pgAdmin",
    "vscode": "VS Code",
    "tableplus": "TablePlus",
    "postico": "Postico",
}
"""The programs that there are steps for, by the words that the command line has for them."""

BY_PASSFILE = ("datagrip", "dbeaver", "vscode")
"""Those that run no command, and read the passfile."""


class Place(NamedTuple):
    """Where to connect, in libpq's `parameters`, under which name, and by which commands of sh.

    `command` prints a token for a program that runs it, `proxy` runs the proxy in the user's shell, `passfile` has the
    passfile kept. `file` is the path of the file to import that was written, if one was.
    """

    name: str
    parameters: "Mapping[str, str]"
    command: str
    proxy: str
    passfile: str
    file: str | None = None


def render(ide: str, place: Place) -> str:
    """Return the steps for one of `TITLES`."""
    steps = {
        "datagrip": _datagrip,
        "dbeaver": _dbeaver,
        "pgadmin": _pgadmin if place.file is None else _pgadmin_import,
        "vscode": _vscode,
        "tableplus": _tableplus,
        "postico": _postico,
    }[ide](place)
    numbered = [f"{number}. {step}" for number, step in enumerate(steps, 1)]
    return f"How {TITLES[ide]} connects to {place.name}:\n\n" + "\n".join(numbered) + "\n"


def untold(ide: str, place: Place) -> list[str]:
    """Return the parameters of the env that the program cannot be told, and that a connection may fail without."""
    return [name for name, ides in _UNTOLD.items() if ide in ides and name in place.parameters]


def servers(place: Place) -> str:
    """Return the file that pgAdmin imports a server from."""
    told = place.parameters
    server = {
        "Name": place.name,
        "Group": "Servers",
        "Host": told["host"],
        "Port": int(told["port"]),
        "MaintenanceDB": told["dbname"],
        "Username": told["user"],
        "ConnectionParameters": {"connect_timeout": "10"} | {name: told[name] for name in _PGADMIN if name in told},
        "PasswordExecCommand": _for_pgadmin(place.command),
        "PasswordExecExpiration": EXPIRATION,
    }
    return json.dumps({"Servers": {"1": server}}, indent=2) + "\n"


def _for_pgadmin(command: str) -> str:
    """Return a command in which pgAdmin finds no placeholder of its own, though a path may look like one."""
    for name in ("HOSTNAME", "PORT", "USERNAME"):
        command = command.replace(f"%{name}%", f"%''{name}%")  # which sh reads as the same, quoted or not
    return command


def _datagrip(place: Place) -> list[str]:
    url = {"Authentication": "pgpass", "User": place.parameters["user"], "URL": _jdbc_url(place.parameters)}
    return [
        _keep_passfile(place),
        "Choose File | New | Data Source | PostgreSQL, and on the tab General:" + _fields(url),
        "Choose Test Connection, then OK.",
    ]


def _dbeaver(place: Place) -> list[str]:
    host, port, database = (place.parameters[name] for name in ("host", "port", "dbname"))
    where = {"Connect by": "Host", "Host": host, "Port": port, "Database": database}
    who = {"Authentication": "PostgreSQL Pgpass", "Username": place.parameters["user"]}
    return [
        _keep_passfile(place),
        "Choose Database | New Database Connection | PostgreSQL, and on the tab Main:" + _fields(where | who),
        "On the tab Driver properties:" + _fields(_jdbc(place.parameters)),
        "Choose Test Connection, then Finish.",
    ]


def _pgadmin(place: Place) -> list[str]:
    told = place.parameters
    connection = {
        "Host name/address": told["host"],
        "Port": told["port"],
        "Maintenance database": told["dbname"],
        "Username": told["user"],
        "Password": "(empty)",
        "Save password?": "(off)",
    }
    by_name = {name: told[name] for name in _PGADMIN if name in told}
    advanced = {
        "Password exec command": _for_pgadmin(place.command),
        "Password exec expiration (seconds)": str(EXPIRATION),
    }
    return [
        "Choose Object | Register | Server..., and on the tab General:" + _fields({"Name": place.name}),
        "On the tab Connection:" + _fields(connection),
        "On the tab Parameters:" + _fields(by_name),
        "On the tab Advanced:" + _fields(advanced),
        "Choose Save.",
    ]


def _pgadmin_import(place: Place) -> list[str]:
    return [
        "Choose Tools | Import/Export Servers..., then Import, and the file:" + _lines(str(place.file)),
        f"Choose the server {place.name}, then Finish.",
    ]


def _vscode(place: Place) -> list[str]:
    told = place.parameters
    ssl = {"rejectUnauthorized": True}
    root = told.get("sslrootcert", "system")
    connection = {
        "name": place.name,
        "driver": "PostgreSQL",
        "server": told["host"],
        "port": int(told["port"]),
        "username": told["user"],
        "password": "",
        "database": told["dbname"],
        "pgOptions": {
            "ssl": ssl if root == "system" else {**ssl, "ca": root},
            **({"options": told["options"]} if "options" in told else {}),
        },
    }
    settings = json.dumps({"sqltools.connections": [connection]}, indent=2)
    return [
        _keep_passfile(place),
        "Install the extension SQLTools PostgreSQL/Cockroach Driver, and add to settings.json:" + _lines(settings),
        "With an extension that asks for a password and cannot read the passfile, such as Microsoft's PostgreSQL,\n"
        "   run the proxy in a terminal:" + _lines(place.proxy),
        "And in that extension enter:" + _fields(_local(told)),
    ]


def _tableplus(place: Place) -> list[str]:
    told = place.parameters
    fields = {
        "Name": place.name,
        "Host": told["host"],
        "Port": told["port"],
        "User": told["user"],
        "Password": place.command,
        "Database": told["dbname"],
        "SSL mode": told["sslmode"],
        **_root(told),
    }
    return [
        "Choose Connection | New..., then PostgreSQL.",
        "Beside the field Password, choose Command Line.",
        "Enter:" + _fields(fields),
        "Choose Test, then Save.",
    ]


def _postico(place: Place) -> list[str]:
    told = place.parameters
    fields = {
        "Nickname": place.name,
        "Host": told["host"],
        "Port": told["port"],
        "User": told["user"],
        "Password": "(empty)",
        "Database": told["dbname"],
        "SSL mode": told["sslmode"],
        **_root(told),
    }
    return [
        "Choose File | New Server, and enter:" + _fields(fields),
        "Enable Pre-connect shell script, and enter as the script:" + _lines(place.command),
        "Choose Connect.",
    ]


def _keep_passfile(place: Place) -> str:
    return "In a terminal, have the daemon keep a fresh token in your passfile:" + _lines(place.passfile)


def _local(parameters: "Mapping[str, str]") -> dict[str, str]:
    """Return what a program is told that connects through the proxy. Whatever password it wants, none is asked for."""
    return {
        "Server name": "127.0.0.1",
        "Port": "5432",
        "User name": parameters["user"],
        "Password": "(empty, or anything)",
        "Database name": parameters["dbname"],
        "SSL mode": "disable",
    }


def _root(parameters: "Mapping[str, str]") -> dict[str, str]:
    found = parameters.get("sslrootcert", "system")
    return {} if found == "system" else {"CA certificate": found}


def _jdbc(parameters: "Mapping[str, str]") -> dict[str, str]:
    """Return the properties of pgJDBC that say the same, but for host, port, database and user."""
    found = {theirs: parameters[name] for name, theirs in _JDBC.items() if name in parameters}
    root = parameters.get("sslrootcert")
    if root == "system":
        return {**found, "sslfactory": _JAVA_TRUST}
    return found if root is None else {**found, "sslrootcert": root}


def _jdbc_url(parameters: "Mapping[str, str]") -> str:
    host = parameters["host"]
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in _jdbc(parameters).items())
    address = f"[{host}]" if ":" in host else host
    return f"jdbc:postgresql://{address}:{parameters['port']}/{quote(parameters['dbname'], safe='')}?{query}"


def _fields(fields: dict[str, str]) -> str:
    width = max(len(label) for label in fields)
    return _lines("\n".join(f"{label:{width}}  {value}" for label, value in fields.items()))


def _lines(text: str) -> str:
    return "".join(f"\n     {line}" for line in text.split("\n"))
