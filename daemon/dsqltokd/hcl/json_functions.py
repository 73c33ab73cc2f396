"""`jsonencode` and `jsondecode`, with numbers as they are written and Go's escapes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from .conversion import ConversionError
from .decimals import number_text
from .numbers import parse_number
from .scope import Function, FunctionError, Parameter
from .types import STRING, Kind
from .values import NULL, Value, boolean, normalize, number, object_of, string, tuple_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from json import JSONDecodeError

_ESCAPED = "[<>&\u2028\u2029]"
_LONE_SURROGATE = "[\ud800-\udfff]"
_UNREADABLE = "not valid JSON"


def encode(value: Value) -> str:
    """Return the value as JSON."""
    if value.is_null:
        return "null"
    if value.type.is_mapping:
        return "{" + ",".join(f"{_text(name)}:{encode(item)}" for name, item in value.fields.items()) + "}"
    if value.type.is_sequence:
        return "[" + ",".join(map(encode, value.items)) + "]"
    if value.type.kind is Kind.NUMBER:
        return number_text(value.decimal)
    return _text(value.text) if value.type.kind is Kind.STRING else str(value.payload).lower()


def _text(text: str) -> str:
    """Return a JSON string. As Go does, leave nothing in it that HTML or JavaScript could take for its own."""
    from json import dumps  # noqa: PLC0415 - 2 ms that many projects need not pay

    encoded = dumps(_valid(text), ensure_ascii=False)
    return re.sub(_ESCAPED, lambda match: f"\\u{ord(match.group()):04x}", encoded)


def _valid(text: str) -> str:
    return re.sub(_LONE_SURROGATE, "\ufffd", text)


def _decode(text: str) -> Value:
    from json import JSONDecodeError, JSONDecoder  # noqa: PLC0415 - as above

    decoder = JSONDecoder(
        object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_no_constant
    )
    try:
        return _value(decoder.decode(text))
    except JSONDecodeError as error:
        raise FunctionError(f"{_UNREADABLE}: {_reason(error)}") from None
    except RecursionError:
        raise FunctionError("JSON nested too deeply") from None


def _reason(error: JSONDecodeError) -> str:
    reason = error.msg[:1].lower() + error.msg[1:]
    return f"{reason} at line {error.lineno}, column {error.colno}"


def _value(thing: object) -> Value:
    if isinstance(thing, Value):
        return thing
    if isinstance(thing, list):
        return tuple_of([_value(item) for item in thing])
    if isinstance(thing, bool):
        return boolean(thing)
    return NULL if thing is None else string(_valid(str(thing)))


def _number(text: str) -> Value:
    parsed = parse_number(text)
    if parsed is None:
        raise ConversionError("a number is required")
    return number(parsed)


def _object(pairs: list[tuple[str, object]]) -> Value:
    attributes: dict[str, Value] = {}
    for key, thing in pairs:
        name, value = normalize(_valid(key)), _value(thing)
        if name in attributes and attributes[name].type != value.type:
            raise FunctionError("duplicate property in JSON object")
        attributes[name] = value
    return object_of(attributes)


def _no_constant(_: str) -> NoReturn:
    raise FunctionError(f"{_UNREADABLE}: NaN and Infinity are no numbers there")


def _jsonencode(values: Sequence[Value]) -> Value:
    return string(encode(values[0]))


def _jsondecode(values: Sequence[Value]) -> Value:
    return _decode(values[0].text)


JSON_FUNCTIONS = (
    Function("jsonencode", (Parameter("val", allow_null=True),), None, _jsonencode),
    Function("jsondecode", (Parameter("str", STRING),), None, _jsondecode),
)
