"""A passfile as the core keeps it, beside a worker that the test plays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok.errors import ConfigurationError, TimedOutError, UnavailableError
from dsqltokd.channel import LeavingError
from dsqltokd.model import Secret
from dsqltokd.passfile import Passfile
from dsqltokd.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

PATH = "/home/me/.pgpass"
FIRST, SECOND = ("dsql", Secret("first")), ("dsql", Secret("second"))


class Writer(Pool):
    """A pool whose worker keeps what it is to write, or gives an error."""

    def __init__(self) -> None:
        super().__init__({})
        self.error: Exception | None = None
        self.jobs: list[Any] = []
        self.hangs = False

    async def run(
        self, kind: str, job: Mapping[str, Any], *, deadline: float, key: object = None, linger: bool = True
    ) -> dict[str, Any]:
        assert (kind, key, linger, job["path"]) == ("passfile", None, False, PATH)
        assert deadline == 5.0
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        if isinstance(self.error, ConfigurationError):
            return {"error": self.error.as_data()}
        if self.error is not None:
            raise self.error
        self.jobs.append([line for _, line in job["lines"]])
        return {"seen": [len(self.jobs)]}


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scene)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_what_was_left_is_taken_out_before_the_first_line_is_written() -> None:
    async def scene() -> None:
        writer, seen = Writer(), list[Any]()
        passfile = Passfile(PATH, writer, seen.append)
        passfile.start()
        await settle()
        passfile.put(1, FIRST)
        assert not passfile.has(1)
        await settle()
        passfile.put(1, SECOND)
        await settle()
        assert writer.jobs == [[], ["first"], ["second"]]
        assert seen == [[1], [2], [3]]
        assert passfile.has(1)
        await passfile.close(clear=True)
        assert writer.jobs[-1] == []

    play(scene())


def test_what_is_already_in_it_is_not_written_again() -> None:
    async def scene() -> None:
        writer = Writer()
        passfile = Passfile(PATH, writer, lambda _: None)
        passfile.start()
        passfile.put(1, FIRST)
        await settle()
        jobs = len(writer.jobs)
        passfile.put(1, FIRST)
        await settle()
        assert len(writer.jobs) == jobs
        await passfile.close(clear=True)

    play(scene())


def test_after_a_failure_it_is_tried_again_as_soon_as_the_file_changes() -> None:
    async def scene() -> None:
        writer = Writer()
        writer.error = ConfigurationError("others may read it")
        passfile = Passfile(PATH, writer, lambda _: None)
        passfile.start()
        passfile.put(1, FIRST)
        await settle()
        assert passfile.error is not None
        assert not passfile.has(1)
        writer.error = None
        passfile.touch()
        await settle()
        assert passfile.has(1)
        assert vars(passfile)["error"] is None
        await passfile.close(clear=True)

    play(scene())


def test_a_disk_that_does_not_answer_is_told_as_such() -> None:
    async def scene() -> None:
        writer = Writer()
        writer.error = TimedOutError("the passfile worker did not finish in 5 s")
        passfile = Passfile(PATH, writer, lambda _: None)
        with pytest.raises(TimedOutError, match=f"{PATH} could not be written in 5 s"):
            await passfile.write()

    play(scene())


def test_once_closed_nothing_is_written_any_more() -> None:
    async def scene() -> None:
        writer = Writer()
        passfile = Passfile(PATH, writer, lambda _: None)
        passfile.start()
        passfile.put(1, FIRST)
        await settle()
        await passfile.close(clear=True)
        jobs = list(writer.jobs)
        assert jobs[-1] == []
        passfile.put(1, SECOND)
        with pytest.raises(LeavingError):
            await passfile.write()
        assert writer.jobs == jobs

    play(scene())


def test_a_file_that_nothing_was_put_into_is_not_written_at_the_end() -> None:
    async def scene() -> None:
        writer = Writer()
        passfile = Passfile(PATH, writer, lambda _: None)
        passfile.start()
        await settle()
        await passfile.close(clear=True)
        assert writer.jobs == [[]]

    play(scene())


def test_where_it_is_not_known_what_is_in_the_file_the_end_takes_it_out() -> None:
    async def scene() -> None:
        writer = Writer()
        passfile = Passfile(PATH, writer, lambda _: None)
        writer.hangs = True
        passfile.put(1, FIRST)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(passfile.write(), 0.01)
        writer.hangs = False
        await passfile.close(clear=True)
        assert writer.jobs == [[]]

    play(scene())


def test_an_error_shows_no_secret() -> None:
    async def scene() -> None:
        writer = Writer()
        writer.error = UnavailableError("x")
        passfile = Passfile(PATH, writer, lambda _: None)
        passfile.put(1, FIRST)
        with pytest.raises(UnavailableError):
            await passfile.write()
        assert "first" not in repr(vars(passfile))

    play(scene())
