"""The `dsqltok` program: argv -> request -> stdout and exit code.

A warm `get` runs through this file, `arguments` and `transport` with `paths` and `protocol`. They import nothing else
that the interpreter has not loaded by itself but `_socket`, write with `os.write` and leave through `os._exit`, since
Python's own way out takes longer than the lookup. The other commands are found by `commands`, what a user reads when
something is wrong is in `report`. Nothing but a command's result goes to stdout.
"""

import os
import sys

from dsqltok import arguments, protocol, transport

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    """Run the program on `sys.argv` and end the process."""
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    except BaseException as error:  # noqa: BLE001 - whatever it is, the user gets an explanation and an exit code
        from dsqltok import report  # noqa: PLC0415 - not paid for by a warm get

        code = report.explain(error)
    os._exit(code)


def run(words: list[str]) -> int:
    """Run one command and return the exit code. Raises `DsqltokError`."""
    if words[:1] == ["get"] and sys.platform != "win32":
        options = arguments.parse("get", words[1:])
        if "help" not in options:
            return get(options)
    from dsqltok import commands  # noqa: PLC0415 - not paid for by a warm get

    return commands.run(words)


def get(options: "arguments.Options") -> int:
    """Print a token."""
    params = arguments.selection(options)
    line = transport.call(protocol.request("token.get", params))
    token = protocol.token_in(line)
    if token is None or "json" in options:
        from dsqltok import projectcommands  # noqa: PLC0415 - not paid for by a warm get

        return projectcommands.finish_get(params, line, options)
    arguments.write(token if "bare" in options else token + "\n")
    return 0
