"""The `project` job: what a project file says. This file is the frame around the answers.

    in   question    "names", "targets", "urls" or "connections" (see `answers`), "inspect" or "programs" (see
                     `inspection`)
         path        of atlas.hcl
         env, data   or None
         vars        `--var` texts
         environment values of variables by name, None for what is unset; `EVERY_AWS` says that all AWS ones are there
         tokens      by data source, where known
         texts       of the files as an earlier job noted them, or None
         outputs     of programs that have been run: argv, directory as the project writes it, text
         allowed     digests of the programs that the user allowed
         allow_hosts
    out  what the question asks for, or `error`, or `need`: environment variables that the project reads and the request
         left out, or `run`: a program to run, and to ask again with its output
         files       (path, identity or None) that were opened or looked for, directories too
         texts       of those that were read; None if they are too long to keep, or the answer is not the last one
         names       of all environment variables read

An environment variable that the request says nothing about counts as empty, and the answer is that it is needed:
neither a result nor an error would mean anything before. Whatever the file says, the answer is short: the core reads it
between two others, and keeps it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dsqltok.errors import ConfigurationError, DsqltokError
from dsqltok.protocol import EVERY_AWS
from dsqltokd.atlas import Directory, OutputNeededError, Program, names, parse_inputs, project_functions
from dsqltokd.hcl import FunctionError, HclError, parse

from . import answers, inspection
from .allowance import Allowance
from .diagnosis import configuration_error, limit_error, shortened
from .limits import ExceededError, within_limits
from .projectfiles import ProjectFiles
from .question import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dsqltokd.atlas import Functions
    from dsqltokd.hcl import Body

_LONGEST_TEXTS = 256 << 10  # characters
_WITHOUT_TEXTS = frozenset({"error", "need", "run"})  # answers after which the same files are read again
_LONGEST_ANSWER = {"inspect": 4 << 20}  # characters; what is not inspected the core keeps
_LONGEST_OTHER_ANSWER = 256 << 10
_MOST_VARIABLES = 500
_LONGEST_NAME = 1000  # of an environment variable


def run(request: dict[str, Any]) -> dict[str, object]:
    """Answer one job. See the module's docstring for its shape."""
    files = ProjectFiles(request["path"], request["texts"])
    environment = _Environment(request["environment"])
    try:
        answer = _answer(request, files, environment)
    except DsqltokError as error:
        answer = {"error": shortened(error).as_data()}
    if environment.missing:
        answer = {"need": list(environment.missing)}
    return answer | {
        "files": [list(item) for item in files.seen.items()],
        "texts": None if answer.keys() & _WITHOUT_TEXTS or files.length > _LONGEST_TEXTS else files.texts,
        "names": list(environment.asked),
    }


def _answer(request: dict[str, Any], files: ProjectFiles, environment: _Environment) -> dict[str, object]:
    source = files.read_config()
    functions = project_functions(environment.read, files.read_text, Directory(files.directory, files.entries))
    outputs = {Program(tuple(argv), directory): text for argv, directory, text in request["outputs"]}
    allowance = Allowance(source, files, request["allowed"])
    if request["texts"] is None:
        allowance.follow(outputs)

    def answered() -> dict[str, object]:
        question = _question(request, parse(source, request["path"]), functions, outputs)
        return _answered(request["question"], question, allowance, environment)

    try:
        return _short(within_limits(answered), request)
    except HclError as error:
        raise configuration_error(error, source, functions) from None
    except ExceededError as error:
        raise limit_error(error, request["path"], source, functions) from None


def _short(answer: dict[str, object], request: dict[str, Any]) -> dict[str, object]:
    most = _LONGEST_ANSWER.get(request["question"], _LONGEST_OTHER_ANSWER)
    if len(json.dumps(answer)) > most:
        raise ConfigurationError(
            f"{request['path']} says too much: what was asked for has more than {most} characters",
            hint="split the project into several files",
        )
    return answer


def _answered(kind: str, question: Question, allowance: Allowance, environment: _Environment) -> dict[str, object]:
    alone: dict[str, Callable[[Question], dict[str, object]]] = {
        "targets": answers.targets,
        "urls": answers.urls,
        "connections": answers.connections,
        "names": answers.known_names,
    }
    try:
        if kind in alone:
            return alone[kind](question)
        return (inspection.inspect if kind == "inspect" else inspection.programs)(question, allowance)
    except OutputNeededError as needed:
        environment.get(EVERY_AWS)
        return {"run": allowance.checked(needed, question)}


def _question(request: dict[str, Any], body: Body, functions: Functions, outputs: Mapping[Program, str]) -> Question:
    question = Question(
        path=request["path"],
        body=body,
        names=names(body),
        env=request["env"],
        data=request["data"],
        inputs=parse_inputs(request["vars"]),
        functions=functions,
        outputs=outputs,
        tokens=request["tokens"],
        allow_hosts=request["allow_hosts"],
    )
    if question.data is not None and question.data not in question.names.tokens:
        raise question.unknown_data()
    return question


class _Environment:
    """The environment variables that came with the request, and which of them the project read."""

    def __init__(self, values: Mapping[str, str | None]) -> None:
        self._values = values
        self.asked: dict[str, None] = {}
        self.missing: dict[str, None] = {}

    def read(self, name: str) -> str:
        """Return a variable as the project's `getenv()`. Raises FunctionError if that is too much."""
        if len(name) > _LONGEST_NAME:
            raise FunctionError(f"the name has more than {_LONGEST_NAME} characters")
        if len(self.asked) >= _MOST_VARIABLES and name not in self.asked:
            raise FunctionError(f"a project may not read more than {_MOST_VARIABLES} environment variables")
        if not name or "=" in name or "\0" in name:
            return ""  # no environment can hold it, and nobody could send its value
        return self.get(name)

    def get(self, name: str) -> str:
        self.asked[name] = None
        if name not in self._values:
            self.missing[name] = None
        return self._values.get(name) or ""
