"""HashiCorp's own HCL, which PyPI has as `pygohcl`, to be asked what it makes of a text.

HashiCorp's code brings Go's runtime along, which does not survive a fork; so it runs in a process of its own and
answers line by line. It parses files (`loads`) and evaluates conditions (`eval_var_condition`), in which `var` is an
object of one attribute, and tells all diagnostics as text: place, summary and detail. With `jsonencode` in a condition
it can be asked whether an expression has a value, and whether that is the one we found.

It takes a text up to its first NUL only, and a condition only if it is UTF-8.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dsqltokd.hcl import HclError

PROGRAM = """
import json, sys
import pygohcl

def answer(job, text, value):
    try:
        if job == "parse":
            pygohcl.loadb(text.encode("utf-8", "surrogateescape"))
        else:
            pygohcl.eval_var_condition(text, "no", "v", value)
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "replace")  # a message with bytes of the text in it
    except Exception as error:
        return str(error)
    return ""

for line in sys.stdin:
    print(json.dumps(answer(*json.loads(line))), flush=True)
"""
FILE = "tmp.hcl"
"""The name that HashiCorp's diagnostics give the text."""
FUNCTIONS = """
    abs can ceil chomp chunklist coalescelist compact concat contains csvdecode distinct element flatten floor format
    formatdate formatlist indent join jsondecode jsonencode keys log lower max merge min parseint pow range regex
    regexall reverse setintersection setproduct setsubtract setunion signum slice sort split strrev substr timeadd
    title trim trimprefix trimspace trimsuffix try upper values zipmap
"""
"""The functions that a condition may call."""
_FILE = "invalid HCL: "
_CONDITION = "cannot process condition expression: "
_PANIC = "panic HCL: "
_PLACED_OTHERWISE = ("Missing close bracket on", "Null value as key")
_BETWEEN = re.compile(rf", (?={re.escape(FILE)}:\d+,\d+-)")


class Mistake(NamedTuple):
    """A diagnostic as it reads: the span in HashiCorp's short form, and the summary."""

    place: str
    summary: str


def comparable(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Return what has to be the same on both sides, as some things are told otherwise by us on purpose.

    HashiCorp's evaluator repeats what a loop finds wrong for every element, and marks the value of a null key. Where a
    bracket of an index is missing, its parser shows the next closing one, or the end, as what it found instead; we show
    the token that is there.
    """
    return [
        Mistake("" if summary.startswith(_PLACED_OTHERWISE) else place, summary)
        for place, summary in dict.fromkeys(mistakes)
    ]


def told(error: HclError) -> list[Mistake]:
    """Return our diagnostics in the oracle's form."""
    return [Mistake(str(each.subject), each.summary) for each in error.diagnostics]


class OracleError(Exception):
    """HashiCorp's code did not survive the question."""


class Oracle:
    """HashiCorp's HCL in a process of its own."""

    def __init__(self, requests: IO[str], answers: IO[str]) -> None:
        self._requests = requests
        self._answers = answers

    def _ask(self, *job: str) -> str:
        print(json.dumps(job), file=self._requests, flush=True)
        answer = str(json.loads(self._answers.readline()))
        if answer.startswith(_PANIC):
            raise OracleError(answer)
        return answer

    def mistakes_in_file(self, source: str) -> list[Mistake]:
        """Return what is wrong with a file's syntax."""
        return _mistakes(self._ask("parse", source, ""), _FILE)

    def mistakes_in_expression(self, expression: str, value: str = "0") -> list[Mistake]:
        """Return why an expression has no value, if it has none. `value` is what `var.v` in it comes to."""
        return _mistakes(self._ask("evaluate", expression, value), _CONDITION)

    def agrees(self, condition: str, expected: str, value: str = "0") -> bool | None:
        """Return whether an expression has the text `expected` for its value; None if it has no value."""
        literal = json.dumps(expected, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
        answer = self._ask("evaluate", f"{condition} == {literal}", value)
        return {"": True, "no": False}.get(answer)


def _mistakes(answer: str, prefix: str) -> list[Mistake]:
    if not answer.startswith(prefix):
        return []
    return [_mistake(text) for text in _BETWEEN.split(answer.removeprefix(prefix))]


def _mistake(text: str) -> Mistake:
    place, _, rest = text.partition(": ")
    return Mistake(place, rest.partition("; ")[0])


@contextmanager
def running_oracle() -> Iterator[Oracle]:
    """Run the oracle for as long as the context is open."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError(process)
        try:
            yield Oracle(process.stdin, process.stdout)
        finally:
            process.stdin.close()
