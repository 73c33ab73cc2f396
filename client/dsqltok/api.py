"""The Python API: tokens, and where to connect with them. The package's `__getattr__` finds what is here.

`env`, `config`, `data` and `vars` say which token, as the command line's NAME, `--config`, `--data` and `--var` do.
Everything is asked of the daemon anew, with the environment as it is then; nothing is remembered but open connections
to it and the names of the variables that a project reads. All of it may be used by many threads at a time.

Whatever goes wrong is a `DsqltokError`. Nobody is asked to log in, and nothing is printed: what the daemon warns of
goes to the logger `dsqltok`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from dsqltok import arguments, asking, drivers, kept, protocol

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Any, TypedDict, TypeVar, Unpack

    from dsqltok.drivers import Driver

    T = TypeVar("T")

    class Which(TypedDict, total=False):
        """What, besides the env, says which token: the project file, the data source, the project's variables.

        `vars` is a mapping, or texts NAME=VALUE where a variable takes several.
        """

        config: str | os.PathLike[str] | None
        data: str | None
        vars: Mapping[str, str] | Sequence[str] | None


_read: dict[object, set[str]] = {}
"""The variables that each project was seen to read: sending them at once spares a request. One too many is no harm."""


def token(env: str | None = None, *, fresh: bool = False, **which: Unpack[Which]) -> str:
    """Return a token that is good for at least some minutes.

    With `fresh`, an earlier one was refused: another is signed, unless the daemon has just done so.
    """
    params = _params(env, which, fresh=fresh)
    line = _send("token.get", params)
    found = protocol.token_in(line)
    return found if found is not None else str(_complete("token.get", params, line)["token"])


async def token_async(env: str | None = None, *, fresh: bool = False, **which: Unpack[Which]) -> str:
    """Return what `token` does, without blocking the event loop."""
    from asyncio import to_thread  # noqa: PLC0415 - a program with an event loop has it loaded

    return await to_thread(token, env, fresh=fresh, **which)


def connection(
    env: str | None = None, *, driver: Driver = "libpq", fresh: bool = False, **which: Unpack[Which]
) -> dict[str, Any]:
    """Return the keyword arguments with which a driver connects: host, port, user, database, TLS, and a token.

    `libpq` stands for psycopg and psycopg2. `fresh` is as in `token`.
    """
    params = _params(env, which, fresh=fresh)
    return drivers.arguments(driver, _complete("connection.get", params, _send("connection.get", params)))


async def connection_async(
    env: str | None = None, *, driver: Driver = "libpq", fresh: bool = False, **which: Unpack[Which]
) -> dict[str, Any]:
    """Return what `connection` does, without blocking the event loop."""
    from asyncio import to_thread  # noqa: PLC0415 - a program with an event loop has it loaded

    return await to_thread(connection, env, driver=driver, fresh=fresh, **which)


def password(env: str | None = None, **which: Unpack[Which]) -> Callable[[], str]:
    """Return a function that returns a token each time: for drivers that take a function as the password."""
    return lambda: token(env, **which)


def password_async(env: str | None = None, **which: Unpack[Which]) -> Callable[[], Awaitable[str]]:
    """Return a coroutine function that returns a token each time: asyncpg takes one as the password."""
    return lambda: token_async(env, **which)


def kwargs(env: str | None = None, *, driver: Driver = "libpq", **which: Unpack[Which]) -> Callable[[], dict[str, Any]]:
    """Return a function that returns what `connection` does each time: psycopg_pool takes one as its `kwargs`."""
    return lambda: connection(env, driver=driver, **which)


def kwargs_async(
    env: str | None = None, *, driver: Driver = "libpq", **which: Unpack[Which]
) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Return a coroutine function that returns what `connection` does each time."""
    return lambda: connection_async(env, driver=driver, **which)


def connect(
    connect: Callable[..., T],
    env: str | None = None,
    /,
    *args: Any,
    config: str | os.PathLike[str] | None = None,
    data: str | None = None,
    vars: Mapping[str, str] | Sequence[str] | None = None,  # noqa: A002 - the command line's word for it
    **more: Any,
) -> T:
    """Connect by a driver's function, such as `psycopg.connect`, which gets `args` and `more` besides.

    Where the server does not accept the token, as one that is too old for it, that is tried once more with another.
    """
    driver = drivers.of(connect)
    which: Which = {"config": config, "data": data, "vars": vars}
    return drivers.attempt(
        lambda found: connect(*args, **{**found, **more}),
        lambda fresh: connection(env, driver=driver, fresh=fresh, **which),
    )


async def connect_async(
    connect: Callable[..., Awaitable[T]],
    env: str | None = None,
    /,
    *args: Any,
    config: str | os.PathLike[str] | None = None,
    data: str | None = None,
    vars: Mapping[str, str] | Sequence[str] | None = None,  # noqa: A002 - the command line's word for it
    **more: Any,
) -> T:
    """Do what `connect` does with a driver's coroutine function, such as `asyncpg.connect`."""
    driver = drivers.of(connect)
    which: Which = {"config": config, "data": data, "vars": vars}
    found = await connection_async(env, driver=driver, **which)
    try:
        return await connect(*args, **{**found, **more})
    except Exception as error:
        if not drivers.is_stale(error):
            raise
        again = await connection_async(env, driver=driver, fresh=True, **which)
        if again["password"] == found["password"]:
            raise
    return await connect(*args, **{**again, **more})


def _params(env: str | None, which: Which, *, fresh: bool) -> dict[str, object]:
    options: arguments.Options = {} if env is None else {"env": env}
    config, data, given = which.get("config"), which.get("data"), which.get("vars")
    if config is not None:
        options["config"] = os.fsdecode(config)
    if data is not None:
        options["data"] = data
    if given:
        pairs = given.items() if isinstance(given, Mapping) else ()
        options["vars"] = [f"{name}={value}" for name, value in pairs] or list(given)
    params = arguments.selection(options)
    environment = params["environment"]
    assert isinstance(environment, dict)  # noqa: S101 - made by arguments.selection
    for name in _read.get(params["config"], ()):
        environment.setdefault(name, os.environ.get(name))
    if fresh:
        params["fresh"] = True
    return params


def _send(method: str, params: dict[str, object]) -> bytes:
    return kept.call(protocol.request(method, params))


def _complete(method: str, params: dict[str, object], line: bytes) -> dict[str, Any]:
    """Return the result in `line`, asking on where the project reads variables that were not sent."""
    environment = params["environment"]
    assert isinstance(environment, dict)  # noqa: S101 - made by arguments.selection
    sent = set(environment)
    answer = asking.result(method, params, line, _send)
    if more := environment.keys() - sent:
        _read[params["config"]] = _read.get(params["config"], set()) | more
    warnings = answer.get("warnings")
    if isinstance(warnings, list) and warnings:
        _warn(warnings)
    return answer


def _warn(warnings: list[object]) -> None:
    import logging  # noqa: PLC0415 - only needed where something is wrong

    logger = logging.getLogger("dsqltok")
    logger.addHandler(logging.NullHandler())
    for warning in warnings:
        logger.warning("%s", warning)
