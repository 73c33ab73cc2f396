"""An upgrade under systemd: a successor is started at the same sockets, and takes clients before this process leaves.

The rules:
1. It is the same command, with which Python finds the new version's code.
2. It is no child of this process but systemd's, which is to hear of its end while this one is still there.
3. That it serves is known by what it says; one that does not come to that is ended, and changes nothing. So is one that
   is on its way when this process is told to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from dsqltok.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dsqltokd.pgproxy.listening import Entrance

LEADS = " leads to "
"""What stands in the line that says that clients are taken at an entrance."""

_SECONDS = 60.0
# systemd's way to hand over sockets names the process that is meant, which only that process can do here; and what a
# shell leaves behind in the background has the user manager as its parent.
_AS_SYSTEMD_DOES = 'echo $$; LISTEN_PID=$$ exec "$@"'
_LEFT_BEHIND = '/bin/sh -c "$0" successor "$@" &'


async def begin(environment: Mapping[str, str], entrances: Sequence[Entrance]) -> int:
    """Return a successor's process once it takes clients at all entrances. `environment` is the one that systemd gave.

    Raises `UnavailableError` where there is none after a while, and `OSError`. Cancelled, it ends what it has begun.
    """
    shell = subprocess.Popen(  # noqa: ASYNC220, S603 - it is gone at once
        ["/bin/sh", "-c", _LEFT_BEHIND, _AS_SYSTEMD_DOES, sys.executable, *sys.orig_argv[1:]],
        env=environment,
        pass_fds=[sock.fileno() for each in entrances for sock in each.sockets],
        stdout=subprocess.PIPE,
        bufsize=0,  # so that the first line can be read alone
    )
    assert shell.stdout is not None  # noqa: S101 - it is a pipe
    shell.wait()
    pid = int(shell.stdout.readline() or 0)
    said = asyncio.StreamReader()
    try:
        async with asyncio.timeout(_SECONDS):
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(said), shell.stdout
            )
            with contextlib.closing(transport):
                await _hear(said, len(entrances))
    except TimeoutError:
        _end(pid, signal.SIGKILL)
        raise UnavailableError(f"none began in {_SECONDS:g} s", hint="see the journal") from None
    except asyncio.CancelledError:
        _end(pid, signal.SIGTERM)  # systemd, too, tells all of the unit: what it serves already may end at once
        raise
    return pid


def _end(pid: int, how: signal.Signals) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)


async def _hear(said: asyncio.StreamReader, count: int) -> None:
    while count:
        line = await said.readline()
        if not line:
            raise UnavailableError("it ended before it took clients", hint="see the journal")
        count -= LEADS in line.decode()
