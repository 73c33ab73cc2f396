"""HCL for tests and tools: a text and plain Python values in, a plain Python value out.

The daemon itself parses a whole project and evaluates its parts in the order of their references: see `atlas`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .evaluate import evaluate_expression
from .functions import FUNCTIONS
from .parser import parse_expression, parse_template
from .scope import Scope
from .types import BOOL, DYNAMIC, NUMBER, STRING, Kind, Type, list_type, map_type, object_type, set_type, tuple_type
from .values import Value, from_python, list_of, map_of, null, object_of, set_of, to_python, tuple_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .scope import Function, LazyFunction

_NAMED = {"string": STRING, "number": NUMBER, "bool": BOOL, "dynamic": DYNAMIC}
_COLLECTIONS = {"list": list_type, "set": set_type, "map": map_type}
_NOTHING: Mapping[str, Any] = {}


def evaluate(
    source: str,
    variables: Mapping[str, object] = _NOTHING,
    *,
    template: bool = False,
    types: Mapping[str, object] = _NOTHING,
    functions: Mapping[str, Function | LazyFunction] = FUNCTIONS,
) -> Any:
    """Return what an expression, or with `template` a template, comes to: see `to_python` for the shapes.

    A variable is a tuple or an object where it is a list or a dict, unless `types` gives its name a cty type as JSON,
    such as `["list", "string"]` or `["object", {"a": "number"}]`. A value of the type `"dynamic"` is null, or a
    dict with its `value` and `type`. `HclError` for a text that is not HCL or has no value; `TypeError`, `KeyError` or
    `ValueError` for variables and types that are none.
    """
    scope = Scope(
        {
            name: value_from_json(thing, type_from_json(types[name])) if name in types else from_python(thing)
            for name, thing in variables.items()
        },
        functions,
    )
    read = parse_template if template else parse_expression
    return to_python(evaluate_expression(read(source.encode("utf-8", "surrogateescape"), ""), scope))


def type_from_json(description: Any) -> Type:
    """Return the type that cty writes as this JSON."""
    if isinstance(description, str):
        return _NAMED[description]
    kind, inner = description[:2]
    if kind in _COLLECTIONS:
        return _COLLECTIONS[kind](type_from_json(inner))
    if kind == "tuple":
        return tuple_type([type_from_json(each) for each in inner])
    return object_type({name: type_from_json(each) for name, each in inner.items()})


def value_from_json(thing: Any, wanted: Type) -> Value:
    """Return the value of a type that cty writes as this JSON."""
    if wanted == DYNAMIC:
        return null() if thing is None else value_from_json(thing["value"], type_from_json(thing["type"]))
    if thing is None:
        return null(wanted)
    make = _MAKERS.get(wanted.kind)
    return from_python(thing) if make is None else make(thing, wanted)


def _items(thing: Any, wanted: Type) -> list[Value]:
    return [value_from_json(item, wanted.element_type) for item in thing]


def _fields(thing: Any, attributes: Mapping[str, Type]) -> dict[str, Value]:
    return {name: value_from_json(thing[name], each) for name, each in attributes.items()}


_MAKERS: dict[Kind, Callable[[Any, Type], Value]] = {
    Kind.LIST: lambda thing, wanted: list_of(wanted.element_type, _items(thing, wanted)),
    Kind.SET: lambda thing, wanted: set_of(wanted.element_type, _items(thing, wanted)),
    Kind.MAP: lambda thing, wanted: map_of(
        wanted.element_type, _fields(thing, dict.fromkeys(thing, wanted.element_type))
    ),
    Kind.TUPLE: lambda thing, wanted: tuple_of(map(value_from_json, thing, wanted.elements)),
    Kind.OBJECT: lambda thing, wanted: object_of(_fields(thing, wanted.attributes)),
}
