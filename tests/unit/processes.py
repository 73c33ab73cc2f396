"""Scenes with worker processes: played to the end, of the processes too."""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

PATIENCE = 20.0


def play(scene: Coroutine[Any, Any, None], patience: float = 2 * PATIENCE) -> None:
    """Run a scene to its end, and until nothing is left of its processes; one that hangs or leaves some fails."""

    async def bounded() -> None:
        before = _listed().keys()  # of what has ended, other tests may have left some
        async with asyncio.timeout(patience):
            await scene
            while _listed().keys() - before:  # noqa: ASYNC110 - as below
                await asyncio.sleep(0.01)

    asyncio.run(bounded())


def workers() -> set[int]:
    """Return the worker processes that this one started and that still run."""
    return {pid for pid, state in _listed().items() if not state.startswith("Z")}


async def until_no_workers() -> None:
    while workers():  # noqa: ASYNC110 - a process that ends sets no event
        await asyncio.sleep(0.01)


def _listed() -> dict[int, str]:
    """Return the state of each worker process that this one started, and of what is left of those that have ended."""
    command = ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=3) for line in listing.splitlines()]
    ours = [(pid, state, args) for pid, parent, state, args in rows if int(parent) == os.getpid()]
    # One that has ended, or is about to, has no arguments any more: its name is shown in their place, in brackets.
    return {int(pid): state for pid, state, args in ours if "dsqltokd.worker" in args or args.startswith(("[", "("))}
