"""`format` and `formatlist`: cty's verbs, which are Go's for numbers and count characters as HCL does for text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .arguments import MAX_PADDING
from .conversion import ConversionError, convert
from .graphemes import clusters
from .json_functions import encode
from .scope import Function, FunctionError, Parameter
from .types import BOOL, NUMBER, STRING, Type
from .values import Value, list_of, string

if TYPE_CHECKING:
    from collections.abc import Sequence

_VERB = r"%(?:%|([0#\-+ ]*)([1-9][0-9]*)?(?:\.([0-9]*))?(?:\[([1-9][0-9]*)\])?([a-zA-Z]))"
_BASES = {"b": "b", "d": "d", "o": "o", "x": "x", "X": "X"}
_PREFIXES = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}
_MANY = MAX_PADDING + 1


class _Verb:
    """One verb of a format: `precision` is None if there is none, `width` 0."""

    def __init__(self, match: re.Match[str]) -> None:
        flags, width, precision, _, mode = match.groups()
        self.text = match[0]
        self.flags: str = flags
        self.width = _small(width or "0")
        self.precision = None if precision is None else _small(precision.lstrip("0") or "0")
        self.mode: str = mode
        self._match = match
        if self.width > MAX_PADDING or (self.precision or 0) > MAX_PADDING:
            raise FunctionError(f"width and precision at offset {self.offset} may not be larger than {MAX_PADDING}")

    @property
    def offset(self) -> int:
        return _offset(self._match.string, self._match.start())

    def unsupported(self, why: str) -> FunctionError:
        return FunctionError(f'unsupported value for "{self.text}" at {self.offset}: {why}')

    def converted(self, value: Value, wanted: Type) -> Value:
        try:
            return convert(value, wanted)
        except ConversionError as error:
            raise self.unsupported(error.message) from None

    def padded(self, text: str) -> str:
        """Pad a text to the width, with zeros on either side if it has the flag, as cty does."""
        missing = self.width - sum(1 for _ in clusters(text)) if self.width else 0
        padding = ("0" if "0" in self.flags else " ") * missing
        return text + padding if "-" in self.flags else padding + text

    def sign(self, *, negative: bool) -> str:
        return "-" if negative else "+" if "+" in self.flags else " " if " " in self.flags else ""

    def justified(self, sign: str, digits: str, *, zeros: bool) -> str:
        """Put sign and digits into the width, as Go does for numbers, with zeros between them or spaces around."""
        if zeros:
            return sign + digits.rjust(self.width - len(sign), "0")
        return (sign + digits).ljust(self.width) if "-" in self.flags else (sign + digits).rjust(self.width)


def _format(template: str, values: Sequence[Value]) -> str:
    """Return the text. Raises FunctionError; an argument index counts the format as the first argument."""
    parts: list[str] = []
    pattern = re.compile(_VERB)
    place = used = following = 0
    while (start := template.find("%", place)) >= 0:
        parts.append(template[place:start])
        match = pattern.match(template, start)
        if match is None:
            raise FunctionError(f"unrecognized verb at offset {_offset(template, start)} of the format string")
        place = match.end()
        if match[0] == "%%":
            parts.append("%")
            continue
        index = _small(match[4]) if match[4] else following + 1
        verb = _Verb(match)
        if index > len(values):
            counts = f"need index {index} but have {len(values)} total"
            raise FunctionError(f'not enough arguments for "{verb.text}" at {verb.offset}: {counts}')
        parts.append(_formatted(verb, values[index - 1]))
        following = index
        used = max(used, index)
    if used < len(values):
        many = f"only {used} used by format string" if used else "no verbs in format string"
        raise FunctionError(f"too many arguments; {many}", used + 1)
    return "".join([*parts, template[place:]])


def _offset(template: str, place: int) -> int:
    return len(template[:place].encode("utf-8", "surrogateescape"))


def _small(digits: str) -> int:
    """Read a number, a large one as merely too large: Python refuses to read one of thousands of digits."""
    return int(digits) if len(digits) <= len(str(_MANY)) else _MANY


def _formatted(verb: _Verb, value: Value) -> str:
    mode = verb.mode
    if mode == "v":
        return verb.padded(_default(verb, value))
    if value.is_null:
        raise verb.unsupported("null value cannot be formatted")
    if mode == "t":
        return "true" if verb.converted(value, BOOL).payload else "false"
    if mode in _BASES:
        return _integer(verb, verb.converted(value, NUMBER))
    if mode in "eEfgG":
        digits = _float(verb.converted(value, NUMBER), mode, verb.precision)
        negative = digits.startswith("-")
        return verb.justified(verb.sign(negative=negative), digits.removeprefix("-"), zeros="0" in verb.flags)
    if mode in "sq":
        return _text(verb, verb.converted(value, STRING))
    raise FunctionError(f'unsupported format verb "{mode}" in "{verb.text}" at offset {verb.offset}')


def _float(value: Value, mode: str, precision: int | None) -> str:
    from .float_format import float_text  # noqa: PLC0415 - it needs `fractions`, which few projects do

    return float_text(value.decimal, mode, precision)


def _default(verb: _Verb, value: Value) -> str:
    if "#" not in verb.flags and not value.is_null:
        if value.type == STRING:
            return value.text
        if value.type == NUMBER:
            return _float(value, "g", None)
    return encode(value)


def _integer(verb: _Verb, value: Value) -> str:
    if value.decimal != value.decimal.to_integral_value():
        raise verb.unsupported("an integer is required")
    whole = int(value.decimal)
    digits = format(abs(whole), _BASES[verb.mode])
    prefix = _PREFIXES.get(verb.mode, "") if "#" in verb.flags else ""
    if verb.precision is not None:
        if not whole and not verb.precision:
            return ""
        digits = digits.rjust(verb.precision, "0")
    # An integer heeds a minus or a precision before a zero flag, a float the zero flag first.
    zeros = "0" in verb.flags and "-" not in verb.flags and verb.precision is None
    return verb.justified(verb.sign(negative=whole < 0) + prefix, digits, zeros=zeros)


def _text(verb: _Verb, value: Value) -> str:
    text = value.text
    if verb.precision:
        text = "".join(list(clusters(text))[: verb.precision])
    return verb.padded(encode(string(text)) if verb.mode == "q" else text)


def _call_format(values: Sequence[Value]) -> Value:
    return string(_format(values[0].text, values[1:]))


def _call_formatlist(values: Sequence[Value]) -> Value:
    template, *rest = values
    columns = [value.items if value.type.is_sequence and not value.is_null else None for value in rest]
    lengths = {index: len(column) for index, column in enumerate(columns) if column is not None}
    for index, length in lengths.items():
        first, expected = next(iter(lengths.items()))
        if length != expected:
            raise FunctionError(
                f"argument {index + 1} has length {length}, which is inconsistent with argument {first + 1} of length "
                f"{expected}",
                index + 1,
            )
    count = next(iter(lengths.values()), 1)
    texts: list[Value] = []
    for row in range(count):
        arguments = [rest[i] if column is None else column[row] for i, column in enumerate(columns)]
        try:
            texts.append(string(_format(template.text, arguments)))
        except FunctionError as error:
            if not rest:
                raise
            raise FunctionError(f"error on format iteration {row}: {error.message}") from None
    return list_of(STRING, texts)


_ARGUMENTS = Parameter("args", allow_null=True)
FORMAT_FUNCTIONS = (
    Function("format", (Parameter("format", STRING),), _ARGUMENTS, _call_format),
    Function("formatlist", (Parameter("format", STRING),), _ARGUMENTS, _call_formatlist),
)
