"""The `dsqltokd` program: arguments, the one place, the first workers, exit codes.

Once it listens it writes `ok` to stdout, if that is a pipe; where it cannot start, the error as one line of JSON. Its
log goes to stderr.

A client that starts it waits for all that is imported on the way to the first answer. So what takes long, `core` with
asyncio and the service, is imported when the first workers are on their way and import beside it, and by a daemon that
finds another one not at all.
"""

from __future__ import annotations

import os
import signal
import stat
import sys

from dsqltok import __version__
from dsqltok.errors import DsqltokError, UsageError
from dsqltok.protocol import is_aws
from dsqltokd import hardening, headstart, launchd, systemd
from dsqltokd.place import Place

TYPE_CHECKING = False  # typing's own costs an import; type checkers know this name too
if TYPE_CHECKING:
    from collections.abc import Sequence

_LOCK_PATIENCE = 12.0  # seconds: longer than a daemon that is leaving takes
_ACTIVATED_PATIENCE = 5.0  # the one that was there before systemd made the socket drains and leaves
_USAGE = """\
usage: dsqltokd [--help | --version]

Serves tokens to dsqltok until it is stopped. dsqltok starts it by itself when it is needed.
"""


def main() -> None:
    """Run the daemon and exit."""
    arguments = sys.argv[1:]
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(_USAGE)
        return
    if arguments in (["-V"], ["--version"]):
        sys.stdout.write(f"dsqltokd {__version__}\n")
        return
    try:
        _run(arguments)
        code = 0
    except Exception as unforeseen:  # noqa: BLE001 - a traceback would quote whatever was in hand
        code = _fail(unforeseen)
    # Not sys.exit: a thread that is stuck in a dead mount must not keep the process.
    sys.stderr.flush()
    os._exit(code)


def _fail(unforeseen: Exception) -> int:
    import json  # noqa: PLC0415 - a daemon that starts has no use for it here

    from dsqltokd import log  # noqa: PLC0415

    bug = DsqltokError(f"dsqltokd failed ({log.described(unforeseen)})", hint="please report this")
    error = unforeseen if isinstance(unforeseen, DsqltokError) else bug
    _tell(json.dumps(error.as_data()))
    sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
    return error.exit_code


def _run(arguments: Sequence[str]) -> None:
    if arguments:
        raise UsageError(f"dsqltokd takes no argument {arguments[0]}", hint="its settings are in config.toml")
    if sys.platform == "win32":
        raise UsageError("dsqltokd does not run on Windows yet", hint="it runs in WSL 2, on Linux and on macOS")
    os.umask(0o077)
    _open_standard()
    hardening.protect_memory()
    hardening.give_large_buffers_their_own_memory()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    notifier = systemd.Notifier()
    listener = systemd.take_listener() or launchd.take_listener()
    place = Place(listener)
    serves = place.enter(_LOCK_PATIENCE if listener is None else _ACTIVATED_PATIENCE)
    # Whom AWS takes a caller for is the caller's to say: what the daemon itself was started with must not leak in.
    environment = {name: value for name, value in os.environ.items() if not is_aws(name) and name != "JOURNAL_STREAM"}
    started = headstart.begin(environment) if serves and _is_awaited() else []
    from dsqltokd import core  # noqa: PLC0415 - what takes long, see above

    if serves:
        core.run(place, notifier, environment, started, lambda: _tell("ok"))
    else:
        _tell("ok")
        core.decline()


def _open_standard() -> None:
    """Open what of 0, 1 and 2 is closed, so that nothing else gets these numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - stderr
        pass
    os.close(fd)


def _is_awaited() -> bool:
    """Tell whether whoever started this process waits for a word at a pipe, as clients do."""
    return stat.S_ISFIFO(os.fstat(1).st_mode)


def _tell(line: str) -> None:
    """Write a line to whoever started this process and waits for it at a pipe."""
    if not _is_awaited():
        return
    try:
        os.write(1, line.encode("ascii") + b"\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError:
        pass  # nobody waits any more
