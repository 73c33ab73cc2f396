"""`variable` blocks and the values given for them."""

from __future__ import annotations

import csv
from contextlib import suppress
from typing import TYPE_CHECKING

from dsqltok.errors import UsageError
from dsqltokd.hcl import (
    BOOL,
    NUMBER,
    STRING,
    ConversionError,
    Kind,
    Type,
    Value,
    convert,
    evaluate_expression,
    list_of,
    list_type,
    map_type,
    object_type,
    set_type,
    string,
    tuple_type,
)
from dsqltokd.hcl.suggest import did_you_mean
from dsqltokd.hcl.syntax import (
    Expression,
    FunctionCall,
    Literal,
    ObjectConstructor,
    ObjectKey,
    Parentheses,
    Template,
    TupleConstructor,
    Variable,
)

from .errors import Problems, ProjectError
from .schema import check_body

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dsqltokd.hcl import Block, Scope

ARGUMENTS = ("type", "default", "description")
_PRIMITIVES = {"string": STRING, "number": NUMBER, "int": NUMBER, "bool": BOOL}
_COLLECTIONS = {"list": list_type, "set": set_type, "map": map_type}
TYPES = (*_PRIMITIVES, *_COLLECTIONS, "tuple", "object")
"""The words that types are made of."""


def parse_inputs(texts: Iterable[str]) -> dict[str, Value]:
    """Return what `--var` texts give: each is one CSV record of `name=value` fields, a repeated name makes a list.

    `UsageError` for a text that is no such record; it does not quote the text, which may hold a secret.
    """
    given: dict[str, list[str]] = {}
    for text in texts:
        for field in _csv_record(text):
            name, found, value = field.partition("=")
            if not found:
                raise UsageError("a variable is given without =", hint="write --var name=value")
            given.setdefault(name, []).append(value)
    return {
        name: string(values[0]) if len(values) == 1 else list_of(STRING, map(string, values))
        for name, values in given.items()
    }


def _csv_record(text: str) -> list[str]:
    fields: list[str] = []
    with suppress(csv.Error):
        fields = next(csv.reader([text], strict=True))
    if not fields:
        raise UsageError(
            "a variable is not written as a csv record", hint="quote a field with a comma in it: --var '\"name=a,b\"'"
        )
    return fields


def resolve_variables(blocks: Iterable[Block], given: Mapping[str, Value], scope: Scope) -> dict[str, Value]:
    """Return the value of every variable the blocks declare, converted to its type.

    A default is evaluated even where a value is given, in `scope`, which has no local, var or data. What is given for
    an undeclared name is ignored. `HclError` for blocks Atlas would refuse, `UsageError` for a value of another type.
    """
    values: dict[str, Value] = {}
    problems = Problems()
    for block in blocks:
        with problems.noted():
            if len(block.labels) != 1:
                raise ProjectError("Invalid variable block", "A variable block has one label, its name.", block.span)
            values[block.labels[0]] = _variable(block, given, scope)
    problems.raise_any()
    return values


def _variable(block: Block, given: Mapping[str, Value], scope: Scope) -> Value:
    name = block.labels[0]
    attributes = check_body(block, allowed=ARGUMENTS, required=("type",))
    default = evaluate_expression(attributes["default"].expression, scope) if "default" in attributes else None
    wanted = _variable_type(name, attributes["type"].expression)
    if name in given:
        return _given(name, given[name], wanted)
    if default is None:
        raise ProjectError(
            f'missing value for required variable "{name}"', "", block.span, hint=f"add --var {name}=VALUE or a default"
        )
    try:
        return _converted(default, wanted)
    except ConversionError as error:
        subject = attributes["default"].expression.span
        raise ProjectError(f'variable "{name}": {error}', "", subject, hint=f"its type is {wanted}") from None


def _given(name: str, value: Value, wanted: Type) -> Value:
    try:
        return _converted(value, wanted)
    except ConversionError as error:
        raise UsageError(f'variable "{name}": {error}', hint=f"give it a {wanted} with --var {name}=…") from None


def _converted(value: Value, wanted: Type) -> Value:
    if wanted.kind is Kind.LIST and value.type == wanted.element_type:
        value = list_of(wanted.element_type, [value])
    return convert(value, wanted)


def _variable_type(name: str, expression: Expression) -> Type:
    found = _read_type(expression)
    if found is None:
        quoted = _literal_text(expression)
        what = "type" if quoted is None else f'type "{quoted}"'
        raise ProjectError(
            f'invalid {what} for variable "{name}"',
            f"Valid types are: string, number, bool, list, map, or set.{_meant(expression)}",
            expression.span,
            hint="write the type without quotes, as in type = list(string)",
        )
    return found


def _meant(expression: Expression) -> str:
    """Return a suggestion for the outermost word of a type that is none."""
    match expression:
        case Parentheses(inner=inner):
            return _meant(inner)
        case Variable(traversal=traversal):
            return "" if traversal.root in TYPES else did_you_mean(traversal.root, TYPES)
        case FunctionCall(name=name, arguments=arguments):
            return "".join(map(_meant, arguments[:1])) if name in TYPES else did_you_mean(name, TYPES)
    return ""


def _read_type(expression: Expression) -> Type | None:
    """Return the type an expression such as `list(string)` stands for; None where it stands for none.

    Types are read from the syntax: a type is no value that anything else in a project could compute with.
    """
    match expression:
        case Parentheses(inner=inner):
            return _read_type(inner)
        case Variable(traversal=traversal) if not traversal.steps:
            return _PRIMITIVES.get(traversal.root)
        case FunctionCall(name=name, arguments=(argument,), expand_final=False):
            return _read_constructor(name, argument)
    return None


def _read_constructor(name: str, argument: Expression) -> Type | None:
    if name in _COLLECTIONS:
        element = _read_type(argument)
        return None if element is None else _COLLECTIONS[name](element)
    if name == "tuple" and isinstance(argument, TupleConstructor):
        elements = [found for item in argument.elements if (found := _read_type(item)) is not None]
        return tuple_type(elements) if len(elements) == len(argument.elements) else None
    if name == "object" and isinstance(argument, ObjectConstructor):
        attributes = {
            key: found
            for key_expression, item in argument.items
            if (key := _key(key_expression)) is not None and (found := _read_type(item)) is not None
        }
        return object_type(attributes) if len(attributes) == len(argument.items) else None
    return None


def _key(key: ObjectKey) -> str | None:
    match key.wrapped:
        case Variable(traversal=traversal) if not traversal.steps:
            return traversal.root
        case other:
            return _literal_text(other)


def _literal_text(expression: Expression) -> str | None:
    match expression:
        case Template(parts=(Literal(value=value),)) | Literal(value=value) if value.type == STRING:
            return value.text
    return None
