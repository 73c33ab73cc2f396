"""Starting workers, feeding them, and ending them when they take too long.

The rules:
- A worker does one job at a time. While one is busy the next job of its kind starts another, up to `_MOST` of a kind.
- Past its deadline a worker is killed with its whole process group, helpers and all, and its pipes are closed unread.
  A job's time begins when the worker can do it: a new one says so by an empty line, and has a while to start.
- A worker that speaks unasked is killed too. Where one dies by itself, the rest of its group is killed.
- A job has a worker that did one of the same kind and key before, else one that has done none, else a new one.
- One that did its job lingers for the next of the same kind and key, unless the job says that it held secrets, or the
  answer that it was the worker's last; of a kind, the longest idle ones end early where many linger.
- A worker may be killed over its job, or have died while it lingered: the job gets another one. A job over which two
  fresh ones die is an error.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from dsqltok.errors import DsqltokError, TimedOutError, UnavailableError, from_data
from dsqltokd import process
from dsqltokd.limits import shortage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import BinaryIO

    from dsqltokd.process import Process

LINGER = 30.0
_START = 7.0  # seconds that a process may take to start, on top of its first job's deadline
_MOST = {"project": 4, "program": 4, "aws": 16, "keystore": 1, "passfile": 8}
_MOST_IDLE = 4  # of a kind
_MOST_ANSWER = 32 << 20
_MOST_DEATHS = 2  # of fresh workers over one job
_SOON, _LATE = 0.01, 30.0  # seconds after which an end that was not seen yet is looked for again, at first and at most
_UNUSED = object()  # the key of a worker that has done no job yet
_Key = tuple[str, object]


class _DiedError(Exception):
    pass


class _Worker(asyncio.Protocol):
    """One process and its pipes. `lost` is told once it can do nothing any more."""

    def __init__(self, process: Process, lost: Callable[[_Worker], None]) -> None:
        self.used = False
        self.alive = True
        self.retire: asyncio.TimerHandle | None = None
        self.process = process
        self._lost = lost
        self._jobs: BinaryIO | asyncio.WriteTransport = process.jobs
        self._answers: BinaryIO | asyncio.BaseTransport = process.answers
        self._started: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._answer: asyncio.Future[bytes] | None = None
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._answers = transport

    def data_received(self, data: bytes) -> None:
        if not self._started.done():
            self._started.set_result(data.startswith(b"\n"))
            data = data[1:]
            if not data:
                return
        self._received += data
        if self._answer is None or self._answer.done() or len(self._received) > _MOST_ANSWER:
            self._lost(self)
        elif data.endswith(b"\n"):
            self._answer.set_result(bytes(self._received))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the base class's
        # What does not hold its pipe any more has ended: nothing that it starts inherits that.
        if not self._started.done():
            self._started.set_result(False)
        if self._answer and not self._answer.done():
            self._answer.set_exception(_DiedError())
        self._lost(self)

    async def start(self) -> None:
        """Wait until it can do a job."""
        if self._jobs is self.process.jobs:
            await self._connect()
        if not await self._started:
            raise _DiedError

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._jobs, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, self.process.jobs)
        if self.alive:
            await loop.connect_read_pipe(lambda: self, self.process.answers)
        if not self.alive:  # it was ended meanwhile, when these were not there yet
            self._jobs.close()
            self._answers.close()
            raise _DiedError

    async def do(self, job: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(self._jobs, asyncio.WriteTransport) or self._jobs.is_closing():
            raise _DiedError
        self._received.clear()
        self._answer = asyncio.get_running_loop().create_future()
        self._jobs.write(json.dumps(job).encode("ascii") + b"\n")
        try:
            answer: dict[str, Any] = json.loads(await self._answer)
        except ValueError:
            raise _DiedError from None  # what writes no answers is no worker any more
        self._received.clear()
        self.used = True
        return answer

    def end(self) -> None:
        """End the process and whatever it started; what it still says is not read."""
        self.alive = False
        self.process.kill()
        self._jobs.close()
        self._answers.close()


class Pool:
    """The workers. `environment` is what they start with; the caller's AWS variables reach them with a job.

    `observe` is told of each job: its kind, `ok` or the kind of its error, and how many seconds it took. `started` are
    processes, by kind, that are there already.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        linger: float = LINGER,
        observe: Callable[[str, str, float], None] = lambda _kind, _result, _seconds: None,
        started: Iterable[tuple[str, Process]] = (),
    ) -> None:
        self._environment = dict(environment)
        self._observe = observe
        self._linger = linger
        self._room = {kind: asyncio.Semaphore(most) for kind, most in _MOST.items()}
        self._idle: dict[_Key, list[_Worker]] = {}
        self._workers: set[_Worker] = set()
        self._ended: list[Process] = []
        self._burial: asyncio.TimerHandle | None = None
        self._closed = False
        for kind, each in started:
            self._park((kind, _UNUSED), self._employ(each))

    @property
    def size(self) -> int:
        """Return how many worker processes there are."""
        return sum(worker.alive for worker in self._workers)

    async def run(
        self, kind: str, job: Mapping[str, Any], *, deadline: float, key: object = None, linger: bool = True
    ) -> dict[str, Any]:
        """Have a worker of `kind` do a job, and return its answer, which may hold an error for the caller to raise.

        Workers are shared only by jobs of the same `key`. Raises `TimedOutError` after `deadline` seconds, and
        `UnavailableError` where workers die over it.
        """
        begin = asyncio.get_running_loop().time()
        result = "cancelled"
        try:
            answer = await self._in_time(kind, job, deadline, key, linger=linger)
            result = answer["error"]["kind"] if "error" in answer else "ok"
        except DsqltokError as error:
            result = error.kind
            raise
        finally:
            self._observe(kind, result, asyncio.get_running_loop().time() - begin)
        return answer

    async def _in_time(
        self, kind: str, job: Mapping[str, Any], deadline: float, key: object, *, linger: bool
    ) -> dict[str, Any]:
        async with self._room[kind]:
            try:
                return await self._do(kind, job, key, deadline, linger=linger)
            except TimeoutError:
                hint = "see whether something that it waits for hangs"
                raise TimedOutError(f"the {kind} worker did not finish in {deadline:g} s", hint=hint) from None
            except (_DiedError, OSError) as error:
                hint = "see the daemon's log; if it goes on, reinstall dsqltok"
                raise shortage(error) or UnavailableError(f"the {kind} worker died", hint=hint) from error

    async def _do(
        self, kind: str, job: Mapping[str, Any], key: object, deadline: float, *, linger: bool, deaths: int = 0
    ) -> dict[str, Any]:
        if self._closed:
            raise _DiedError
        worker = self._take((kind, key)) or self._take((kind, _UNUSED)) or self._start(kind)
        reused = worker.used
        try:
            async with asyncio.timeout(_START):
                await worker.start()
            async with asyncio.timeout(deadline):
                answer = await worker.do({**job, "seconds": deadline})
        except _DiedError:
            self._end(worker)
            deaths += not reused
            if deaths >= _MOST_DEATHS:
                raise
            return await self._do(kind, job, key, deadline, linger=linger, deaths=deaths)
        except BaseException:
            self._end(worker)
            raise
        if not answer.pop("last", False) and linger:
            self._park((kind, key), worker)
        else:
            self._end(worker)
        return answer

    def warm_up(self, kind: str) -> None:
        """Have a worker of `kind` ready for the next job that would need a new one."""
        if (kind, _UNUSED) not in self._idle:
            try:
                self._park((kind, _UNUSED), self._start(kind))
            except OSError:
                pass  # the job will say so

    def dismiss(self) -> None:
        """End the workers that linger, with what they may hold in memory."""
        for (kind, key), idle in list(self._idle.items()):
            for worker in list(idle):
                self._retire((kind, key), worker)

    def close(self) -> None:
        """End every worker now. What they were doing ends with an error, and what comes later does too."""
        self._closed = True
        for worker in list(self._workers):
            self._end(worker)

    def _take(self, key: _Key) -> _Worker | None:
        idle = self._idle.get(key, [])
        while idle:
            worker = idle.pop()
            if worker.retire is not None:
                worker.retire.cancel()
            if worker.alive:
                return worker
            self._end(worker)
        self._idle.pop(key, None)
        return None

    def _park(self, key: _Key, worker: _Worker) -> None:
        resting = [place for place, idle in self._idle.items() for _ in idle if place[0] == key[0]]
        if len(resting) >= _MOST_IDLE:
            self._retire(resting[0], self._idle[resting[0]][0])
        self._idle.setdefault(key, []).append(worker)
        worker.retire = asyncio.get_running_loop().call_later(self._linger, self._retire, key, worker)

    def _retire(self, key: _Key, worker: _Worker) -> None:
        if worker.retire is not None:
            worker.retire.cancel()
        idle = self._idle.get(key, [])
        if worker in idle:
            idle.remove(worker)
        if not idle:
            self._idle.pop(key, None)
        self._end(worker)

    def _start(self, kind: str) -> _Worker:
        return self._employ(process.start(kind, self._environment))

    def _employ(self, found: Process) -> _Worker:
        worker = _Worker(found, self._end)
        self._workers.add(worker)
        return worker

    def _end(self, worker: _Worker) -> None:
        if worker in self._workers:
            self._workers.discard(worker)
            worker.end()
            self._ended.append(worker.process)
            self._bury(_SOON)

    def _bury(self, wait: float) -> None:
        """Take note of the ends of processes, which come a little after their killing, or late in a dead mount."""
        if self._burial is not None:
            self._burial.cancel()
            self._burial = None
        self._ended = [each for each in self._ended if not each.is_over()]
        if self._ended:
            self._burial = asyncio.get_running_loop().call_later(wait, self._bury, min(2 * wait, _LATE))


def raise_error(answer: Mapping[str, Any]) -> None:
    """Raise the error that a worker's answer holds, if it holds one."""
    if "error" in answer:
        raise from_data(answer["error"])
