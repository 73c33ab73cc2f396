"""Where things stand in a file, and what is wrong there.

Positions follow HCL's own: lines and columns count from 1, columns count what a reader sees as one character (a
grapheme cluster), bytes count from 0 in the UTF-8 text as it lies in the file. Columns are counted token by token: a
mark at the start of a token is never one with the character before it.

A tree has a span for nearly every node, and hardly any of them is ever shown. So a span is two indexes into the text,
and it is the question for its position that has the line measured.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import TYPE_CHECKING

from .graphemes import clusters

if TYPE_CHECKING:
    from collections.abc import Sequence

_BOM = "\ufeff"
_WIDEST_EXCERPT = 120


class Position:
    """A place between two characters: 1-based line and column, 0-based byte offset."""

    __slots__ = ("byte", "column", "line")

    def __init__(self, line: int, column: int, byte: int) -> None:
        self.line = line
        self.column = column
        self.byte = byte


class Source:
    """A file's text, without a byte order mark.

    Bytes that are no UTF-8 are lone surrogates in it (Python's `surrogateescape`): harmless in a comment, a mistake
    elsewhere. `boundaries` are the indexes at which tokens begin and end, in order.
    """

    def __init__(self, content: bytes, filename: str) -> None:
        text = content.decode("utf-8", "surrogateescape")
        self.filename = filename
        self.text = text.removeprefix(_BOM)
        self.boundaries: Sequence[int] = ()
        self._measured: list[int] = []  # starts of lines and boundaries, in order
        self._positions: dict[int, Position] = {}  # of those
        self._start = Position(1, 1, len(_BOM.encode()) if text.startswith(_BOM) else 0)

    def position(self, index: int) -> Position:
        """Return the position before the character at `index`.

        Measured is no more than the line, from what was measured of it before. A large file may have any number of
        tokens, and of the lines before it only the ends and the bytes count.
        """
        before = self.text.rfind("\n", 0, index) + 1
        nearest = bisect_right(self._measured, index)
        if nearest and self._measured[nearest - 1] >= before:
            before = self._measured[nearest - 1]
            position = self._positions[before]
        else:
            byte = self._start.byte + len(self.text[:before].encode("utf-8", "surrogateescape"))
            position = Position(self.text.count("\n", 0, before) + 1, 1, byte)
        if not self.text[before:index].isascii():
            first, last = bisect_right(self.boundaries, before), bisect_right(self.boundaries, index)
            for boundary in self.boundaries[first:last]:
                position = position_after(position, self.text[before:boundary])
                before = boundary
            self._keep(before, position)
        return position_after(position, self.text[before:index])

    def _keep(self, index: int, position: Position) -> None:
        if index not in self._positions:
            self._positions[index] = position
            insort(self._measured, index)


class Span:
    """A stretch of a file, from `start` up to but not including `end`. `str()` is HashiCorp's short form of it."""

    __slots__ = ("end_index", "source", "start_index")

    def __init__(self, source: Source, start_index: int, end_index: int) -> None:
        self.source = source
        self.start_index = start_index
        self.end_index = end_index

    @property
    def filename(self) -> str:
        """The file."""
        return self.source.filename

    @property
    def start(self) -> Position:
        """Where it begins."""
        return self.source.position(self.start_index)

    @property
    def end(self) -> Position:
        """The place behind it."""
        return self.source.position(self.end_index)

    def __str__(self) -> str:
        start, end = self.start, self.end
        last = f"{end.column}" if end.line == start.line else f"{end.line},{end.column}"
        return f"{self.filename}:{start.line},{start.column}-{last}"


class Diagnostic:
    """One mistake: a short `summary`, a `detail` of whole sentences, and the place it is about.

    Texts are HashiCorp's wherever HCL itself has one for the mistake; these have no `hint`, which says what to do.
    """

    __slots__ = ("detail", "hint", "subject", "summary")

    def __init__(self, summary: str, detail: str, subject: Span, hint: str = "") -> None:
        self.summary = summary
        self.detail = detail
        self.subject = subject
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.subject}: {self.summary}; {self.detail}"


class HclError(Exception):
    """A text that is not HCL, or an expression that has no value.

    It has at least one diagnostic; the properties are the first one's, lines and columns from 1.
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__()
        self.diagnostics = diagnostics

    def __str__(self) -> str:
        return "\n".join(map(str, self.diagnostics))

    @property
    def summary(self) -> str:
        """What is wrong, in a few words."""
        return self.diagnostics[0].summary

    @property
    def detail(self) -> str:
        """What is wrong, in whole sentences."""
        return self.diagnostics[0].detail

    @property
    def line(self) -> int:
        """The line where it begins."""
        return self.diagnostics[0].subject.start.line

    @property
    def column(self) -> int:
        """The column where it begins."""
        return self.diagnostics[0].subject.start.column

    @property
    def end_line(self) -> int:
        """The line where it ends."""
        return self.diagnostics[0].subject.end.line

    @property
    def end_column(self) -> int:
        """The column behind its end."""
        return self.diagnostics[0].subject.end.column


def join_spans(first: Span, last: Span) -> Span:
    """Return the span from the start of `first` to the end of `last`, both of one file."""
    return Span(first.source, first.start_index, last.end_index)


def span_behind(span: Span) -> Span:
    """Return the empty span behind this one."""
    return Span(span.source, span.end_index, span.end_index)


def position_after(start: Position, text: str) -> Position:
    """Return the position behind `text` that begins at `start`. Only LF and CRLF end a line."""
    if text.isascii() and "\n" not in text:
        return Position(start.line, start.column + len(text), start.byte + len(text))
    line, column = start.line, start.column
    for cluster in clusters(text):
        if cluster in ("\n", "\r\n"):
            line, column = line + 1, 1
        else:
            column += 1
    return Position(line, column, start.byte + len(text.encode("utf-8", "surrogateescape")))


def excerpt(source: bytes, span: Span) -> str:
    """Show the first line of `span` with carets under it, below a line `FILE:LINE:COLUMN`.

    `source` is the file's content. Tabs are kept before the carets so that they stay below what they mean, and of
    a very long line only the part around the carets is shown. Bytes that are no UTF-8 show as U+FFFD.
    """
    begin = source.rfind(b"\n", 0, span.start.byte) + 1
    line_end = source.find(b"\n", span.start.byte)
    line_end = len(source) if line_end < 0 else line_end
    line = _decode(source[begin:line_end]).removesuffix("\r")
    before = len(_decode(source[begin : span.start.byte]))
    marked = len(_decode(source[span.start.byte : min(span.end.byte, line_end)]))
    line, before = _cut_around(line, before)
    marked = max(1, min(marked, len(line) - before))
    padding = "".join("\t" if char == "\t" else " " for char in line[:before])
    place = f"{span.filename}:{span.start.line}:{span.start.column}"
    return f"{place}\n{line}\n{padding}{'^' * marked}"


def _decode(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    return text.removeprefix("\ufeff")


def _cut_around(line: str, column: int) -> tuple[str, int]:
    if len(line) <= _WIDEST_EXCERPT:
        return line, column
    first = max(0, min(column - _WIDEST_EXCERPT // 2, len(line) - _WIDEST_EXCERPT))
    head = "…" if first else ""
    tail = "…" if first + _WIDEST_EXCERPT < len(line) else ""
    return head + line[first : first + _WIDEST_EXCERPT] + tail, column - first + len(head)
