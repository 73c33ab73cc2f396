"""What expressions are worth."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from dsqltokd.hcl import (
    EvaluationError,
    Function,
    FunctionError,
    Parameter,
    Scope,
    Value,
    evaluate_expression,
    list_of,
    null,
    number,
    parse_expression,
    string,
    to_python,
)
from dsqltokd.hcl.types import NUMBER, STRING, list_type, set_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unit.hcl.conftest import Evaluated, FirstMistake


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1 + 0.2", Decimal("0.3")),
        ("1e3", Decimal(1000)),
        ("10 / 4", Decimal("2.5")),
        ("-7 % 3", Decimal(-1)),
        ('"1" == 1', False),
        ("1 == 1.0", True),
        ("null == null", True),
        ('true ? 1 : "x"', "1"),
        ("true ? null : 1", None),
        ("false ? nosuch : 1", Decimal(1)),
        ("true || nosuch", True),
        ("nosuch || true", True),
        ("false && nosuch", False),
        ('"${1}"', Decimal(1)),
        ('"a${1}b${true}"', "a1btrue"),
        ('"$${x} %%{y} $ %"', "${x} %{y} $ %"),
        ('"\\n\\t\\"\\\\\\u00e9\\U0001F600"', '\n\t"\\é😀'),
        ('"e\\u0301"', "é"),
        ("[1, 2][1]", Decimal(2)),
        ("[[1], [2]][*][0]", [Decimal(1), Decimal(2)]),
        ("[{a = 1}, {a = 2}].*.a", [Decimal(1), Decimal(2)]),
        ("null[*]", []),
        ("{a = 1}[*].a", [Decimal(1)]),
        ("[5, 6].1", Decimal(6)),
        ('{a: 1, "b" = 2, (upper("c")) = 3}', {"a": Decimal(1), "b": Decimal(2), "C": Decimal(3)}),
        ("{true = 1, null = 2}", {"true": Decimal(1), "null": Decimal(2)}),
        ("[for x in [1, 2, 3]: x * 2 if x > 1]", [Decimal(4), Decimal(6)]),
        ("{for k, v in {a = 1}: v => k}", {"1": "a"}),
        ('{for v in ["a", "b", "a"]: v => v...}', {"a": ["a", "a"], "b": ["b"]}),
        ("max([1, 3, 2]...)", Decimal(3)),
        ('"%{ if true }a%{ else }b%{ endif }"', "a"),
        ('"%{ for i, x in ["a", "b"] }${i}${x};%{ endfor }"', "0a;1b;"),
        ('"a ${~ "b" ~} c"', "abc"),
        ("<<E\na\\n${1}\nE\n", "a\\n1\n"),
        ("<<-E\n    a\n\n      b\n    E\n", "a\n\n  b\n"),
        ("(true\n? 1\n: 2)", Decimal(1)),
        ('true ? 1 : [nosuch, "a"][1]', "1"),
        ('true ? 1 : {a = nosuch, b = "a"}.b', "1"),
        ('true ? 1 : [1, "a"][nosuch]', Decimal(1)),
        ('true ? 1 : [for x in [nosuch]: "a"][0]', "1"),
        ('true ? {a = 1} : {for k, v in {a = nosuch}: k => "a"}', {"a": "1"}),
        ('true || "true${[]}"', True),
        ("merge(null, [])", {}),
        ('merge(null, setunion(["a"]))', {"a": "a"}),
    ],
)
def test_an_expression_has_the_value_hcl_gives_it(value: Evaluated, text: str, expected: object) -> None:
    assert to_python(value(text)) == expected


def test_windows_newlines_survive_in_a_heredoc(value: Evaluated) -> None:
    assert to_python(value("<<E\r\na\r\nE\r\n")) == "a\r\n"


def test_indentation_is_kept_where_a_marker_took_the_newline_away(value: Evaluated) -> None:
    text = "<<-E\n  a\n  %{ for x in [1, 2] ~}\n  b\n  %{ endfor ~}\n  E\n"
    assert to_python(value(text)) == "a\n  b\n  b\n"


def test_a_long_chain_of_operators_is_no_deep_nesting(value: Evaluated) -> None:
    assert to_python(value("1" + " + 1" * 5000)) == Decimal(5001)


@pytest.mark.parametrize(
    ("text", "summary", "detail"),
    [
        ("valeu", "Unknown variable", 'There is no variable named "valeu". Did you mean "value"?'),
        ("uper(1)", "Call to unknown function", 'There is no function named "uper". Did you mean "upper"?'),
        (
            "{name = 1}.nam",
            "Unsupported attribute",
            'This object does not have an attribute named "nam". Did you mean "name"?',
        ),
        ("value.x", "Unsupported attribute", "Can't access attributes on a primitive-typed value (string)."),
        ("null.x", "Attempt to get attribute from null value", None),
        ("[1][-1]", "Invalid index", None),
        ("[1][1]", "Invalid index", None),
        ('"a" + 1', "Invalid operand", "Unsuitable value for left operand: a number is required."),
        ("1 / 0", "Operation failed", "Error during operation: division by zero."),
        ("1 + null", "Operation failed", "Error during operation: argument must not be null."),
        ('"x${null}"', "Invalid template interpolation value", None),
        ('"x${[]}"', "Invalid template interpolation value", None),
        ("null ? 1 : 2", "Null condition", None),
        ('"x" ? 1 : 2', "Incorrect condition type", None),
        ("true ? 1 : []", "Inconsistent conditional result types", None),
        ("{value.x = 1}", "Ambiguous attribute key", None),
        ("{(null) = 1}", "Null value as key", None),
        ("[for x in 1: x]", "Iteration over non-iterable value", None),
        ("[for x in null: x]", "Iteration over null value", None),
        ("[for x in []: x if nosuch]", "Unknown variable", None),
        ("{for x in [1, 1]: x => x}", "Duplicate object key", None),
        ("upper()", "Not enough function arguments", None),
        ('upper("a", "b")', "Too many function arguments", None),
        ("upper([])", "Invalid function argument", None),
        ("upper(null)", "Invalid function argument", 'Invalid value for "str" parameter: argument must not be null.'),
        ("max(1...)", "Invalid expanding argument value", None),
        ('true || "x${[]}"', "Invalid operand", "Unsuitable value for right operand: a bool is required."),
        ('true || "%{ for x in [nosuch] }a%{ endfor }"', "Invalid operand", None),
    ],
)
def test_an_expression_without_a_value_says_why(
    mistake: FirstMistake, text: str, summary: str, detail: str | None
) -> None:
    found = mistake(text, value="v")
    assert found.summary == summary
    assert detail in (None, found.detail)


def test_all_parts_that_fail_are_told_in_order() -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate_expression(parse_expression(b'[a, "${b}", {c = d}]', "f"), Scope())
    assert [each.subject.start.column for each in caught.value.diagnostics] == [2, 8, 18]


@pytest.mark.parametrize(
    ("text", "summaries"),
    [
        ("[a][[]]", ["Unknown variable", "Invalid index"]),
        ('"x${a}".b', ["Unknown variable", "Unsupported attribute"]),
        ('"x${[a]}"', ["Unknown variable", "Invalid template interpolation value"]),
        ("[a] ? 1 : 2", ["Unknown variable", "Incorrect condition type"]),
        ("[for x in -a: x]", ["Unknown variable", "Iteration over non-iterable value"]),
        ("[for x in [a]: x if [b]]", ["Unknown variable", "Unknown variable", "Invalid 'for' condition"]),
        ("{(null) = a}", ["Unknown variable", "Null value as key"]),
    ],
)
def test_what_no_value_of_the_type_could_do_is_told_of_one_that_failed(text: str, summaries: list[str]) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate_expression(parse_expression(text.encode(), "f"), Scope())
    assert [each.summary for each in caught.value.diagnostics] == summaries


def test_an_empty_lists_splat_knows_its_type() -> None:
    rows = Scope({"rows": list_of(list_type(STRING), [])})
    assert evaluate_expression(parse_expression(b"rows[*][0]", "f"), rows).type == list_type(STRING)


def test_a_scope_hides_its_parents_names() -> None:
    scope = Scope({"a": number(1)}, parent=Scope({"a": number(2), "b": number(3)}))
    assert to_python(evaluate_expression(parse_expression(b"[a, b]", "f"), scope)) == [1, 3]


def _greeting(values: Sequence[Value]) -> Value:
    if values[1].text == "nobody":
        raise FunctionError("nobody is there", 1)
    return string(f"{values[0].text} {values[1].text}")


GREET = Function("greet", (Parameter("word", STRING), Parameter("name", STRING)), None, _greeting)


def _call(text: str) -> Any:
    return to_python(evaluate_expression(parse_expression(text.encode(), "f"), Scope({}, {"greet": GREET})))


def test_a_function_gets_its_arguments_converted() -> None:
    assert _call('greet(1, "b")') == "1 b"


def test_a_functions_complaint_points_at_its_argument() -> None:
    with pytest.raises(EvaluationError) as caught:
        _call('greet("a", "nobody")')
    (problem,) = caught.value.diagnostics
    assert problem.detail == 'Invalid value for "name" parameter: nobody is there.'
    assert problem.subject.start.column == 13


def test_without_functions_calls_are_not_allowed() -> None:
    with pytest.raises(EvaluationError, match="Function calls not allowed"):
        evaluate_expression(parse_expression(b"f(1)", "f"), Scope())


def test_try_gives_the_first_value_and_can_says_whether_there_is_one(value: Evaluated) -> None:
    assert to_python(value("try(nosuch, value.x, value)", value="v")) == "v"
    assert to_python(value("[can(nosuch), can(1)]")) == [False, True]


def test_a_null_keeps_its_type_through_a_conditional() -> None:
    scope = Scope({"none": null(set_type(NUMBER))})
    assert evaluate_expression(parse_expression(b"true ? none : null", "f"), scope).type == set_type(NUMBER)
