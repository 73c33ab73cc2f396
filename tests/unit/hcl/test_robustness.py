"""No text is a way to bring the parser or the evaluator down."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsqltokd.hcl import (
    FUNCTIONS,
    Diagnostic,
    HclError,
    Scope,
    Span,
    evaluate_expression,
    excerpt,
    from_python,
    parse,
    parse_expression,
    parse_template,
    references,
)
from dsqltokd.hcl.decimals import number_text
from dsqltokd.hcl.lexer import tokenize, tokenize_template

if TYPE_CHECKING:
    from collections.abc import Callable


def words(text: str) -> list[str]:
    return text.split(" ")


FRAGMENTS = [
    *words('a b if for in else endif endfor true null 1 0.5 1e3 "a" " { } ( ) [ ] . , .* [*] ... = == => ! != < <= &&'),
    *words("|| & ~ ~} ${ ${~ %{ %{~ $${ $ % \\ \\n \\q ? : :: + - * / # // /* */ <<E <<-E E é e\u0301 ; ' ` “ upper("),
    *("\n", "\r\n", "\r", " ", "\t", "\ufeff", "<<E\n", "\nE\n", "\x00", "\ud800", "👨‍👩‍👧"),
]
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join) | st.text(max_size=40)
SOURCES = st.binary(max_size=40) | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))
SCOPE = Scope({"a": from_python({"a": [1, "x"]}), "b": from_python(None)}, FUNCTIONS)


def mistakes_of(work: Callable[[], object]) -> tuple[Diagnostic, ...]:
    """Return what an HclError tells, nothing if there is none; any other exception goes on."""
    try:
        work()
    except HclError as error:
        return error.diagnostics
    return ()


def _check_place(source: bytes, place: Span) -> None:
    assert 0 <= place.start.byte <= place.end.byte <= len(source)
    assert place.start.line <= 1 + source.count(b"\n")
    assert excerpt(source, place).count("\n") == 2


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(SOURCES)
@example(b"\xef\xbb\xbf")
@example(b'a = "\\')
def test_parsing_any_text_gives_a_tree_or_mistakes_in_the_text(source: bytes) -> None:
    for read in (parse, parse_expression, parse_template):
        for mistake in mistakes_of(partial(read, source, "f")):
            _check_place(source, mistake.subject)


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(TEXTS)
def test_evaluating_any_expression_gives_a_value_or_mistakes_in_the_text(text: str) -> None:
    source = text.encode("utf-8", "surrogatepass")
    with contextlib.suppress(HclError):
        tree = parse_expression(source, "f")
        for reference in references(tree):
            _check_place(source, reference.span)
        for mistake in mistakes_of(lambda: evaluate_expression(tree, SCOPE)):
            _check_place(source, mistake.subject)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(SOURCES)
def test_tokens_cover_the_text_but_for_spaces(source: bytes) -> None:
    for read in (tokenize, tokenize_template):
        end = 3 if source.startswith(b"\xef\xbb\xbf") else 0
        for token in read(source, "f"):
            assert source[end : token.start.byte].strip(b" \t") == b""
            written = source[token.start.byte : token.end.byte]
            assert token.text.encode("utf-8", "surrogateescape") == written
            end = token.end.byte
        assert end == len(source)


NESTED: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "(" * n + "1" + ")" * n,
    "tuples": lambda n: "[" * n + "]" * n,
    "objects": lambda n: "{a=" * n + "1" + "}" * n,
    "operators": lambda n: "!" * n + "true",
    "templates": lambda n: '"${' * n + "1" + '}"' * n,
    "conditionals": lambda n: "true ? 1 : " * n + "1",
    "calls": lambda n: "try(" * n + "1" + ")" * n,
    "indexes": lambda n: "t[" * n + "0" + "]" * n,
    "followers": lambda n: "f(t)" + "[abs(0)]" * n,
    "splats": lambda n: "t" + "[*]" * n,
    "loops": lambda n: "[for x in t: " * n + "x" + "]" * n,
    "collections": lambda n: "[for x in " * n + "t" + ": x]" * n,
    "directives": lambda n: '"' + "%{ if true }" * n + "a" + "%{ endif }" * n + '"',
    "precedences": lambda n: "(true || true && 1 == 1 < 2 + 2 * " * n + "1" + ")" * n,
}


SCOPE_OF_NESTED = Scope({"t": from_python([0])}, {**FUNCTIONS, "f": FUNCTIONS["flatten"], "abs": FUNCTIONS["length"]})


def _evaluate_nested(text: str) -> None:
    tree = parse_expression(text.encode(), "f")
    references(tree)
    evaluate_expression(tree, SCOPE_OF_NESTED)


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_deep_nesting_is_a_mistake_and_no_crash(nested: Callable[[int], str]) -> None:
    (mistake,) = mistakes_of(lambda: _evaluate_nested(nested(5000)))
    assert mistake.summary == "Nesting too deep"


@pytest.mark.parametrize("levels", [20, 60, 100, 140, 199])
@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_any_nesting_ends_in_a_value_or_a_mistake_and_what_people_nest_in_a_value(
    nested: Callable[[int], str], levels: int
) -> None:
    too_deep = [mistake for mistake in mistakes_of(lambda: _evaluate_nested(nested(levels))) if "deep" in str(mistake)]
    assert levels > 20 or not too_deep


@pytest.mark.parametrize("levels", [100, 5000])
def test_blocks_nest_only_so_deep(levels: int) -> None:
    source = b"b {\n" * levels + b"}\n" * levels
    if levels == 100:
        assert parse(source, "f").blocks
        return
    with pytest.raises(HclError, match="Nesting too deep"):
        parse(source, "f")


def test_a_caller_deep_in_the_stack_gets_a_mistake_too() -> None:
    def call_from(depth: int) -> str:
        if depth:
            return call_from(depth - 1)
        with pytest.raises(HclError) as caught:
            evaluate_expression(parse_expression(b"(" * 190 + b"1" + b")" * 190, "f"), SCOPE)
        return caught.value.diagnostics[0].summary

    assert call_from(600) == "Nesting too deep"


@pytest.mark.parametrize("text", ["9" * 100_000, "1." + "3" * 100_000, "1e4096 * 1e4096", "9" * 4000 + "/ 7e-4000"])
def test_numbers_of_any_length_are_answered(text: str) -> None:
    def digits() -> None:
        assert len(number_text(evaluate_expression(parse_expression(text.encode(), "f"), SCOPE).decimal)) < 5000

    assert all("10 to the power of 4096" in mistake.detail for mistake in mistakes_of(digits))
