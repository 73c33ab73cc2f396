"""Scenes with worker processes: played to the end, of the processes too."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

PATIENCE = 20.0


def play(scene: Coroutine[Any, Any, None], patience: float = 2 * PATIENCE) -> None:
    """Run a scene to its end, and until asyncio has noticed that its processes have ended; one that hangs fails."""

    async def bounded() -> None:
        async with asyncio.timeout(patience):
            await scene
            await until_no_workers()
            for thread in threading.enumerate():
                if "waitpid" in thread.name:  # asyncio's, one for each process
                    await asyncio.to_thread(thread.join)
            await asyncio.sleep(0.01)

    asyncio.run(bounded())


def workers() -> set[int]:
    """Return the worker processes that this one started and that still run."""
    command = ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=3) for line in listing.splitlines() if "dsqltokd.worker" in line]
    return {int(pid) for pid, parent, state, _ in rows if int(parent) == os.getpid() and not state.startswith("Z")}


async def until_no_workers() -> None:
    while workers():  # noqa: ASYNC110 - a process that ends sets no event
        await asyncio.sleep(0.01)
