"""What `yamldecode` and `yamlencode` do: as cty's YAML library reads and writes, mostly YAML 1.1.

`yes` and `on` are booleans, `0777` is the decimal number 777 and `0o777` an octal one, and a time becomes a string.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING

from .conversion import convert
from .decimals import NumberError, number_text
from .numbers import parse_number
from .scope import FunctionError
from .types import BOOL, NUMBER, STRING
from .values import FALSE, NULL, TRUE, Value, number, object_of, string, tuple_of
from .yaml_tree import TAG, Mapping, Node, Scalar, Sequence, dump, parse, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORDS: dict[str, Value] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], TRUE),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], FALSE),
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], NULL),
}
_INFINITE = re.compile(r"[+-]?\.(?:inf|Inf|INF)")
_NOT_A_NUMBER = (".nan", ".NaN", ".NAN")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_PREFIXED = re.compile(r"([+-]?)0(?:[xX]([0-9a-fA-F]+)|[oO]?([0-7]+)|[bB]([01]+))")
_HINTS = frozenset("+-0123456789yYnNtTfFoO~.")
_LARGEST = 2**64 - 1
_TAGS = frozenset({"", *(TAG + name for name in ("str", "bool", "int", "float", "null", "timestamp", "binary"))})


def decode(text: str) -> Value:
    """Return the value of the only document. Raises FunctionError, NumberError and LimitError."""
    node = parse(text, only=True)
    if node is None:
        raise FunctionError("missing start of document")
    return _value(node)


def _value(node: Node) -> Value:
    match node:
        case Scalar():
            found = _scalar(node)
            value = string("<<") if found is None else found
            # cty finds the type of a block scalar before its value: whatever it looks like, it is a string.
            return value if node.tag or node.style not in ("|", ">") else convert(value, STRING)
        case Sequence():
            _check_tag(node.tag, "seq")
            return tuple_of([_value(item) for item in node.items])
        case Mapping():
            _check_tag(node.tag, "map")
            return object_of(_attributes(node))


def _check_tag(tag: str, name: str) -> None:
    if tag not in ("", TAG + name):
        raise FunctionError("unsupported tag")


def _attributes(node: Mapping) -> dict[str, Value]:
    attributes: dict[str, Value] = {}
    for key, item in node.pairs:
        if not isinstance(key, Scalar):
            raise FunctionError("only strings are allowed as mapping keys")
        name = _scalar(key)
        value = _value(item)
        if name is not None:
            if name.is_null:
                raise FunctionError("mapping key cannot be null")
            attributes[convert(name, STRING).text] = value
        elif value.type.is_mapping:
            attributes.update(value.fields)
        else:
            raise FunctionError(f"cannot merge {value.type} into mapping")
    return attributes


def _scalar(node: Scalar) -> Value | None:
    """Return what a scalar means, None for the key `<<`. Raises FunctionError."""
    if node.tag not in _TAGS:
        raise FunctionError("unsupported tag")
    name, text = node.tag.removeprefix(TAG), node.text
    if name in ("str", "binary"):
        return string(_base64(text) if name == "binary" else text)
    if not text or text[0] in _HINTS:
        if node.quoted:
            return string(text)
        found = _looked_up(text, name)
        if found is not None:
            return found
    if not name:
        return None if text == "<<" else string(text)
    return _tagged(text, name)


def _looked_up(text: str, tag: str) -> Value | None:
    """Return what a text means by its looks."""
    if text in _WORDS:
        return _WORDS[text]
    if _INFINITE.fullmatch(text):
        raise NumberError("infinities are not supported")
    if not tag and text in _NOT_A_NUMBER:
        raise FunctionError("floating point NaN is not supported")
    if text.startswith("."):
        parsed = parse_number(text)
        return None if parsed is None else number(parsed)
    if tag in ("", "timestamp") and (time := timestamp(text, fraction=False)):
        return string(time)
    return _number(text) if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text) else None


def _tagged(text: str, tag: str) -> Value:
    if tag == "null":
        return NULL
    if tag in ("int", "float"):
        return _number(text)
    # A boolean or a time would have been found by its looks.
    raise _cannot(tag)


def _number(text: str) -> Value:
    plain = text.replace("_", "")
    parsed = parse_number(plain)
    if parsed is not None:
        return number(parsed)
    match = _PREFIXED.fullmatch(plain)
    if match is None:
        raise _cannot("number")
    sign, hexadecimal, octal, binary = match.groups()
    digits, base = (hexadecimal, 16) if hexadecimal else (octal, 8) if octal else (binary, 2)
    magnitude = int(digits, base)
    if magnitude > (_LARGEST >> 1 if sign else _LARGEST):
        raise _cannot("number")
    return number(-magnitude if sign == "-" else magnitude)


def _base64(text: str) -> str:
    try:
        binascii.a2b_base64(text.replace("\n", "").replace("\r", ""), strict_mode=True)
    except ValueError:
        raise _cannot("binary: not valid base64") from None
    return text


def _cannot(what: str) -> FunctionError:
    return FunctionError(f"cannot parse a scalar as {what}")


# yamlencode


def encode(value: Value) -> str:
    """Return the value as a document in block style. Raises FunctionError."""
    try:
        node = _node(value)
        # A plain scalar may go on in the next line, so the library marks the document's end.
        if isinstance(node, Scalar) and node.style is None:
            return f"{node.text}\n...\n"
        return dump(node)
    except RecursionError:
        raise FunctionError("the value is nested too deeply") from None


def _node(value: Value) -> Node:
    if value.is_null:
        return Scalar("null")
    if value.type.is_mapping:
        return Mapping(tuple((_text(name), _node(item)) for name, item in value.fields.items()))
    if value.type.is_sequence:
        return Sequence(tuple(_nodes(value.items)))
    if value.type == NUMBER:
        return Scalar(number_text(value.decimal))
    return Scalar("true" if value.payload else "false") if value.type == BOOL else _text(value.text)


def _nodes(values: Iterable[Value]) -> Iterable[Node]:
    return (_node(value) for value in values)


def _text(text: str) -> Scalar:
    return Scalar(text, style="|" if "\n" in text else '"')
