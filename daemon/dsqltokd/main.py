"""The `dsqltokd` program: arguments, logging, wiring, exit codes.

Once it listens it writes `ok` to stdout, if that is a pipe; where it cannot start, the error as one line of JSON. Its
log goes to stderr.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import stat
import sys
from typing import TYPE_CHECKING

from dsqltok import __version__, paths
from dsqltok.errors import DsqltokError, UsageError
from dsqltok.protocol import is_aws
from dsqltokd import hardening, launchd, log, systemd
from dsqltokd.place import Place
from dsqltokd.registry import Registry
from dsqltokd.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = logging.getLogger(__name__)
_LOCK_PATIENCE = 12.0  # seconds: longer than a daemon that is leaving takes
_ACTIVATED_PATIENCE = 5.0  # the one that was there before systemd made the socket drains and leaves
_LOG_PATIENCE = 1.0
_CONNECTIONS = 1024
_OTHER_FILES = 256  # that are left for workers' pipes and watches, where there are so many
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
        code = _run(arguments)
    except Exception as unforeseen:  # noqa: BLE001 - a traceback would quote whatever was in hand
        error = unforeseen if isinstance(unforeseen, DsqltokError) else _bug(unforeseen)
        _tell(json.dumps(error.as_data()))
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        code = error.exit_code
    # Not sys.exit: a thread that is stuck in a dead mount must not keep the process.
    sys.stderr.flush()
    os._exit(code)


def _bug(error: Exception) -> DsqltokError:
    return DsqltokError(f"dsqltokd failed ({log.described(error)})", hint="please report this")


def _run(arguments: Sequence[str]) -> int:
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
    written = log.start()
    settings = Settings(paths.config_file())
    place = Place(listener)
    if not place.enter(_LOCK_PATIENCE if listener is None else _ACTIVATED_PATIENCE):
        _tell("ok")
        _log.info("another dsqltokd serves already")
        written.stop(_LOG_PATIENCE)
        return 0
    registry = Registry(os.path.join(paths.state_dir(), "projects.json"))
    asyncio.run(_serve(settings, place, registry, notifier, written))
    return 0


async def _serve(
    settings: Settings, place: Place, registry: Registry, notifier: systemd.Notifier, written: log.Log
) -> None:
    # A daemon that finds another one need not load these.
    from dsqltokd.limits import Limits  # noqa: PLC0415
    from dsqltokd.service import Service  # noqa: PLC0415

    # Whom AWS takes a caller for is the caller's to say: what the daemon itself was started with must not leak in.
    environment = {name: value for name, value in os.environ.items() if not is_aws(name)}
    files = hardening.raise_file_limit()
    connections = min(_CONNECTIONS, max(files // 2, files - _OTHER_FILES))
    service = Service(
        settings=settings,
        place=place,
        registry=registry,
        environment=environment,
        limits=Limits(connections=connections),
        notifier=notifier,
    )
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, service.reload)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop)
    await service.run(lambda: _tell("ok"))
    # asyncio.run would wait for a thread that is stuck in a dead mount, and keep the process.
    written.stop(_LOG_PATIENCE)
    os._exit(0)


def _open_standard() -> None:
    """Open what of 0, 1 and 2 is closed, so that nothing else gets these numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:  # noqa: PLR2004 - stderr
        pass
    os.close(fd)


def _tell(line: str) -> None:
    """Write a line to whoever started this process and waits for it at a pipe."""
    if not stat.S_ISFIFO(os.fstat(1).st_mode):
        return
    try:
        os.write(1, line.encode("ascii") + b"\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError:
        pass  # nobody waits any more
