"""Our HCL beside HashiCorp's own, on texts that nobody chose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conformance.oracle import FILE, Mistake, comparable, told
from conformance.soak import evaluated
from dsqltokd.hcl import HclError, parse

if TYPE_CHECKING:
    from conformance.oracle import Oracle


def words(text: str) -> list[str]:
    return text.split(" ")


LEAVES = st.sampled_from(
    words(
        '0 1 2.5 0.1 1e3 -3 "a" "b" "1" "true" "é\\n" true false null nosuch [] {} k x [1,2] {a=1} [[]] '
        'split(",","a,b") setunion(["b","a"]) zipmap(split(",","a,b"),["1","x"]) chunklist(split(",","a,b"),1)'
    )
)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Put expressions together in every form there is. A quotient's divisor is never 0: Go has infinities."""
    operator = st.sampled_from(words("+ - * % == != < <= > >= && ||"))
    follower = st.sampled_from(["[0]", "[1]", ".0", ".a", '["a"]', "[*]", ".*", "[*].a", ".*.a", "[-1]"])
    key = st.sampled_from(["a", '"b"', "(1)", '"${1}"', "true"]) | st.builds("({})".format, inner)
    return st.one_of(
        st.builds("({} {} {})".format, inner, operator, inner),
        st.builds("({} / 4)".format, inner),
        st.builds("({} ? {} : {})".format, inner | st.sampled_from(["true", "false"]), inner, inner),
        st.builds("{}{}".format, st.sampled_from(["!", "-", "!!", "--", "-!"]), inner),
        st.builds("{}{}".format, inner, follower),
        st.builds("{}[{}]".format, inner, inner),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.builds("{} = {}".format, key, inner), max_size=3).map(lambda items: f"{{{', '.join(items)}}}"),
        st.builds("[for k, x in {}: {} if {}]".format, inner, inner, inner | st.just("x != null")),
        st.builds("{{for k, x in {}: {} => {}{}}}".format, inner, inner, inner, st.sampled_from(["", "..."])),
        st.builds('"{}${{{}}}{}"'.format, st.sampled_from(["", "p"]), inner, st.sampled_from(["", "q"])),
        st.builds('"a %{{~ if {} }} b %{{ else ~}} ${{{}}} %{{ endif ~}} c"'.format, inner, inner),
        st.builds('"%{{ for k, x in {} }}${{k}}${{x}}%{{ endfor }}"'.format, inner),
        st.builds(
            '"%{{~ for x in {} ~}} %{{~ if x == {} ~}} a %{{~ endif ~}} ${{~ x ~}} %{{ endfor }}"'.format, inner, inner
        ),
        st.builds("(<<E\na ${{{}}}$${{b}}\n  c\nE\n)".format, inner),
        st.builds("(<<-E\n    a ${{{}}}\n   %{{ if {} }}b%{{ else }}\n  c%{{ endif }}\n  E\n)".format, inner, inner),
        st.builds("max({}...)".format, inner),
        st.builds("merge([{}, {}]...)".format, inner, inner),
        st.builds("concat({}, {}...)".format, inner, inner),
        st.builds("try({}, {})".format, inner, inner),
        st.builds("can({})".format, inner),
        st.builds("upper({})".format, inner),
    )


EXPRESSIONS = st.recursive(LEAVES, _combined, max_leaves=12)


def outcome(expression: str) -> tuple[list[Mistake], str]:
    """Return what we find wrong with an expression, or else its value, which is text."""
    try:
        value = evaluated(expression)
    except HclError as error:
        return told(error), ""
    return [], value.text if value else ""


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(EXPRESSIONS)
@example('true ? 1 : "x"')
@example("0.1 + 0.2")
@example("(1 / 4) * 1e-30 - 0.1")
@example("[null, 1][*].a")
@example('{for x in ["b", "a", "b"]: x => x...}')
def test_an_expression_has_hashicorps_value_or_its_first_mistake(oracle: Oracle, expression: str) -> None:
    shown = f"jsonencode({expression})"
    ours, found = outcome(shown)
    if ours:
        assert comparable(ours)[0] == comparable(oracle.mistakes_in_expression(shown))[0]
    else:
        assert oracle.agrees(shown, found)


def mistakes(source: str) -> list[Mistake]:
    """Return what we find wrong with a file's syntax."""
    try:
        parse(source.encode(), FILE)
    except HclError as error:
        return told(error)
    return []


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
def test_a_file_has_the_mistakes_that_hashicorps_parser_finds(oracle: Oracle, text: str, frame: str) -> None:
    source = frame.format(text)
    assert comparable(mistakes(source)) == comparable(oracle.mistakes_in_file(source))


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
        "a = ]\nb\nc = x.\nd = 1\nd = 2\n",
        'b "${x}" "\\q" {\n  c\n}\nd = {x = [1 2], y = (3}\ne\n',
        'b { a = "\\q", c }\nb { "c" = 1 }\nb { c\n',
        "a = [for x y: z]\nb = {for x in y: z}\nc = [for k in ]: k]\nd = x ? [1 : 2\n",
        'a = "%{ if ] }${x y}%{ else }%{ else }%{ endfor }%{ for }"\nb = f(1 2).c.*.*\nc\n',
        'a = f::(1)\nb = f::g\nc = "${d::}"\ne\n',
    ],
)
def test_several_mistakes_are_all_told_each_in_its_place(oracle: Oracle, source: str) -> None:
    assert mistakes(source) == oracle.mistakes_in_file(source)
