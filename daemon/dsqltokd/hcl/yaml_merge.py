"""`yamlmerge`: documents merged into one, read and written as Go's yaml.v3 does, which is mostly YAML 1.2.

Rule 1: a mapping is merged into a mapping, a list appended to a list, anything else replaced. A mapping with a key that
is no string counts as anything else.
Rule 2: what is written says the same as what was read, not in the same words: `0x10` becomes 16, `1.50` becomes 1.5.
Rule 3: keys are sorted, numbers in them by value: `a9` comes before `a10`.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cmp_to_key
from typing import TYPE_CHECKING, TypeAlias

from .float_format import float_text
from .gotext import SPACES
from .scope import FunctionError
from .yaml_tree import TAG, Mapping, Node, Scalar, Sequence, parse, possible_styles, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NULLS = ("", "~", "null", "Null", "NULL")
_BOOLEANS = {"true": "true", "True": "true", "TRUE": "true", "false": "false", "False": "false", "FALSE": "false"}
_OLD_TRUE = frozenset(["y", "Y", "yes", "Yes", "YES", "on", "On", "ON"])
_OLD_FALSE = frozenset(["n", "N", "no", "No", "NO", "off", "Off", "OFF"])
_INFINITE = re.compile(r"([+-]?)\.(?:inf|Inf|INF)")
_NOT_A_NUMBER = (".nan", ".NaN", ".NAN")
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SIXTIES = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_INDENT = 4


@dataclass(frozen=True)
class _Plain:
    """A scalar that is no string, as it is written; `value` orders numbers and booleans among keys."""

    text: str
    kind: str
    value: float = 0.0


Key: TypeAlias = "str | _Plain"
Tree: TypeAlias = "str | _Plain | list[Tree] | dict[Key, Tree]"


def merge(documents: Iterable[str | None]) -> str:
    """Return the documents merged into one; None stands for none. FunctionError says which of them is at fault."""
    merged: dict[Key, Tree] = {}
    for index, text in enumerate(documents):
        if text is None:
            continue
        try:
            _merge(merged, _document(text))
        except FunctionError as error:
            raise FunctionError(error.message, index) from None
    return "".join(f"{line}\n" for line in _block(merged, 0))


def _merge(into: dict[Key, Tree], more: dict[Key, Tree]) -> None:
    for key, value in more.items():
        if isinstance(value, dict) and all(isinstance(name, str) for name in value):
            inner = into.setdefault(key, {})
            if not isinstance(inner, dict) or not all(isinstance(name, str) for name in inner):
                raise _clash()
            _merge(inner, value)
        elif isinstance(value, list):
            items = into.setdefault(key, [])
            if not isinstance(items, list):
                raise _clash()
            into[key] = [*items, *value]
        else:
            into[key] = value


def _clash() -> FunctionError:
    return FunctionError("a key is defined in two documents, but with different types")


# Reading


def _document(text: str) -> dict[Key, Tree]:
    node = parse(text, only=False)
    if node is None or (isinstance(node, Scalar) and not node.quoted and node.text in _NULLS):
        return {}
    if not isinstance(node, Mapping):
        raise FunctionError("a document must be a mapping")
    return _mapping(node, texts=True)


def _tree(node: Node) -> Tree:
    match node:
        case Scalar():
            return _scalar(node)
        case Sequence():
            return [_tree(item) for item in node.items]
        case Mapping():
            return _mapping(node)


def _mapping(node: Mapping, *, texts: bool = False) -> dict[Key, Tree]:
    """Return a mapping; with `texts` keys are strings whatever they look like, and what stands under a null is lost.

    So it is at the top, and in what is merged into a mapping whose own keys are strings.
    """
    inherits_texts = texts or all(isinstance(key, Scalar) and isinstance(_scalar(key), str) for key, _ in node.pairs)
    own: dict[Key, Tree] = {}
    inherited: dict[Key, Tree] = {}
    written: set[tuple[str, str]] = set()
    for key, item in node.pairs:
        if not isinstance(key, Scalar):
            raise FunctionError("a mapping key must be a scalar")
        if key.text == "<<" and not key.quoted and not key.tag:
            for each in item.items[::-1] if isinstance(item, Sequence) else (item,):
                if not isinstance(each, Mapping):
                    raise FunctionError("map merge requires map or sequence of maps as the value")
                inherited.update(_mapping(each, texts=inherits_texts))
            continue
        if (key.text, key.tag) in written:
            raise FunctionError("a mapping has the same key twice")
        written.add((key.text, key.tag))
        if not texts:
            own[_scalar(key)] = _tree(item)
        elif key.quoted or key.text not in _NULLS:
            own[key.text] = _tree(item)
    return inherited | own


def _scalar(node: Scalar) -> Key:
    tag = node.tag.removeprefix(TAG)
    if tag == "binary":
        try:
            return base64.b64decode(node.text.replace("\n", ""), validate=True).decode()
        except ValueError:
            raise FunctionError("!!binary value contains invalid base64 data, or no text") from None
    if tag not in ("", "bool", "int", "float", "null", "timestamp"):
        return node.text
    if not tag and node.style is not None:
        return node.text
    found = _resolved(node.text, times=tag in ("", "timestamp"))
    if tag == "float" and isinstance(found, _Plain) and found.kind == "int":
        return found
    if tag and (isinstance(found, str) or found.kind != tag):
        raise FunctionError(f"cannot decode a scalar as a !!{tag}")
    return found


def _resolved(text: str, *, times: bool) -> Key:
    """Return what a text means by its looks."""
    if text in _NULLS:
        return _Plain("null", "null")
    if text in _BOOLEANS:
        return _Plain(_BOOLEANS[text], "bool", float(_BOOLEANS[text] == "true"))
    if text in _NOT_A_NUMBER:
        return _Plain(".nan", "float")
    if match := _INFINITE.fullmatch(text):
        sign = "-" if match[1] == "-" else ""
        return _Plain(f"{sign}.inf", "float", float(f"{sign}inf"))
    if times and (time := timestamp(text, fraction=True)):
        return _Plain(time, "timestamp")
    return _number(text)


def _number(text: str) -> Key:
    plain = text.replace("_", "") if text[0] in "+-0123456789" else text
    if match := _INTEGER.fullmatch(plain):
        sign, hexadecimal, octal, binary, digits = match.groups()
        base = 16 if hexadecimal else 8 if octal else 2 if binary else 10
        written = hexadecimal or octal or binary or digits
        magnitude = int(written, base) if len(written) <= 64 else 1 << 64  # noqa: PLR2004 - bits
        if magnitude < 1 << (63 if sign else 64) or (sign == "-" and magnitude == 1 << 63):
            whole = -magnitude if sign == "-" else magnitude
            return _Plain(str(whole), "int", float(whole))
    if _FLOAT.fullmatch(plain):
        value = float(plain)
        if value not in (float("inf"), float("-inf")):
            return _Plain(float_text(Decimal(repr(value)), "g", None), "float", value)
    return text


# Writing


def _block(tree: Tree, indent: int) -> Iterator[str]:
    """Yield the lines of a value that stands on lines of its own, so far to the right."""
    if isinstance(tree, dict) and tree:
        # All columns are multiples of four, but for what a dash begins: that continues under its first character.
        following = indent + _INDENT - indent % _INDENT
        for key in sorted(tree, key=cmp_to_key(_order)):
            yield from _entry(f"{' ' * indent}{_inline(key)}:", tree[key], following)
    elif isinstance(tree, list) and tree:
        for item in tree:
            yield from _entry(f"{' ' * indent}-", item, indent + 2)
    else:
        yield _inline(tree)


def _entry(start: str, tree: Tree, indent: int) -> Iterator[str]:
    """Yield the lines of a key or a dash and the value behind it."""
    if isinstance(tree, str) and "\n" in tree and "|" in possible_styles(tree):
        yield f"{start} {_header(tree)}"
        for line in tree.removesuffix("\n").split("\n"):
            yield line and " " * indent + line
    elif isinstance(tree, dict | list) and tree:
        lines = _block(tree, indent)
        yield f"{start} {next(lines).lstrip(' ')}" if start.endswith("-") else start
        yield from lines
    else:
        yield f"{start} {_inline(tree)}"


def _header(text: str) -> str:
    hint = str(_INDENT) if text[0] in " \n" else ""
    body = text.rstrip("\n")
    return f"|{hint}{'-' if body == text else '+' if len(text) - len(body) > 1 or not body else ''}"


def _inline(tree: Tree) -> str:
    if isinstance(tree, dict | list):
        return "{}" if isinstance(tree, dict) else "[]"
    if isinstance(tree, _Plain):
        return tree.text
    styles = possible_styles(tree)
    ambiguous = (
        tree in _OLD_TRUE | _OLD_FALSE or _SIXTIES.fullmatch(tree) or not isinstance(_resolved(tree, times=True), str)
    )
    if ambiguous or ("plain" not in styles and "'" not in styles) or "\n" in tree:
        return _double_quoted(tree)
    return tree if "plain" in styles else "'" + tree.replace("'", "''") + "'"


_NAMED = {"\0": "0", "\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", "\x1b": "e"}
_NAMED |= {'"': '"', "\\": "\\", "\x85": "N", "\xa0": "_", "\u2028": "L", "\u2029": "P"}
_LARGEST_BYTE, _LARGEST_SHORT = 0xFF, 0xFFFF


def _double_quoted(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in _NAMED:
        return f"\\{_NAMED[char]}"
    code = ord(char)
    if char.isprintable() or (char in SPACES and code > _LARGEST_BYTE):
        return char
    return (
        f"\\x{code:02X}" if code <= _LARGEST_BYTE else f"\\u{code:04X}" if code <= _LARGEST_SHORT else f"\\U{code:08X}"
    )


def _order(left: Key, right: Key) -> int:
    """Compare two keys: numbers and booleans come first, then null, then strings, then times."""
    if isinstance(left, str) and isinstance(right, str):
        return -1 if _comes_before(left, right) else int(left != right)
    ours, theirs = _rank(left), _rank(right)
    return (ours > theirs) - (ours < theirs)


_RANKS = {"bool": (0, 0), "int": (0, 1), "float": (0, 2), "null": (1, 0), "timestamp": (3, 0)}


def _rank(key: Key) -> tuple[int, float, int]:
    if isinstance(key, str):
        return (2, 0.0, 0)
    group, kind = _RANKS[key.kind]
    return (group, key.value, kind)


def _comes_before(left: str, right: str) -> bool:
    """Compare where the texts part: letters come behind anything else, unless digits stand before; numbers by value."""
    place = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), None)
    if place is None:
        return len(left) < len(right)
    ours, theirs = left[place], right[place]
    if ours.isalpha() and theirs.isalpha():
        return ours < theirs
    if ours.isalpha() or theirs.isalpha():
        behind_digits = place > 0 and left[place - 1].isdecimal()
        return ours.isalpha() if behind_digits else theirs.isalpha()
    start = place
    if "0" in (ours, theirs):
        # Behind a digit that counts, zeros do too.
        while start > 0 and left[start - 1].isdecimal():
            start -= 1
    leading = "1" if left[start:place].strip("0") else ""
    numbers = [_leading_number(leading, text[place:]) for text in (left, right)]
    return numbers[0] < numbers[1] if numbers[0] != numbers[1] else ours < theirs


def _leading_number(before: str, text: str) -> tuple[int, int]:
    digits = re.match("[0-9]*", text)
    found = digits[0] if digits else ""
    return (int((before + found)[:4000] or "0"), len(found))
