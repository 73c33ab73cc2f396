"""`data "external"`: a program whose output is the value, as it is, with the newline at its end.

Nothing is run here. A block says what it would run; until its output is known, it is as unavailable as a data source
that does not exist here, so that a program is run only where something that was asked for depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsqltokd.hcl import STRING, list_type, string

from .errors import NotRunError, ProjectError, Unavailable
from .schema import check_body, typed_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dsqltokd.hcl import Block, Expression, Value

    from .graph import DataSource, Result

KIND = "external"
ARGUMENTS = ("program", "working_dir")


@dataclass(frozen=True)
class Program:
    """What a data block runs: an argv of at least one word, in a directory as the block writes it ("" for none)."""

    argv: tuple[str, ...]
    directory: str


class OutputNeededError(NotRunError):
    """What was asked for depends on the output of a program: of `program`, which the block `address` names."""

    def __init__(self, block: Block, program: Program) -> None:
        self.address = ".".join((block.type, *block.labels))
        self.program = program
        subject = block.body.attributes["program"].expression.span
        super().__init__("Program not run", f"{self.address} depends on the output of a program.", subject)


def external_source(outputs: Mapping[Program, str], asked: Callable[[str, Program], None]) -> DataSource:
    """Return the data source, given the outputs that are known. `asked` is told the address and program of each."""

    def run(block: Block, evaluate: Callable[[Expression], Value]) -> Result:
        program = read_program(block, evaluate)
        needed = OutputNeededError(block, program)
        asked(needed.address, program)
        output = outputs.get(program)
        return Unavailable(needed, needed.address) if output is None else string(output)

    return run


def read_program(block: Block, evaluate: Callable[[Expression], Value]) -> Program:
    """Return what the block runs; `ProjectError` at the attribute that does not say it."""
    attributes = check_body(block, allowed=ARGUMENTS, required=("program",))
    words = typed_value(attributes["program"], list_type(STRING), evaluate).items
    subject = attributes["program"].expression.span
    if not words:
        raise ProjectError("Invalid program", "The program cannot be empty.", subject, hint='such as ["./script", "a"]')
    argv = tuple(word.payload for word in words)
    if not all(isinstance(word, str) and "\0" not in word for word in argv):
        raise ProjectError("Invalid program", "An argument is null or has a NUL character in it.", subject)
    directory = ""
    if "working_dir" in attributes:
        directory = typed_value(attributes["working_dir"], STRING, evaluate).text
    return Program(tuple(map(str, argv)), directory)
