"""Functions of numbers and sets. What is expected of `log` and `pow` is what Go's `math` gave."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltokd.hcl import FUNCTIONS, Function, number, string, to_python

if TYPE_CHECKING:
    from unit.hcl.conftest import Evaluated, FirstMistake

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[pow(3, 2), pow(-2, 3), pow(0, 0), pow(10, 22)]", ["9", "-8", "1", "1" + "0" * 22]),
        ("[pow(2, 0.5), pow(2, -0.5), pow(4, 1.5)]", ["1.4142135623730951", "0.7071067811865475", "8"]),
        ("[pow(1.1, 100), pow(7, -3)]", ["13780.612339822364", "0.0029154518950437317"]),
        ("[log(100, 10), log(8, 2), log(1, 7), log(10, 3)]", ["2", "3", "0", "2.095903274289385"]),
        ("[signum(-5), signum(0), signum(7)]", ["-1", "0", "1"]),
        ('[parseint("ff", 16), parseint("-FF", 16)]', ["255", "-255"]),
        ('[parseint("+12", 3), parseint("Zz", 62)]', ["5", "3817"]),
        ("range(3)", ["0", "1", "2"]),
        ("range(-2)", ["0", "-1"]),
        ("range(1, 2, 0.25)", ["1", "1.25", "1.5", "1.75"]),
        ("range(5, 2)", ["5", "4", "3"]),
        ("range(5, 1, -2)", ["5", "3"]),
        ("range(0)", []),
    ],
)  # fmt: skip
def test_a_number_is_what_go_computes(value: Evaluated, text: str, expected: list[str]) -> None:
    assert to_python(value(text)) == list(map(Decimal, expected))


@pytest.mark.parametrize(
    "text",
    [
        "log(0, 2)", "log(-1, 2)", "log(2, 1)", "pow(-8, 0.3)", "pow(10, 400)", "pow(0, -1)", "pow(1e400, 1)",
        "signum(0.5)", "parseint(10, 10)", 'parseint("10", 1)', 'parseint("10", 63)', 'parseint("10", 2.5)',
        'parseint("", 10)', 'parseint("1_0", 10)', 'parseint(" 1", 10)', 'parseint("12", 2)', 'parseint("٣", 10)',
        "range()", "range(1, 2, 3, 4)", "range(1, 5, 0)", "range(1, 5, -1)", "range(5, 1, 1)", "range(1e9)",
    ],
)  # fmt: skip
def test_what_has_no_number_for_an_answer_is_a_mistake(mistake: FirstMistake, text: str) -> None:
    assert mistake(text).summary in ("Error in function call", "Invalid function argument")


def test_a_number_of_a_million_digits_is_refused_at_once(mistake: FirstMistake) -> None:
    assert "not supported" in mistake("parseint(t, 62)", t="Z" * 1_000_000).detail


@given(st.integers(-(10**150), 10**150), st.integers(2, 62))
def test_parseint_reads_what_was_written_in_any_base(whole: int, base: int) -> None:
    digits, left = "", abs(whole)
    while left:
        left, digit = divmod(left, base)
        digits = DIGITS[digit] + digits
    parseint = FUNCTIONS["parseint"]
    assert isinstance(parseint, Function)
    text = ("-" if whole < 0 else "") + (digits or "0")
    assert to_python(parseint.call([string(text), number(base)])) == whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('setunion(["a", "b"], ["b", "c"], [])', ["a", "b", "c"]),
        ('setunion(["1"], [1, 2])', ["1", "2"]),
        ("setintersection([1, 2, 3], [2, 3, 4], [3])", [3]),
        ("setsubtract([1, 2, 3], [2])", [1, 3]),
        ("setunion([], [])", []),
        ('setproduct(["a", "b"], [1, 2])', [["a", 1], ["a", 2], ["b", 1], ["b", 2]]),
        ('setproduct(toset(["b", "a"]), [1])', [["a", 1], ["b", 1]]),
        ('setproduct(["a"], [1, "x"], [])', []),
        ("chunklist([1, 2, 3], 2)", [[1, 2], [3]]),
        ("chunklist([1, 2, 3], 0)", [[1, 2, 3]]),
        ("chunklist([], 2)", []),
        ('coalescelist(true ? null : [""], [], ["a"], ["b"])', ["a"]),
        ('zipmap(["a", "b"], [1, "x"])', {"a": 1, "b": "x"}),
        ('zipmap(["a", "a"], tolist([1, 2]))', {"a": 2}),
        ('sort(["b", "é", "a", "B"])', ["B", "a", "b", "é"]),
        ('[alltrue([true, "true"]), alltrue(tolist([true])), empty([]), empty([null])]', [False, True, True, False]),
        ('[print("x"), sql("now()")]', ["x", {"sql": "now()"}]),
    ],
)
def test_a_collection_is_what_cty_makes_of_it(value: Evaluated, text: str, expected: object) -> None:
    assert to_python(value(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "setunion()", "setunion([1], [[]])", "setsubtract([1])", "setproduct([1])", "setproduct([1], 2)",
        "setproduct([1, []], [1])", "setproduct(range(1000), range(1000))", "chunklist([1], -1)", "chunklist([1], 0.5)",
        "coalescelist()", "coalescelist([])", 'coalescelist("a")', 'zipmap(["a"], [])', 'zipmap(["a"], {})',
        "zipmap([null], [1])", "sort([null])", "alltrue({})", "alltrue(1)", "alltrue([true ? null : true])",
        "empty({})", 'empty("")', "print(null)", 'sql("")',
    ],
)  # fmt: skip
def test_a_collection_that_does_not_fit_is_a_mistake(mistake: FirstMistake, text: str) -> None:
    assert mistake(text).summary in (
        "Error in function call",
        "Invalid function argument",
        "Not enough function arguments",
    )
