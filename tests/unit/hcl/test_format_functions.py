"""`format` and `formatlist`. What is expected of an odd verb is what Go's own library gave."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltokd.hcl import FUNCTIONS, Function, Value, number, string, to_python

if TYPE_CHECKING:
    from unit.hcl.conftest import Evaluated, FirstMistake

FLAGS = st.sampled_from(["", "+", "-", " ", "+-"])
WIDTHS = st.sampled_from(["", "1", "5", "12"])


def formatted(verb: str, value: Value) -> str:
    function = FUNCTIONS["format"]
    assert isinstance(function, Function)
    return str(to_python(function.call([string(verb), value])))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('format("%s=%d %% %[1]s", "a", 5)', "a=5 % a"),
        ('format("%5.1f|%-6.2e|%g", 3.14159, 1234.5, 1e21)', "  3.1|1.23e+03|1e+21"),
        ('format("%v %v %v", 1000000, 0.0001, 0.00001)', "1e+06 0.0001 1e-05"),
        ('format("%.3g %.0f %.1f", 123456, 2.5, 0.15)', "1.23e+05 2 0.2"),
        ('format("%g %G", 100000, 1e-7)', "100000 1E-07"),
        (
            'format("%05d|%-5d|%+d|% d|%x|%#X|%b|%o", 42, 42, 42, 42, 255, 255, 5, 8)',
            "00042|42   |+42| 42|ff|0XFF|101|10",
        ),
        ('format("%-021e", -495e17)', "-000000004.950000e+19"),
        ('format("%#v %v %v", "<a>", [1, "b"], {c = null})', '"\\u003ca\\u003e" [1,"b"] {"c":null}'),
        ('format("%q %.2s %5s|%-5s|%05s", "x", "abc", "é", "é", "ab")', '"x" ab     é|é    |000ab'),
        ('format("%.1s|%3s", "👩‍👩‍👧x", "👩‍👩‍👧")', "👩‍👩‍👧|  👩‍👩‍👧"),
        ('format("%t %t %d %s", "true", true, "7", 1.50)', "true true 7 1.5"),
        ('format("%v %#v", true ? null : "", true ? null : 1)', "null null"),
        ('format("%d", 1e40)', "1" + "0" * 40),
        ('formatlist("%s-%s", ["a", "b"], "x")', ["a-x", "b-x"]),
        ('formatlist("x")', ["x"]),
        ('formatlist("%s", [])', []),
    ],
)
def test_a_format_gives_what_go_gives(value: Evaluated, text: str, expected: object) -> None:
    assert to_python(value(text)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('format("%d", 1.5)', "an integer is required"),
        ('format("%d", "x")', "a number is required"),
        ('format("%t", [])', "bool required"),
        ('format("%s", true ? null : "")', "null value cannot be formatted"),
        ('format("%s")', "need index 1 but have 0 total"),
        ('format("%[3]s", "a")', "need index 3 but have 1 total"),
        ('format("x", "a")', "no verbs in format string"),
        ('format("%s", "a", "b")', "only 1 used by format string"),
        ('format("a%")', "unrecognized verb at offset 1"),
        ('format("é%!", 1)', "unrecognized verb at offset 2"),
        ('format("%[0]d", 1)', "unrecognized verb at offset 0"),
        ('format("%z", 1)', "unsupported format verb"),
        ('formatlist("%s%s", ["a"], ["a", "b"])', "argument 2 has length 2"),
        ('formatlist("%d", [1, "x"])', "error on format iteration 1"),
    ],
)
def test_a_format_that_does_not_fit_its_arguments_is_a_mistake(mistake: FirstMistake, text: str, said: str) -> None:
    assert said in mistake(text).detail


@pytest.mark.parametrize("width", ["1000000000", "9" * 5000, ".1000000000"])
def test_a_width_that_would_fill_the_memory_is_a_mistake(mistake: FirstMistake, width: str) -> None:
    assert mistake("format(f, 1)", f=f"%{width}d").summary == "Error in function call"


@given(FLAGS, WIDTHS, st.sampled_from(["", ".1", ".7", ".20"]), st.sampled_from("dxXo"), st.integers(-(10**25), 10**25))
def test_an_integer_is_written_as_by_printf(flags: str, width: str, precision: str, mode: str, whole: int) -> None:
    verb = f"%{flags}{width}{precision}{mode}"
    assert formatted(verb, number(whole)) == verb % whole


@given(
    FLAGS, WIDTHS, st.sampled_from(["", ".0", ".1", ".7", ".20"]), st.sampled_from("eEf"), st.integers(-(2**53), 2**53)
)
def test_a_number_that_is_a_float_is_written_as_by_printf(
    flags: str, width: str, precision: str, mode: str, eighths: int
) -> None:
    verb = f"%{flags}{width}{precision}{mode}"
    assert formatted(verb, number(Decimal(eighths) / 8)) == verb % (eighths / 8)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6))
def test_a_number_of_few_digits_is_rounded_as_a_decimal_that_is_no_tie(value: Decimal) -> None:
    no_tie = value + Decimal("1E-7")
    assert Decimal(formatted("%.5f", number(no_tie))) == round(no_tie, 5)


@given(st.text(max_size=30))
def test_a_text_comes_through_v_and_s_unchanged(text: str) -> None:
    value = string(text)
    assert formatted("%v", value) == formatted("%s", value) == value.text
