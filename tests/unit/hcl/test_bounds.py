"""What multiplies ends in a mistake with a place, long before time or memory do."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from dsqltokd.hcl import (
    FUNCTIONS,
    Diagnostic,
    HclError,
    LimitError,
    Scope,
    Value,
    evaluate,
    evaluate_expression,
    object_of,
    parse,
    string,
    tuple_of,
)
from dsqltokd.hcl.lexer import tokenize

if TYPE_CHECKING:
    from unit.hcl.conftest import Evaluated, FirstMistake

MANY = "range(1024)"


@pytest.mark.parametrize(
    "text",
    [
        f"[for a in {MANY} : [for b in {MANY} : [for c in {MANY} : [for d in {MANY} : a]]]]",
        f"length([for a in {MANY} : [for b in {MANY} : a if false]])",
        f"{{for a in {MANY} : a => {{for b in {MANY} : b => a}}}}",
        f'"%{{ for a in {MANY} }}%{{ for b in {MANY} }}x%{{ endfor }}%{{ endfor }}"',
        f"[for a in {MANY} : {MANY}[*]]",
        f"try([for a in {MANY} : [for b in {MANY} : a]], 1)",
    ],
)
def test_loops_within_loops_go_round_only_so_often(text: str, mistake: FirstMistake) -> None:
    found = mistake(text)
    assert found.summary == "Evaluation too large"
    assert text[found.subject.start.byte :].startswith(("[for", "{for", "%{ for", MANY)), found


def test_each_evaluation_may_loop_as_often(value: Evaluated) -> None:
    for _ in range(2):
        assert value("length([for a in range(30) : range(1000)[*]])") == value("30")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("start", "step"),
    [
        ('"xxxxxxxxxx"', '"${a}${a}"'),
        ('"xxxxxxxxxx"', 'join("", [a, a])'),
        ('"xxxxxxxxxx"', 'format("%s%s", a, a)'),
        ('"xxxxxxxxxx"', 'replace(a, "x", "xx")'),
        ('"xxxxxxxxxx"', 'replace(a, "", a)'),
        ('"\\n\\n"', '"${indent(1000, a)}${a}"'),
        ('"xxxxxxxxxx"', '"%{ for b in [a, a] }${b}%{ endfor }"'),
        ("[1]", "[a, a]"),
        ("[1]", "concat(a, a)"),
        ("{a = 1}", "{a = a, b = a}"),
        ("{a = 1}", '{for k in ["b", "c"] : k => a}'),
        ("[1]", "[for b in range(10) : a]"),
        ("1e100", "a * a"),
        ("1e-100", "a * a"),
    ],
)
def test_what_doubles_itself_again_and_again_soon_is_too_large(start: str, step: str) -> None:
    found = _repeated(start, step, 64)
    assert found.summary in ("Value too large", "Error in function call", "Operation failed")
    assert any(why in found.detail for why in ("alues may not have more", "exts may not be longer", "to the power of"))


def _repeated(start: str, step: str, times: int) -> Diagnostic:
    """Return the mistake of evaluating `step` again and again, `a` being what it came to before."""
    scope = Scope({}, FUNCTIONS)
    expression = parse(f"start = {start}\nstep = {step}\n".encode(), "f").attributes
    found: Value = evaluate_expression(expression["start"].expression, scope)
    for _ in range(times):
        try:
            found = evaluate_expression(expression["step"].expression, Scope({"a": found}, {}, scope))
        except HclError as error:
            return error.diagnostics[0]
    return pytest.fail(f"{step} can be repeated {times} times")


@pytest.mark.parametrize("make", [lambda each: tuple_of([each, each]), lambda each: object_of({"a": each, "b": each})])
def test_a_value_of_too_many_elements_cannot_be_made(make: Any) -> None:
    def grow() -> None:
        value = string("x")
        for _ in range(64):
            value = make(value)

    with pytest.raises(LimitError, match="more than 500000 elements"):
        grow()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("marks", ["\u0301\u0316", "\u0f73", "\u0345\u0301\u0334"])
def test_marks_in_disorder_are_put_in_order_without_delay(marks: str) -> None:
    assert string("a" + marks * 100_000).text[0] in "aá"


@pytest.mark.parametrize(
    "piece", ["é", "e\u0301\u0316", "\u0f73\u0f71", "각", "\u1112\u1161\u11ab", "ﬁ", "\u0958", "x"]
)
@pytest.mark.parametrize("length", [255, 256, 257, 1000])
def test_a_long_text_is_normalised_as_a_short_one_is(piece: str, length: int) -> None:
    text = (piece * length)[:length] + "\u0316\u0301"
    assert string(text).text == unicodedata.normalize("NFC", text)


def test_a_range_of_tiny_steps_is_refused_without_counting(mistake: FirstMistake) -> None:
    assert "more than 1024 values" in mistake("range(0, 1, 1e-4000)").detail
    assert "more than 1024 values" in mistake("range(0, -1e4000, -1e-4000)").detail


@pytest.mark.parametrize("count", [1024, 1025])
def test_a_range_has_at_most_1024_values(count: int) -> None:
    if count == 1024:
        assert len(evaluate(f"range({count})")) == count
        return
    with pytest.raises(HclError, match="more than 1024 values"):
        evaluate(f"range({count})")


def test_line_ends_by_the_thousand_are_chomped_without_delay(value: Evaluated) -> None:
    assert value("chomp(lines)", lines="\r\n" * 200_000 + "a").text.endswith("a")
    assert value("chomp(lines)", lines="a\n\r\r\n").text == "a"


def test_positions_are_the_same_in_whatever_order_they_are_asked_for() -> None:
    words = '"é", "e\u0301\u0316", 1, "👨\u200d👩", "\u1100\u1161", b'
    text = f"\ufeffa = [{words}]\n\nc = [{words}, <<E\né\n\u0301é ${{d}}\nE\n]\n".encode()
    forward = [str(token) for token in tokenize(text, "f")]
    backward = [str(token) for token in reversed(tokenize(text, "f"))]
    assert backward == forward[::-1]
    assert (forward[0], forward[-1]) == ("f:1,1-2", "f:8,1-1")
    assert tokenize(text, "f")[-1].start.byte == len(text)
