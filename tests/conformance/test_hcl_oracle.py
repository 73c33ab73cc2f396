"""Our HCL beside HashiCorp's own, which PyPI has as `pygohcl`, on texts that nobody chose.

HashiCorp's code brings Go's runtime along, which does not survive a fork; so it runs in a process of its own and
answers line by line. It parses files (`loads`), and evaluates conditions. With `jsonencode` in a condition it can be
asked whether an expression has a value, and whether that is the one we found.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import IO, TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsqltokd.hcl import Diagnostic, HclError, evaluate, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import json, sys
import pygohcl
for line in sys.stdin:
    job, text = json.loads(line)
    try:
        if job == "parse":
            pygohcl.loads(text)
        else:
            pygohcl.eval_var_condition(text, "no", "unused", "0")
        answer = ""
    except Exception as error:
        answer = str(error)
    print(json.dumps(answer), flush=True)
"""


class Oracle:
    """HashiCorp's HCL in a process of its own."""

    def __init__(self, requests: IO[str], answers: IO[str]) -> None:
        self._requests = requests
        self._answers = answers

    def _ask(self, *job: str) -> str:
        print(json.dumps(job), file=self._requests, flush=True)
        return str(json.loads(self._answers.readline()))

    def mistake(self, source: str) -> str:
        """Return what is wrong with a file's syntax, or nothing."""
        answer = self._ask("parse", source)
        return answer.removeprefix("invalid HCL: ") if answer.startswith("invalid HCL: ") else ""

    def judge(self, expression: str, value: str) -> str:
        """Return nothing if an expression has the value that is given as JSON, `no` if another, else its mistake."""
        literal = json.dumps(value).replace("${", "$${").replace("%{", "%%{")
        return self._ask("evaluate", f"jsonencode({expression}) == {literal}")


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError(process)
        yield Oracle(process.stdin, process.stdout)
        process.stdin.close()


def words(text: str) -> list[str]:
    return text.split(" ")


LEAVES = st.sampled_from(
    words('0 1 2.5 0.1 1e3 -3 "a" "b" "1" "true" "é\\n" true false null nosuch [] {} k x [1,2] {a=1}')
)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Put expressions together in every form there is. A quotient's divisor is never 0: Go has infinities."""
    operator = st.sampled_from(words("+ - * % == != < <= > >= && ||"))
    follower = st.sampled_from(["[0]", "[1]", ".0", ".a", '["a"]', "[*]", ".*", "[*].a", ".*.a", "[-1]"])
    key = st.sampled_from(["a", '"b"', "(1)", '"${1}"', "true"])
    return st.one_of(
        st.builds("({} {} {})".format, inner, operator, inner),
        st.builds("({} / 4)".format, inner),
        st.builds("({} ? {} : {})".format, inner | st.sampled_from(["true", "false"]), inner, inner),
        st.builds("{}{}".format, st.sampled_from("!-"), inner),
        st.builds("{}{}".format, inner, follower),
        st.builds("{}[{}]".format, inner, inner),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.builds("{} = {}".format, key, inner), max_size=3).map(lambda items: f"{{{', '.join(items)}}}"),
        st.builds("[for k, x in {}: {} if {}]".format, inner, inner, inner | st.just("x != null")),
        st.builds("{{for k, x in {}: {} => {}{}}}".format, inner, inner, inner, st.sampled_from(["", "..."])),
        st.builds('"{}${{{}}}{}"'.format, st.sampled_from(["", "p"]), inner, st.sampled_from(["", "q"])),
        st.builds('"a %{{~ if {} }} b %{{ else ~}} ${{{}}} %{{ endif ~}} c"'.format, inner, inner),
        st.builds('"%{{ for k, x in {} }}${{k}}${{x}}%{{ endfor }}"'.format, inner),
        st.builds("try({}, {})".format, inner, inner),
        st.builds("can({})".format, inner),
        st.builds("upper({})".format, inner),
    )


EXPRESSIONS = st.recursive(LEAVES, _combined, max_leaves=12)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(EXPRESSIONS)
@example('true ? 1 : "x"')
@example("0.1 + 0.2")
@example("(1 / 4) * 1e-30 - 0.1")
@example("[null, 1][*].a")
@example('{for x in ["b", "a", "b"]: x => x...}')
def test_an_expression_has_a_value_exactly_where_hashicorps_has_it_and_the_same(
    oracle: Oracle, expression: str
) -> None:
    try:
        found = evaluate(f"jsonencode({expression})")
    except HclError:
        assert oracle.judge(expression, "") not in ("", "no")
    else:
        assert oracle.judge(expression, found) == ""


def mistakes(source: str) -> tuple[Diagnostic, ...]:
    """Return what we find wrong with a file's syntax."""
    try:
        parse(source.encode(), "tmp.hcl")
    except HclError as error:
        return error.diagnostics
    return ()


FRAGMENTS = words(
    'a b if for in else endif true 1 0.5 "a" " { } ( ) [ ] . , .* [*] ... = == => ! && || & ~ ~} ${ ${~ %{ $${ $ % \\ '
    "\\n \\q ? : :: + - / # // /* */ <<E <<-E E é ; ' “ f("
)
LINE_ENDS = ["\n", "\n", "\n", "\r\n", "\r"]


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.sampled_from([*FRAGMENTS, *LINE_ENDS, " "]), max_size=12).map("".join),
    st.sampled_from(
        ["{}", "a = {}", "a = {}\n", 'b "l" {{\n{}\n}}\n', "a = [{}]\n", 'a = "{}"\n', "a = <<-E\n{}\nE\n"]
    ),
)
def test_a_file_is_refused_exactly_where_hashicorps_parser_refuses_it(oracle: Oracle, text: str, frame: str) -> None:
    source = frame.format(text)
    assert bool(mistakes(source)) == bool(oracle.mistake(source))


@pytest.mark.parametrize(
    "source",
    [
        "a = \n",
        "a = 1, b = 2\n",
        "b {\n  a = 1\n",
        "b { a = 1, c = 2 }\n",
        'b "x"\n{\n}\n',
        "b {} c {}\n",
        "a = 'x'\n",
        "a = x & y\n",
        'a = "x\n"\n',
        'a = "\\q\\u12"\n',
        "a = [1 2]\n",
        "a = {x 1}\n",
        "a = {x = 1 y = 2}\n",
        "a = f(1 2)\n",
        "a = f(1",
        "a = x ? 1\n",
        "a = x.\n",
        "a = 1.2.3\n",
        "a = [for x y: z]\n",
        'a = "é${x y}"\n',
        'a = "%{ if x }"\n',
        'a = "%{ else }"\n',
        "a = <<E\nx\n",
        "a = 1\na = 2\n",
    ],
)
def test_the_first_mistake_is_hashicorps_first_and_in_its_place(oracle: Oracle, source: str) -> None:
    first = mistakes(source)[0]
    assert oracle.mistake(source).startswith(f"{first.subject}: {first.summary}; ")
