"""Asking the daemon for anything but a plain token: answers as objects, and the errors they carry."""

import os

from dsqltok import arguments, errors, protocol, transport

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_NAMES = 8  # rounds in which a project may name further variables that it reads

# Done twice, these fail or do something else.
_ONCE = ("login", "login.poll", "projects.remove", "pgpass.disable", "daemon.stop")


def call(method: str, params: dict[str, object], *, start: bool = True) -> bytes:
    """Return the line that answers a request. Raises what `transport.call` raises."""
    return transport.call(protocol.request(method, params), start=start, repeat=method not in _ONCE)


def ask(method: str, params: dict[str, object], *, start: bool = True) -> dict[str, object]:
    """Return the result of a request that is about no project. Raises `DsqltokError`."""
    return protocol.read_answer(call(method, {"protocol": protocol.VERSION, "progress": True, **params}, start=start))


def request(method: str, params: dict[str, object]) -> dict[str, object]:
    """Return the result of a request with the `params` of `arguments.selection`. Raises `DsqltokError`."""
    return result(method, params, call(method, params))


def result(
    method: str, params: dict[str, object], line: bytes, send: "Callable[[str, dict[str, object]], bytes]" = call
) -> dict[str, object]:
    """Return the result in `line`, asking again with the environment variables that the project turns out to read.

    These are added to `params`, so that what is asked later has them. `send` is what asks. Raises `DsqltokError`.
    """
    for _ in range(_MOST_NAMES):
        try:
            return protocol.read_answer(line)
        except errors.EnvironmentNeededError as needed:
            add_environment(params, needed)
            line = send(method, params)
    return protocol.read_answer(line)


def add_environment(params: dict[str, object], needed: errors.EnvironmentNeededError) -> None:
    """Add to a request the environment variables that the project turned out to read."""
    names = needed.data["names"]
    assert isinstance(names, list)  # noqa: S101 - the daemon's own shape
    known = params["environment"]
    assert isinstance(known, dict)  # noqa: S101 - made by arguments.selection
    known.update({name: os.environ.get(name) for name in names})


def complete(method: str, params: dict[str, object], line: bytes | None = None) -> dict[str, object]:
    """Return the result of a request that a person made, and print its warnings. `line` is an answer in hand.

    Where a login is needed and there is a terminal, the person is asked to log in first. Raises `DsqltokError`.
    """
    try:
        answer = result(method, params, call(method, params) if line is None else line)
    except errors.CredentialsError as error:
        from dsqltok import login  # noqa: PLC0415 - getpass and more, which is seldom needed

        if not login.offered(error):
            raise
        login.run({name: value for name, value in params.items() if name != "reveal"}, request, browser=True)
        answer = request(method, params)
    if answer.get("warnings"):
        from dsqltok import report  # noqa: PLC0415 - only needed where something is wrong

        report.warn(answer["warnings"])
    return answer


def selected(options: "arguments.Options", method: str) -> dict[str, object]:
    """Return the result of a request for what the command line selects. Raises `DsqltokError`."""
    return complete(method, arguments.selection(options))
