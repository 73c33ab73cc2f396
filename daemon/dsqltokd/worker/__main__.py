"""A worker: one JSON object a line comes in, one goes out for each; started as `python -m dsqltokd.worker KIND`.

The rules:
- What it has inherited but stdin, stdout and stderr is closed, first of all: some libraries of the core's do not see to
  that.
- The pipes that the core gave as stdin and stdout move to descriptors that no child inherits: a
  credential_process inherits stdin and would eat the next job, or write into an answer.
- Once the imports have worked, stderr goes nowhere: what a helper program says there may hold secrets. Before that it
  is the daemon's log, so that a broken installation shows.
- Once it can do a job it says so by an empty line: what it took to start is not the job's time.
- A job that fails is answered with an error. Only the core ends a worker: by killing its group, by closing its pipe or
  by its own end, however that came about, and then the worker kills the group, so that no helper outlives them.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

from dsqltok.errors import DsqltokError
from dsqltokd.hardening import hear_of_orphanhood, protect_memory

if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_OTHER, _MOST_OTHERS = 3, 1 << 20
_CPU_SECONDS = 20  # for one job; the core's deadline comes first, this is for a worker that the core lost
# After a job's deadline, until a worker that the core has lost, or that no system told of the core's end, ends itself.
_GRACE_SECONDS = 10.0
# Of address space, by kind. A `program` worker hands its limits on to what it starts, which may reserve far more than
# it uses; an `aws` worker takes its own off before it starts a helper.
_MEMORY = {"aws": 512 << 20, "project": 1 << 30, "keystore": 1 << 30, "passfile": 1 << 30}


def main() -> None:
    """Serve jobs of the kind that the command line names until stdin ends."""
    os.closerange(_FIRST_OTHER, min(os.sysconf("SC_OPEN_MAX"), _MOST_OTHERS))
    kind = sys.argv[1]
    signal.signal(signal.SIGALRM, _end)
    hear_of_orphanhood(signal.SIGALRM)
    jobs = os.fdopen(_move(0, os.O_RDONLY), "rb")
    answers = os.fdopen(_move(1, None), "wb")
    protect_memory()
    if kind in _MEMORY and sys.platform == "linux":  # macOS refuses the limit
        _limit(resource.RLIMIT_AS, _MEMORY[kind])
    run: Callable[[dict[str, Any]], dict[str, Any]] = import_module(f"dsqltokd.worker.{kind}").run
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        answers.write(b"\n")
        answers.flush()
        _serve(jobs, answers, run)
    except BrokenPipeError:
        pass  # the core is gone
    _end()


def _serve(jobs: IO[bytes], answers: IO[bytes], run: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    for line in jobs:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + _CPU_SECONDS)
        job = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, job.pop("seconds") + _GRACE_SECONDS)
        answers.write(json.dumps(_answer(run, job)).encode("ascii") + b"\n")
        answers.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)


def _end(*_: object) -> None:
    os.killpg(0, signal.SIGKILL)  # nobody waits for an answer any more


def _move(standard: int, mode: int | None) -> int:
    moved = os.dup(standard)  # not inheritable
    if mode is None:
        os.dup2(2, standard)
    else:
        os.dup2(os.open(os.devnull, mode), standard)
    return moved


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _answer(run: Callable[[dict[str, Any]], dict[str, Any]], job: dict[str, Any]) -> dict[str, Any]:
    try:
        return run(job)
    except DsqltokError as error:
        return {"error": error.as_data()}
    except Exception as error:  # noqa: BLE001 - the worker outlives a bug, and the core hears of it
        # Its text may quote anything that the job held, so only its type goes on.
        return {"error": DsqltokError(f"a worker failed ({type(error).__name__})", hint="please report this").as_data()}


if __name__ == "__main__":
    main()
