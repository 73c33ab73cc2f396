"""Asking for a connection at nearly the price of a warm `get`: whatever is not plain is left to `asking`.

The `json` package is not imported, since that alone takes as long as all the rest; its C scanner does the reading.
"""

from dsqltok import arguments, protocol, transport

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from typing import Any


def connection(options: "arguments.Options") -> "dict[str, Any]":
    """Return the answer to `connection.get` for what the command line selects. Raises `DsqltokError`."""
    params = arguments.selection(options)
    line = transport.call(protocol.request("connection.get", params))
    if line.startswith(protocol.TOKEN_PREFIX):
        return _result(line)
    from dsqltok import asking  # noqa: PLC0415 - a warm answer never comes here

    return asking.complete("connection.get", params, line)


def _result(line: bytes) -> "dict[str, Any]":
    from _json import make_scanner  # noqa: PLC0415 - a shared library to load

    scan = make_scanner(_Reading)  # type: ignore[arg-type]  # typeshed takes a scanner's settings for a scanner
    answer, _ = scan(line.decode("ascii"), 0)
    result: dict[str, Any] = answer["result"]
    return result


class _Reading:
    """What the `json` package has its scanner do by default."""

    strict = True
    object_hook = object_pairs_hook = parse_constant = None
    parse_float, parse_int = float, int
