"""Asking the workers about a project, and running the programs that an answer rests on.

The `project` worker says which program it needs the output of, and that the user allowed it; a worker of its own runs
the program, and the question is asked again with the output. So a program that hangs hangs nothing else.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from dsqltok.errors import ConfigurationError, TimedOutError
from dsqltok.protocol import EVERY_AWS
from dsqltokd.pool import raise_error
from dsqltokd.query import WITHIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dsqltokd.pool import Pool
    from dsqltokd.query import Key
    from dsqltokd.settings import Settings

DEADLINE = 2.0  # seconds for one evaluation
_MOST_AT_ONCE = 2  # evaluations of one project: it may have any number of envs, and other projects want workers too
_MOST_PROGRAMS = 16

Outputs = list[tuple[list[str], str, str]]
"""Programs by argv and directory as the project writes it, and what they printed."""


class Evaluator:
    """Asks workers of `pool`. `allowed` gives the digests of the programs that the user allowed a project to run."""

    def __init__(self, pool: Pool, settings: Settings, allowed: Callable[[str], Sequence[str]]) -> None:
        self._pool = pool
        self._settings = settings
        self._allowed = allowed
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def ask(
        self,
        question: str,
        key: Key,
        environment: Mapping[str, str | None],
        *,
        tokens: Mapping[str, str] | None = None,
        texts: dict[str, str] | None = None,
        outputs: Outputs | None = None,
        within: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Return the worker's answer, with `outputs` beside it; see `worker.project` for both sides.

        `within` are the projects that wait for the answer, which a program that it takes is told. Raises
        `TimedOutError`, and what is wrong with a program.
        """
        job = {
            "question": question,
            "path": key.config,
            "env": key.env,
            "data": key.data,
            "vars": list(key.variables),
            "environment": environment,
            "tokens": tokens or {},
            "texts": texts,
            "allowed": list(self._allowed(key.config)),
            "allow_hosts": list(self._settings.now.allow_hosts),
        }
        known = list(outputs or [])
        waiting = {WITHIN: json.dumps([*within, key.config])}
        for _ in range(_MOST_PROGRAMS):
            answer = await self._evaluate({**job, "outputs": known})
            program = answer.get("run")
            if program is None or "need" in answer:
                return {**answer, "outputs": known}
            known.append(
                (program["argv"], program["working_dir"], await self._run(program, {**environment, **waiting}))
            )
        raise ConfigurationError(f"{key.config} runs more than {_MOST_PROGRAMS} programs", hint="let one do it all")

    async def _evaluate(self, job: dict[str, Any]) -> dict[str, Any]:
        lasting = EVERY_AWS not in job["environment"]  # a caller's keys are not to rest in a worker
        try:
            async with self._turns.setdefault(job["path"], asyncio.Semaphore(_MOST_AT_ONCE)):
                return await self._pool.run("project", job, deadline=DEADLINE, linger=lasting)
        except TimedOutError:
            # What computes too much is ended by its worker, with a better message: this one waits for something.
            hint = "try again, and see that the files it reads are on a disk that answers"
            raise TimedOutError(f"{job['path']} takes more than {DEADLINE:g} s to evaluate", hint=hint) from None

    async def _run(self, program: Mapping[str, Any], environment: Mapping[str, str | None]) -> str:
        job = {
            **{name: program[name] for name in ("name", "argv", "directory", "files")},
            "environment": {name: value for name, value in environment.items() if value is not None},
        }
        timeout = self._settings.now.program_timeout
        try:
            answer = await self._pool.run("program", job, deadline=timeout, linger=False)
        except TimedOutError:
            message = f"{program['name']}: the program takes more than {timeout} s"
            hint = (
                "it gets no input and no terminal; one that asks dsqltok for its own project, with a fresh environment"
                " as by env -i, waits for itself; program_timeout in config.toml sets the limit"
            )
            raise TimedOutError(message, hint=hint) from None
        raise_error(answer)
        return str(answer["output"])
