"""Values: a type and what it holds. Immutable, and a null knows its type.

Payloads: `str` (NFC), `Decimal` (see `decimals`), `bool`; a tuple of values for list, set and tuple; a read-only
mapping, ordered by key, for map and object; None for a null. A set's elements are distinct and stand in the order cty
walks them in. There are no unknown values and no marks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import groupby
from types import MappingProxyType
from typing import Any, TypeAlias, cast

from .decimals import number_text
from .gotext import quoted
from .numbers import rounded
from .types import BOOL, DYNAMIC, NUMBER, STRING, Kind, LimitError, Type, list_type, map_type, set_type, tuple_type

Payload: TypeAlias = "str | Decimal | bool | tuple[Value, ...] | Mapping[str, Value] | None"

MAX_LENGTH = 16 << 20
"""How many characters a text may have: a few that double one another would fill any memory."""

_PIECE = 256


class Value:
    """A value of a cty type. Make one by this module's functions: they normalise and check. It never changes.

    Two values are equal if type and content are; for HCL's `==` see `operators`.
    """

    __slots__ = ("payload", "type")

    def __init__(self, type_: Type, payload: Payload) -> None:
        self.type = type_
        self.payload = payload

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Value) and self.type == other.type and self.payload == other.payload

    def __hash__(self) -> int:
        content = self.payload
        return hash((self.type, tuple(content.items()) if isinstance(content, Mapping) else content))

    @property
    def is_null(self) -> bool:
        """Whether this is a null, of whatever type."""
        return self.payload is None

    # The four below are for callers that have looked at the type; the cast is checked by nobody else.

    @property
    def text(self) -> str:
        """A string's text."""
        return cast("str", self.payload)

    @property
    def decimal(self) -> Decimal:
        """A number's canonical decimal."""
        return cast("Decimal", self.payload)

    @property
    def items(self) -> tuple[Value, ...]:
        """The elements of a list, set or tuple."""
        return cast("tuple[Value, ...]", self.payload)

    @property
    def fields(self) -> Mapping[str, Value]:
        """The elements of a map or the attributes of an object, ordered by name."""
        return cast("Mapping[str, Value]", self.payload)

    @property
    def length(self) -> int:
        """How many elements a collection or structure has."""
        return len(self.fields if self.type.is_mapping else self.items)

    def elements(self) -> Iterable[tuple[Value, Value]]:
        """Walk a collection or structure as HCL's `for` does: (key or index, value). In a set both are the value."""
        if self.type.is_mapping:
            return ((string(key), value) for key, value in self.fields.items())
        if self.type.kind is Kind.SET:
            return ((value, value) for value in self.items)
        return ((number(index), value) for index, value in enumerate(self.items))


def normalize(text: str) -> str:
    """Return the text as values hold it: in Unicode's normal form C. Raises LimitError for one of absurd length."""
    if len(text) > MAX_LENGTH:
        raise LimitError(f"texts may not be longer than {MAX_LENGTH} characters")
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text if len(text) <= _PIECE else _with_marks_in_order(text))


def _with_marks_in_order(text: str) -> str:
    """Return the text decomposed. For a run of marks in disorder `unicodedata` takes time quadratic in its length."""
    pieces = (unicodedata.normalize("NFD", text[start : start + _PIECE]) for start in range(0, len(text), _PIECE))
    parts: list[str] = []
    for _, run in groupby("".join(pieces), lambda char: unicodedata.combining(char) > 0):
        parts += sorted(run, key=unicodedata.combining)  # stable: what is no mark stays where it is
    return "".join(parts)


def string(text: str) -> Value:
    """Return a string. Raises LimitError for one of absurd length."""
    return Value(STRING, normalize(text))


def number(value: Decimal | int) -> Value:
    """Return the number nearest to `value` (512 bits). Raises `NumberError` beyond the magnitudes there are."""
    return Value(NUMBER, rounded(Decimal(value)))


