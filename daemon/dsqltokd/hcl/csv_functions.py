"""`csvdecode`: CSV as Go's `encoding/csv` reads it, which is stricter than Python's module about quotes.

Rule 1: a line ends with LF or CRLF; a lone CR is part of a field, but for one at the very end. Empty lines do not
count.
Rule 2: a field is quoted if its first character is a quote; then nothing may follow the closing quote, and in a field
that is not quoted no quote may stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .arguments import to_value
from .scope import FunctionError
from .types import STRING, object_type
from .values import Value, list_of, object_of, string

if TYPE_CHECKING:
    from collections.abc import Iterator


def _csvdecode(text: str) -> Value:
    records = _records(text)
    headers = next(records, None)
    if headers is None:
        raise FunctionError("missing header line")
    names = headers[1]
    if len(set(names)) < len(names):
        raise FunctionError("two columns have the same name")
    rows: list[Value] = []
    for line, record in records:
        if len(record) != len(names):
            raise _error(line, "wrong number of fields")
        rows.append(object_of({name: string(field) for name, field in zip(names, record, strict=True)}))
    return list_of(rows[0].type if rows else object_type(dict.fromkeys(names, STRING)), rows)


def _error(line: int, what: str) -> FunctionError:
    return FunctionError(f"CSV parse error on line {line}: {what}")


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each record with the number of its first line."""
    lines = _Lines(text)
    while (line := lines.next()) is not None:
        if line not in ("", "\n"):
            start = lines.number
            yield start, _record(line, lines)


class _Lines:
    """The lines of a text, each with the LF it ends with but for the last."""

    def __init__(self, text: str) -> None:
        self._left = iter(text.split("\n"))
        self._following = next(self._left)
        self._ended = False
        self.number = 0

    def next(self) -> str | None:
        """Return the next line, None after the last one."""
        if self._ended:
            return None
        line, following = self._following, next(self._left, None)
        self._ended = following is None
        self._following = following or ""
        if self._ended and not line:
            return None
        self.number += 1
        return line.removesuffix("\r") + ("" if self._ended else "\n")


def _record(line: str, lines: _Lines) -> list[str]:
    fields: list[str] = []
    place = 0
    while True:
        if line.startswith('"', place):
            field, line, place = _quoted(line, place + 1, lines)
        else:
            comma = line.find(",", place)
            field = line[place:comma] if comma >= 0 else line[place:].removesuffix("\n")
            place = comma + 1 if comma >= 0 else len(line) + 1
            if '"' in field:
                raise _error(lines.number, 'bare " in a field that is not quoted')
        fields.append(field)
        if place > len(line):
            return fields


def _quoted(line: str, place: int, lines: _Lines) -> tuple[str, str, int]:
    """Read a quoted field from behind its opening quote.

    Return the field, the line it ends in, and the place behind the comma there, or beyond the line without a comma.
    """
    parts: list[str] = []
    while True:
        quote = line.find('"', place)
        if quote < 0:
            parts.append(line[place:])
            line, place = lines.next() or "", 0
            if not line:
                raise _error(lines.number, 'extraneous or missing " in a quoted field')
            continue
        parts.append(line[place:quote])
        after = line[quote + 1 : quote + 2]
        if after == '"':
            parts.append('"')
            place = quote + 2
        elif after == ",":
            return "".join(parts), line, quote + 2
        elif after in ("", "\n"):
            return "".join(parts), line, len(line) + 1
        else:
            raise _error(lines.number, 'extraneous or missing " in a quoted field')


CSV_FUNCTIONS = (to_value("csvdecode", ("str",), _csvdecode),)
