"""One passfile of the user's, kept as it is to be: the lines of ours in it, and nothing else.

The rules:
- A worker writes it, one job at a time; what is wanted meanwhile is written by the next. Where the file's disk does not
  answer, only that worker hangs, to its deadline.
- The first job takes out what a daemon that was killed has left: there is no line yet when it begins.
- What failed is tried again after 1 s, doubled up to 5 min, and at once when the file or what is wanted changes.
- Once it is closed, nothing of ours is in the file, and nothing is written any more: the file is the next daemon's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from dsqltok.errors import DsqltokError, TimedOutError
from dsqltokd import schedule
from dsqltokd.channel import LeavingError
from dsqltokd.pool import raise_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dsqltokd.model import Secret
    from dsqltokd.pool import Pool

_log = logging.getLogger(__name__)
_DEADLINE = 5.0


class Passfile:
    """The passfile at `path`. `follow` is told what it was after a job, to hear of it when others change it."""

    def __init__(self, path: str, pool: Pool, follow: Callable[[list[Any] | None], None]) -> None:
        self.path = path
        self._pool = pool
        self._follow = follow
        self._lines: dict[object, tuple[str, Secret]] = {}
        self._written: dict[object, tuple[str, Secret]] | None = None  # None where that is not known
        self._unsaved = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.error: DsqltokError | None = None

    def start(self) -> None:
        """Have what an earlier daemon may have left taken out, and from now on whatever changes written."""
        if self._task is None:
            self._unsaved.set()
            self._task = asyncio.get_running_loop().create_task(self._work())

    def put(self, key: object, line: tuple[str, Secret] | None) -> None:
        """Want this line, with the name of what it is for, in the place of the one that `key` had, or none."""
        if self._lines.get(key) == line:
            return
        if line is None:
            del self._lines[key]
        else:
            self._lines[key] = line
        self._unsaved.set()

    def touch(self) -> None:
        """Somebody has changed the file."""
        self._unsaved.set()

    def has(self, key: object) -> bool:
        """Tell whether the file has what is wanted for `key`."""
        return self._written is not None and key in self._written and self._written[key] == self._lines.get(key)

    async def write(self) -> None:
        """Bring the file to what is wanted. Raises what prevents that, and then it is tried again."""
        try:
            await self._attempt()
        except DsqltokError:
            self._unsaved.set()
            raise

    async def close(self, *, clear: bool) -> None:
        """Write nothing from now on, but, with `clear`, to take our lines out. Raises what prevents that."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
        self._lines.clear()
        async with self._turn:
            if clear and self._written != {}:
                await self._write()

    async def _attempt(self) -> None:
        async with self._turn:
            if self._closed:
                raise LeavingError
            await self._write()

    async def _write(self) -> None:
        self._unsaved.clear()
        lines = dict(self._lines)
        self._written = None
        job = {"path": self.path, "lines": [[name, line.reveal()] for name, line in lines.values()]}
        try:
            answer = await run(self._pool, job)
        except DsqltokError as error:
            if self.error is None or self.error.message != error.message:
                _log.warning("passfile: %s", error.message)
            self.error = error.fresh()
            raise
        self.error, self._written = None, lines
        self._follow(answer["seen"])

    async def _work(self) -> None:
        failures = 0
        while True:
            await self._unsaved.wait()
            try:
                await self._attempt()
                failures = 0
            except DsqltokError:
                failures += 1
                with contextlib.suppress(TimeoutError):  # nothing has changed, and it is time to try again
                    async with asyncio.timeout(schedule.backoff(failures, 0.0)):
                        await self._unsaved.wait()
                self._unsaved.set()


async def run(pool: Pool, job: Mapping[str, Any]) -> dict[str, Any]:
    """Have a worker do a `passfile` job, and return its answer. Raises what is wrong with the file."""
    try:
        answer = await pool.run("passfile", job, deadline=_DEADLINE, linger=False)
    except TimedOutError:
        hint = "see whether its disk or its mount answers"
        raise TimedOutError(f"{job['path']} could not be written in {_DEADLINE:g} s", hint=hint) from None
    raise_error(answer)
    return answer
