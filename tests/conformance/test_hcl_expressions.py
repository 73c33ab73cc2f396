"""Expressions, templates and bodies against what HashiCorp's own tests say of them.

The table stands beside the checkout and is read from there.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dsqltokd.hcl import (
    FUNCTIONS,
    Body,
    HclError,
    Scope,
    Span,
    Value,
    evaluate,
    evaluate_expression,
    parse,
    parse_expression,
    parse_template,
    references,
    string,
    to_python,
    type_from_json,
    value_from_json,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

TABLE = Path(__file__).parents[3] / "shared" / "conformance" / "hcl-expressions.jsonl"
ROWS = (
    [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in TABLE.read_text().splitlines()]
    if TABLE.exists()
    else []
)

pytestmark = pytest.mark.skipif(not TABLE.exists(), reason="the conformance tables are not beside this checkout")


def scope_of(row: dict[str, Any], named: Iterable[str] = ()) -> Scope:
    """Return the row's variables; a name that it leaves unknown stands for an empty string."""
    types = row["variable_types"]
    variables = {name: value_from_json(thing, type_from_json(types[name])) for name, thing in row["variables"].items()}
    return Scope(dict.fromkeys(named, string("")) | variables, {name: FUNCTIONS[name] for name in row["functions"]})


def value_of_row(row: dict[str, Any]) -> Value:
    read = parse_template if row["kind"] == "template" else parse_expression
    return evaluate_expression(read(row["expr"].encode(), ""), scope_of(row))


def place(span: Span) -> list[int]:
    return [span.start.line, span.start.column, span.start.byte, span.end.line, span.end.column, span.end.byte]


def as_table(thing: Any) -> Any:
    """Show a value as the table does: a list for every sequence, and numbers as precise as a double."""
    if isinstance(thing, Decimal | int) and not isinstance(thing, bool):
        return float(thing)
    if isinstance(thing, list):
        return [as_table(item) for item in thing]
    return {name: as_table(item) for name, item in thing.items()} if isinstance(thing, dict) else thing


def known(thing: Any) -> Any:
    """Leave out of what is expected the values that HashiCorp's evaluator leaves unknown: we have none such."""
    if not isinstance(thing, dict):
        return thing
    return {name: known(item) for name, item in thing.items() if not (isinstance(item, dict) and "$unknown" in item)}


def check_body(body: Body, scope: Scope, expected: dict[str, Any]) -> None:
    assert list(body.attributes) == expected["order"]
    for name, wanted in known(expected["attrs"]).items():
        found = evaluate_expression(body.attributes[name].expression, scope)
        assert found.type == type_from_json(expected["types"][name])
        values = as_table(to_python(found))
        assert ({key: values[key] for key in wanted} if isinstance(wanted, dict) else values) == as_table(wanted)
    assert [(block.type, list(block.labels)) for block in body.blocks] == [
        (block["type"], block["labels"]) for block in expected["blocks"]
    ]
    for block, wanted in zip(body.blocks, expected["blocks"], strict=True):
        check_body(block.body, scope, wanted["body"])


def kind(row: dict[str, Any]) -> str:
    return "body" if row["kind"] == "body" else "error" if row["error"] else "value"


def params(wanted: str) -> list[Any]:
    return [pytest.param(row, id=row["id"]) for row in ROWS if kind(row) == wanted]


@pytest.mark.parametrize("row", params("value"))
def test_an_expression_has_the_value_and_type_that_hashicorp_expects(row: dict[str, Any]) -> None:
    found = value_of_row(row)
    if "expected_type" in row:
        assert found.type == type_from_json(row["expected_type"])
    assert as_table(to_python(found)) == as_table(row["expected"])


@pytest.mark.parametrize("row", params("value"))
def test_the_entry_for_tools_gives_the_same_value_in_plain_python(row: dict[str, Any]) -> None:
    functions = {name: FUNCTIONS[name] for name in row["functions"]}
    template = row["kind"] == "template"
    found = evaluate(row["expr"], row["variables"], template=template, types=row["variable_types"], functions=functions)
    assert as_table(found) == as_table(row["expected"])


@pytest.mark.parametrize("row", params("error"))
def test_an_expression_fails_where_hashicorp_says_and_with_its_summary(row: dict[str, Any]) -> None:
    with pytest.raises(HclError) as caught:
        value_of_row(row)
    found, expected = caught.value.diagnostics[0], row["diags"][0]
    assert found.summary == expected["summary"]
    assert place(found.subject) == expected["subject"]


@pytest.mark.parametrize("row", params("body"))
def test_a_body_has_the_values_that_hashicorp_expects(row: dict[str, Any]) -> None:
    body = parse(row["expr"].encode(), "")
    named = {reference.root for each in body.attributes.values() for reference in references(each.expression)}
    check_body(body, scope_of(row, named), row["expected"])
