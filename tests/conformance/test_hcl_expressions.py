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
    BOOL,
    DYNAMIC,
    FUNCTIONS,
    NUMBER,
    STRING,
    Body,
    HclError,
    Kind,
    Scope,
    Span,
    Type,
    Value,
    evaluate,
    from_python,
    list_of,
    list_type,
    map_of,
    map_type,
    null,
    object_of,
    object_type,
    parse,
    parse_expression,
    parse_template,
    references,
    set_of,
    set_type,
    string,
    to_python,
    tuple_of,
    tuple_type,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TABLE = Path(__file__).parents[3] / "shared" / "conformance" / "hcl-expressions.jsonl"
ROWS = (
    [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in TABLE.read_text().splitlines()]
    if TABLE.exists()
    else []
)

pytestmark = pytest.mark.skipif(not TABLE.exists(), reason="the conformance tables are not beside this checkout")

PRIMITIVE = {"string": STRING, "number": NUMBER, "bool": BOOL, "dynamic": DYNAMIC}
COLLECTION = {"list": list_type, "set": set_type, "map": map_type}


def type_of(description: Any) -> Type:
    """Read a cty type as its JSON has it."""
    if isinstance(description, str):
        return PRIMITIVE[description]
    kind, inner = description[:2]
    if kind in COLLECTION:
        return COLLECTION[kind](type_of(inner))
    if kind == "tuple":
        return tuple_type([type_of(each) for each in inner])
    return object_type({name: type_of(each) for name, each in inner.items()})


def value_of(thing: Any, wanted: Type) -> Value:
    """Make a value of a type of what cty's JSON gives for it."""
    if wanted == DYNAMIC:
        return null() if thing is None else value_of(thing["value"], type_of(thing["type"]))
    if thing is None:
        return null(wanted)
    return MAKERS[wanted.kind](thing, wanted) if wanted.kind in MAKERS else from_python(thing)


MAKERS: dict[Kind, Callable[[Any, Type], Value]] = {
    Kind.TUPLE: lambda thing, of: tuple_of(
        [value_of(item, each) for item, each in zip(thing, of.elements, strict=True)]
    ),
    Kind.OBJECT: lambda thing, of: object_of({name: value_of(thing[name], each) for name, each in of.attribute_items}),
    Kind.MAP: lambda thing, of: map_of(
        of.element_type, {n: value_of(each, of.element_type) for n, each in thing.items()}
    ),
    Kind.LIST: lambda thing, of: list_of(of.element_type, [value_of(item, of.element_type) for item in thing]),
    Kind.SET: lambda thing, of: set_of(of.element_type, [value_of(item, of.element_type) for item in thing]),
}


def scope_of(row: dict[str, Any], named: Iterable[str] = ()) -> Scope:
    """Return the row's variables; a name that it leaves unknown stands for an empty string."""
    types = row["variable_types"]
    variables = {name: value_of(thing, type_of(types[name])) for name, thing in row["variables"].items()}
    return Scope(dict.fromkeys(named, string("")) | variables, {name: FUNCTIONS[name] for name in row["functions"]})


def value_of_row(row: dict[str, Any]) -> Value:
    read = parse_template if row["kind"] == "template" else parse_expression
    return evaluate(read(row["expr"].encode(), ""), scope_of(row))


def place(span: Span) -> list[int]:
    return [span.start.line, span.start.column, span.start.byte, span.end.line, span.end.column, span.end.byte]


def as_table(thing: Any) -> Any:
    """Show a value as the table does: a list for every sequence, and numbers as precise as a double."""
    if isinstance(thing, Decimal):
        return float(thing)
    if isinstance(thing, list | tuple):
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
        found = evaluate(body.attributes[name].expression, scope)
        assert found.type == type_of(expected["types"][name])
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
    if "expected_type" not in row:
        assert as_table(to_python(found)) == as_table(row["expected"])
        return
    assert found.type == type_of(row["expected_type"])
    assert as_table(to_python(found)) == as_table(row["expected"])


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
