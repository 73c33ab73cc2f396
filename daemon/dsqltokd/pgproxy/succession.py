"""An upgrade under systemd: a successor is started at the same sockets, and takes clients before this process leaves.

It is the same command, with which Python finds the new version's code. That it serves is known by what it says; one
that does not come to that changes nothing.
"""

from __future__ import annotations

import asyncio
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
# systemd's way to hand over sockets names the process that is meant, which only that process can do here.
_AS_SYSTEMD_DOES = ("/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "successor", sys.executable)


async def begin(environment: Mapping[str, str], entrances: Sequence[Entrance]) -> int:
    """Return a successor's process once it takes clients at all entrances. `environment` is the one that systemd gave.

    Raises `UnavailableError` where there is none after a while.
    """
    process = subprocess.Popen(  # noqa: ASYNC220, S603 - no time is lost by it; asyncio's would end with this process
        [*_AS_SYSTEMD_DOES, *sys.orig_argv[1:]],
        env=environment,
        pass_fds=[sock.fileno() for each in entrances for sock in each.sockets],
        stdout=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            await asyncio.to_thread(_hear, process, len(entrances))
    except TimeoutError:
        process.kill()  # which ends the hearing, too
        raise UnavailableError(f"none began in {_SECONDS:g} s", hint="see the journal") from None
    return process.pid


def _hear(process: subprocess.Popen[bytes], count: int) -> None:
    assert process.stdout is not None  # noqa: S101 - for the type checker
    while count:
        line = process.stdout.readline()
        if not line:
            raise UnavailableError(f"the successor ended with code {process.wait()}", hint="see the journal")
        count -= LEADS in line.decode()