def boolean(value: bool) -> Value:
    """Return TRUE or FALSE."""
    return TRUE if value else FALSE


def null(of_type: Type = DYNAMIC) -> Value:
    """Return the null of a type."""
    return Value(of_type, None)


def list_of(element: Type, values: Iterable[Value]) -> Value:
    """Return a list; every value has to be of the type `element` already."""
    return Value(list_type(element), tuple(values))


def set_of(element: Type, values: Iterable[Value]) -> Value:
    """Return a set: equal values count once. Every value has to be of the type `element` already."""
    return Value(set_type(element), tuple(sorted(dict.fromkeys(values), key=_set_order)))


def map_of(element: Type, values: Mapping[str, Value]) -> Value:
    """Return a map; every value has to be of the type `element` already."""
    return Value(map_type(element), _ordered(values))


def tuple_of(values: Iterable[Value]) -> Value:
    """Return a tuple."""
    elements = tuple(values)
    return Value(tuple_type(value.type for value in elements), elements)


def object_of(attributes: Mapping[str, Value]) -> Value:
    """Return an object."""
    ordered = _ordered(attributes)
    types = tuple([(name, value.type) for name, value in ordered.items()])
    return Value(Type(Kind.OBJECT, attribute_items=types), ordered)


TRUE = Value(BOOL, True)
FALSE = Value(BOOL, False)
NULL = null()


def to_python(value: Value) -> Any:
    """Return the value as str, int, Decimal, bool, None, list or dict. A set's elements are in its own order."""
    if isinstance(value.payload, tuple):
        return [to_python(item) for item in value.payload]
    if isinstance(value.payload, Mapping):
        return {name: to_python(item) for name, item in value.payload.items()}
    if isinstance(value.payload, Decimal) and value.payload == value.payload.to_integral_value():
        return int(value.payload)
    return value.payload


def from_python(thing: object) -> Value:
    """Return a value for str, int, Decimal, bool, None, list or tuple (a tuple) or dict (an object).

    A Value stands for itself. Anything else, a float too, is a TypeError.
    """
    if isinstance(thing, Value):
        return thing
    if thing is None:
        return NULL
    if isinstance(thing, list | tuple):
        return tuple_of([from_python(item) for item in thing])
    if isinstance(thing, dict):
        return object_of({name: from_python(item) for name, item in thing.items()})
    return _primitive(thing)


def _primitive(thing: object) -> Value:
    if isinstance(thing, bool):
        return boolean(thing)
    if isinstance(thing, str):
        return string(thing)
    if isinstance(thing, int | Decimal):
        return number(thing)
    raise TypeError(f"a {type(thing).__name__} is no value of HCL")


def _ordered(values: Mapping[str, Value]) -> Mapping[str, Value]:
    normal = {normalize(name): value for name, value in values.items()}
    # Code points sort as UTF-8's bytes do, which is Go's order.
    return MappingProxyType(dict(sorted(normal.items(), key=lambda item: item[0])))


def _set_order(value: Value) -> tuple[bool, Any]:
    if value.payload is None:
        return (True, 0)
    return (False, value.payload if value.type.is_primitive else _set_text(value))


def _set_text(value: Value) -> str:
    """Return the text by which cty orders what has no order of its own."""
    if value.payload is None:
        return "~"
    if value.type.kind is Kind.MAP:
        inner = "".join(f"{quoted(name)}:{_set_text(item)};" for name, item in value.fields.items())
        return f"{{{inner}}}"
    if isinstance(value.payload, tuple | Mapping):
        parts = value.payload.values() if isinstance(value.payload, Mapping) else value.payload
        inner = "".join(f"{_set_text(item)};" for item in parts)
        return f"[{inner}]" if value.type.is_collection else f"<{inner}>"
    if isinstance(value.payload, bool):
        return "T" if value.payload else "F"
    return quoted(value.payload) if isinstance(value.payload, str) else number_text(value.payload)
