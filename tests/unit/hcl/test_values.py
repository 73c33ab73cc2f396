"""Values, types, numbers and conversion."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce

import pytest

from dsqltokd.hcl import (
    BOOL,
    DYNAMIC,
    NUMBER,
    STRING,
    ConversionError,
    NestingError,
    Type,
    Value,
    boolean,
    convert,
    from_python,
    list_of,
    list_type,
    map_of,
    map_type,
    null,
    number,
    object_of,
    object_type,
    set_of,
    set_type,
    string,
    to_python,
    tuple_of,
    tuple_type,
    unify,
)
from dsqltokd.hcl.arithmetic import divide, multiply
from dsqltokd.hcl.decimals import NumberError, number_text
from dsqltokd.hcl.numbers import parse_number


def test_equal_content_of_equal_type_is_equal() -> None:
    assert number(1) == number(Decimal("1.00"))
    assert object_of({"b": null(), "a": number(1)}) == object_of({"a": number(1), "b": null()})
    assert list_of(NUMBER, [number(1)]) != tuple_of([number(1)])
    assert len({string("a"), string("a"), number(1)}) == 2


def test_strings_are_normalised() -> None:
    assert string("e\u0301") == string("é")


def test_a_set_holds_each_value_once_in_order() -> None:
    assert to_python(set_of(STRING, map(string, ["b", "a", "b"]))) == ["a", "b"]
    assert to_python(set_of(NUMBER, map(number, [10, 9, 10]))) == [9, 10]
    assert to_python(set_of(BOOL, [boolean(True), null(BOOL), boolean(False)])) == [False, True, None]


def test_python_objects_go_in_and_come_out() -> None:
    thing = {"a": [1, Decimal("2.5"), None, True], "b": {"c": "x"}}
    assert to_python(from_python(thing)) == thing
    assert from_python([1]) == from_python((1,))


def test_a_python_float_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        from_python(1.5)


def test_types_have_friendly_names() -> None:
    assert str(list_type(map_type(STRING))) == "list of map of string"
    assert str(object_type({"a": NUMBER})) == "object"
    assert set_type(DYNAMIC).wanted == "set of any single type"


def test_types_are_bounded_in_depth() -> None:
    with pytest.raises(NestingError, match="deeper"):
        reduce(lambda inner, _: list_type(inner), range(1000), STRING)


def test_division_gives_the_digits_of_512_bits() -> None:
    assert number_text(divide(Decimal(1), Decimal(3))) == "0." + "3" * 154 + "5"
    assert number_text(multiply(Decimal("0.1"), Decimal(3))) == "0.3"


def test_numbers_end_somewhere() -> None:
    large = parse_number("1e4000")
    assert large is not None
    with pytest.raises(NumberError, match="not supported"):
        multiply(large, large)
    with pytest.raises(NumberError, match="not supported"):
        parse_number("1e-123456789123456789")


@pytest.mark.parametrize(
    ("text", "expected"), [("05432", "5432"), (".5", "0.5"), ("5.", "5"), ("1p3", "8"), ("+1", "1")]
)
def test_numbers_are_read_as_go_reads_them(text: str, expected: str) -> None:
    assert convert(string(text), NUMBER) == number(Decimal(expected))


@pytest.mark.parametrize("text", ["", " 1", "1_0", "0x10", "Inf", "NaN", "1e", "\u0661"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ConversionError, match=r"^a number is required$"):
        convert(string(text), NUMBER)


LIST = list_of(STRING, [string("1"), string("2")])


@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        (number(Decimal("1.50")), STRING, string("1.5")),
        (boolean(True), STRING, string("true")),
        (string("1"), BOOL, boolean(True)),
        (from_python(["1", 2]), list_type(STRING), LIST),
        (from_python(["1", 2]), list_type(DYNAMIC), LIST),
        (from_python([]), list_type(STRING), list_of(STRING, [])),
        (LIST, set_type(NUMBER), set_of(NUMBER, [number(1), number(2)])),
        (LIST, DYNAMIC, LIST),
        (from_python({"a": 1, "b": True}), map_type(STRING), map_of(STRING, {"a": string("1"), "b": string("true")})),
        (from_python({"a": 1, "b": 2}), object_type({"a": STRING}), object_of({"a": string("1")})),
        (map_of(STRING, {"a": string("1")}), object_type({"a": NUMBER}), object_of({"a": number(1)})),
        (null(), STRING, null(STRING)),
        (from_python([None, "a"]), list_type(DYNAMIC), list_of(STRING, [null(STRING), string("a")])),
        (from_python([[1], ["a"]]), list_type(list_type(DYNAMIC)), None),
    ],
)
def test_values_convert_as_in_cty(given: Value, wanted: Type, expected: Value | None) -> None:
    converted = convert(given, wanted)
    assert converted == (
        expected or list_of(list_type(STRING), [list_of(STRING, [string("1")]), list_of(STRING, [string("a")])])
    )


@pytest.mark.parametrize(
    ("given", "wanted", "message"),
    [
        (string("yes"), BOOL, "a bool is required"),
        (string("True"), BOOL, 'a bool is required; to convert from string, use lowercase "true"'),
        (number(1), BOOL, "bool required, but have number"),
        (from_python([1]), STRING, "string required, but have tuple"),
        (string("a"), list_type(STRING), "list of string required, but have string"),
        (from_python({"a": 1}), object_type({"a": NUMBER, "b": NUMBER}), 'attribute "b" is required'),
        (from_python([1, []]), list_type(NUMBER), "element 1: number required, but have tuple"),
        (from_python([1, []]), list_type(DYNAMIC), "all list elements must have the same type"),
    ],
)
def test_what_does_not_convert_says_why(given: Value, wanted: Type, message: str) -> None:
    with pytest.raises(ConversionError) as caught:
        convert(given, wanted)
    assert caught.value.message == message


def test_a_failed_conversion_tells_where_in_the_value() -> None:
    with pytest.raises(ConversionError) as caught:
        convert(from_python({"a": ["1", "x"]}), map_type(list_type(NUMBER)))
    assert caught.value.path == ("a", 1)


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ([NUMBER, STRING], STRING),
        ([NUMBER, BOOL], None),
        ([tuple_type([NUMBER]), tuple_type([NUMBER, STRING])], list_type(STRING)),
        ([object_type({"a": NUMBER}), object_type({"a": STRING})], object_type({"a": STRING})),
        ([object_type({"a": NUMBER}), object_type({"b": STRING})], map_type(STRING)),
        ([list_type(NUMBER), tuple_type([STRING])], list_type(STRING)),
        ([object_type({}), tuple_type([])], None),
        ([DYNAMIC, STRING], STRING),
        ([], None),
    ],
)
def test_types_unify_as_in_cty(types: list[Type], expected: Type | None) -> None:
    assert unify(types) == expected
