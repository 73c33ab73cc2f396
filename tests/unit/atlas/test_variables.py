"""`variable` blocks and `--var`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dsqltok.errors import UsageError
from dsqltokd.atlas import parse_inputs
from dsqltokd.hcl import to_python

if TYPE_CHECKING:
    from unit.atlas.conftest import Evaluate


def variable(evaluate: Evaluate, body: str, *inputs: str) -> Any:
    return to_python(evaluate(f'variable "v" {{\n{body}\n}}', "", inputs).project.variables["v"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a=1"], {"a": "1"}),
        (["a=1,b=2"], {"a": "1", "b": "2"}),
        (["a=1=2"], {"a": "1=2"}),
        (["a="], {"a": ""}),
        (["a=1", "a=2,a=3"], {"a": ["1", "2", "3"]}),
        (['"a=1,2",b=3'], {"a": "1,2", "b": "3"}),
        (['"a=say ""hi"""'], {"a": 'say "hi"'}),
        ([], {}),
    ],
)
def test_a_var_is_a_csv_record_and_repeats_make_a_list(given: list[str], expected: dict[str, object]) -> None:
    assert {name: to_python(value) for name, value in parse_inputs(given).items()} == expected


@pytest.mark.parametrize("bad", ["s3cret", "a=1,s3cret", '"a=s3cret', "a=s3cret\nb=1", ""])
def test_a_var_that_is_none_is_refused_without_being_quoted(bad: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_inputs([bad])
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("string", "05432", "05432"),
        ("number", "05432", 5432),
        ("int", "7", 7),
        ("bool", "true", True),
        ("bool", "0", False),
        ("list(string)", "x", ["x"]),
        ("(string)", "x", "x"),
    ],
)
def test_a_value_is_converted_to_the_variables_type(
    evaluate: Evaluate, kind: str, given: str, expected: object
) -> None:
    assert variable(evaluate, f"type = {kind}", f"v={given}") == expected


@pytest.mark.parametrize(
    ("kind", "default", "expected"),
    [
        ("list(number)", '["1", 2]', [1, 2]),
        ("set(string)", '["b", "a", "b"]', ["a", "b"]),
        ("map(string)", "{ a = 1 }", {"a": "1"}),
        ("tuple([string, number])", '[1, "2"]', ["1", 2]),
        ("object({ name = string, port = number })", '{ name = "x", port = "1" }', {"name": "x", "port": 1}),
        ('list(object({ "a" : list(bool) }))', '[{ a = ["true"] }]', [{"a": [True]}]),
        ("string", "null", None),
        ("string", 'urlescape("x y${atlas.env}")', "x+y"),
    ],
)
def test_a_default_is_converted_too(evaluate: Evaluate, kind: str, default: str, expected: object) -> None:
    assert variable(evaluate, f"type = {kind}\ndefault = {default}") == expected


def test_a_repeated_var_fills_a_list(evaluate: Evaluate) -> None:
    assert variable(evaluate, "type = list(string)", "v=a", "v=b") == ["a", "b"]


def test_a_given_value_comes_before_the_default_and_a_default_is_evaluated_all_the_same(evaluate: Evaluate) -> None:
    assert variable(evaluate, 'type = string\ndefault = "x"', "v=y") == "y"
    assert "Unknown variable" in evaluate.error('variable "v" {\n  type = string\n  default = nope\n}', "", ["v=y"])


def test_a_required_variable_must_be_given_even_if_nothing_uses_it(evaluate: Evaluate) -> None:
    said = evaluate.error('\nvariable "v" {\n  type = string\n}')
    assert said.startswith('2:1: missing value for required variable "v"')


def test_a_value_for_an_undeclared_variable_is_ignored(evaluate: Evaluate) -> None:
    assert evaluate("", "", ["v=1"]).project.variables == {}


def test_the_last_of_two_variables_of_one_name_wins(evaluate: Evaluate) -> None:
    text = 'variable "v" {\n  type = string\n  default = "%s"\n}\n'
    assert to_python(evaluate(text % "a" + text % "b").project.variables["v"]) == "b"


def test_a_given_value_that_does_not_convert_is_the_callers_mistake_and_not_quoted(evaluate: Evaluate) -> None:
    with pytest.raises(UsageError) as caught:
        evaluate('variable "v" {\n  type = number\n}', "", ["v=s3cret"])
    assert caught.value.message == 'variable "v": a number is required'
    assert caught.value.hint == "give it a number with --var v=…"


def test_a_default_that_does_not_convert_is_pointed_at(evaluate: Evaluate) -> None:
    said = evaluate.error('variable "v" {\n  type = number\n  default = "ten"\n}')
    assert said.startswith('3:13: variable "v": a number is required')


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ('"string"', 'invalid type "string" for variable "v"'),
        ("text", 'invalid type for variable "v"'),
        ("list", 'invalid type for variable "v"'),
        ("list(text)", 'invalid type for variable "v"'),
        ("list(string, string)", 'invalid type for variable "v"'),
        ("tuple(string)", 'invalid type for variable "v"'),
        ("object({ a = text })", 'invalid type for variable "v"'),
        ("string.x", 'invalid type for variable "v"'),
    ],
)
def test_a_type_that_is_none_is_refused_where_it_stands(evaluate: Evaluate, kind: str, said: str) -> None:
    assert evaluate.error(f'variable "v" {{\n  type = {kind}\n}}').startswith(f"2:10: {said}")


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ('variable "v" {\n  default = "x"\n}', "1:1: Missing required argument"),
        ('variable "v" {\n  type = string\n  defualt = "x"\n}', "3:3: Unsupported argument"),
        ('variable "v" {\n  type = string\n  validation {}\n}', "3:3: Unsupported block type"),
        ("variable {\n  type = string\n}", "1:1: Invalid variable block"),
        ('variable "a" "b" {\n  type = string\n}', "1:1: Invalid variable block"),
    ],
)
def test_a_variable_block_that_atlas_would_refuse_is_refused(evaluate: Evaluate, block: str, said: str) -> None:
    assert evaluate.error(block).startswith(said)


@pytest.mark.parametrize("reference", ["local.a", "var.a", "data.x.y"])
def test_a_default_sees_no_local_variable_or_data(evaluate: Evaluate, reference: str) -> None:
    text = f'variable "v" {{\n  type = string\n  default = {reference}\n}}\nlocals {{ a = "x" }}'
    assert evaluate.error(text).startswith("3:13: ")
