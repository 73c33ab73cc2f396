"""Which programs the user allowed a project to run: the check, and what an allowance is of.

It is of a digest of everything that decides what the program does and that a cloned repository could change: the text
of atlas.hcl, the program's words and directory as they came out, and the content of each word that names a file in the
project. A change of any of these asks the user again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from typing import TYPE_CHECKING

from dsqltok.errors import DeniedError

from .diagnosis import place, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from dsqltokd.atlas import OutputNeededError, Program

    from .projectfiles import ProjectFiles
    from .question import Question


class Allowance:
    """What is allowed of the project whose atlas.hcl has the content `source`: programs of these digests."""

    def __init__(self, source: bytes, files: ProjectFiles, allowed: Collection[str]) -> None:
        self._source = source
        self._digest = hashlib.sha256(source).hexdigest()
        self._files = files
        self._allowed = frozenset(allowed)

    def checked(self, needed: OutputNeededError, question: Question) -> dict[str, object]:
        """Return how to run a program; `DeniedError` where that was not allowed."""
        described = self.described(needed.address, needed.program)
        if described["digest"] not in self._allowed:
            message = f"{place(needed.diagnostics[0])}: {needed.address} runs a program that you have not allowed"
            detail = shown(needed.diagnostics[0], self._source)
            raise DeniedError(message, detail=detail, hint=how_to_allow(question))
        return described

    def holds(self, program: Program) -> bool:
        """Tell whether a program may be run."""
        return self.described("", program)["digest"] in self._allowed

    def follow(self, programs: Iterable[Program]) -> None:
        """Have the files of programs that were run noted, as what the answer rests on."""
        for program in programs:
            self.described("", program)

    def described(self, address: str, program: Program) -> dict[str, object]:
        """Return a program: `name`, `argv`, `working_dir` as written, `directory`, hashes of its `files`, `digest`."""
        directory = os.path.normpath(os.path.join(self._files.directory, program.directory))
        files = dict(filter(None, (self._files.fingerprint(directory, word) for word in program.argv)))
        whole = json.dumps([self._digest, program.argv, directory, files], sort_keys=True)
        return {
            "name": address,
            "argv": list(program.argv),
            "working_dir": program.directory,
            "directory": directory,
            "files": files,
            "digest": hashlib.sha256(whole.encode()).hexdigest(),
        }


def how_to_allow(question: Question) -> str:
    """Return what a person does to allow the programs of a project."""
    words = ["dsqltok", "projects", "allow", question.path]
    if question.env is not None:
        words += ["--env", question.env]
    # The values of variables may be secret; what was asked with them is to be allowed with them.
    variables = ", with the same --var" if question.inputs else ""
    return f"see what it runs, then allow it: {shlex.join(words)}{variables}"
