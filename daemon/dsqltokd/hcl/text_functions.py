"""Functions of text, from Go's `strings` and cty's: characters are grapheme clusters where cty counts them."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from .arguments import MAX_PADDING, of_strings, to_value, whole_number
from .gotext import SPACES
from .graphemes import clusters
from .scope import Function, FunctionError, Parameter
from .types import NUMBER, STRING, list_type
from .values import Value, boolean, list_of, string

if TYPE_CHECKING:
    from collections.abc import Sequence

_DOTTED_CAPITAL_I = "\u0130"


def _upper(text: str) -> str:
    return "".join(map(_simple_upper, text))


def _simple_upper(char: str) -> str:
    """Return the one character that Unicode's simple mapping gives: Go leaves `ß` alone, Python makes two of it."""
    upper = char.upper()
    title = char.title()
    return upper if len(upper) == 1 else title if len(title) == 1 else char


def _lower(text: str) -> str:
    return "".join("i" if char == _DOTTED_CAPITAL_I else char.lower() for char in text)


def _title(text: str) -> str:
    """Return the text with the first letter of each word in title case, by the rule of Go's `strings.Title`."""
    before = " "
    result: list[str] = []
    for char in text:
        title = char.title()
        result.append(title if _separates(before) and len(title) == 1 else char)
        before = char
    return "".join(result)


def _separates(char: str) -> bool:
    if char.isascii():
        return not (char.isalnum() or char == "_")
    return char in SPACES


def _strrev(text: str) -> str:
    return "".join(reversed(list(clusters(text))))


def _substr(values: Sequence[Value]) -> Value:
    offset, length = whole_number(values[1]), whole_number(values[2])
    parts = list(clusters(values[0].text))
    if offset < 0:
        offset += len(parts)
    elif not length:
        return string("")
    rest = parts[max(offset, 0) :]
    # Where an offset that counts from the end meets a length of 0, cty takes all that is left.
    return string("".join(rest if length <= 0 else islice(rest, length)))


def _indent(values: Sequence[Value]) -> Value:
    spaces = whole_number(values[0])
    if not 0 <= spaces <= MAX_PADDING:
        raise FunctionError(f"spaces must be between 0 and {MAX_PADDING}", 0)
    return string(values[1].text.replace("\n", "\n" + " " * spaces))


def _split(separator: str, text: str) -> Value:
    parts = text.split(separator) if separator else list(text)
    return list_of(STRING, [string(part) for part in parts])


def _join(values: Sequence[Value]) -> Value:
    separator, *lists = values
    if not lists:
        raise FunctionError("at least one list is required")
    texts: list[str] = []
    for place, each in enumerate(lists, 1):
        for index, item in enumerate(each.items):
            if item.is_null:
                which = f" of list {place}" if len(lists) > 1 else ""
                raise FunctionError(f"element {index}{which} is null; cannot concatenate null values", place)
            texts.append(item.text)
    return string(separator.text.join(texts))


def _sort(values: Sequence[Value]) -> Value:
    items = values[0].items
    for index, item in enumerate(items):
        if item.is_null:
            raise FunctionError(f"given list element {index} is null; a null string cannot be sorted")
    return list_of(STRING, sorted(items, key=lambda item: item.text))


TEXT_FUNCTIONS = (
    of_strings("upper", ("str",), _upper),
    of_strings("lower", ("str",), _lower),
    of_strings("title", ("str",), _title),
    of_strings("strrev", ("str",), _strrev),
    of_strings("chomp", ("str",), lambda text: text.rstrip("\r\n")),
    of_strings("trim", ("str", "cutset"), str.strip),
    of_strings("trimspace", ("str",), lambda text: text.strip(SPACES)),
    of_strings("trimprefix", ("str", "prefix"), str.removeprefix),
    of_strings("trimsuffix", ("str", "suffix"), str.removesuffix),
    of_strings("replace", ("str", "substr", "replace"), str.replace),
    to_value("startswith", ("s", "prefix"), lambda text, prefix: boolean(text.startswith(prefix))),
    to_value("endswith", ("s", "suffix"), lambda text, suffix: boolean(text.endswith(suffix))),
    to_value("split", ("separator", "str"), _split),
    Function(
        "substr", (Parameter("str", STRING), Parameter("offset", NUMBER), Parameter("length", NUMBER)), None, _substr
    ),
    Function("indent", (Parameter("spaces", NUMBER), Parameter("str", STRING)), None, _indent),
    Function("join", (Parameter("separator", STRING),), Parameter("lists", list_type(STRING)), _join),
    Function("sort", (Parameter("list", list_type(STRING)),), None, _sort),
)
