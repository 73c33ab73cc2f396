"""Where things stand in a file, and what is wrong there.

Positions follow HCL's own: lines and columns count from 1, columns count what a reader sees as one character (a
grapheme cluster), bytes count from 0 in the UTF-8 text as it lies in the file.
"""

from __future__ import annotations

from dataclasses import dataclass

_WIDEST_EXCERPT = 120


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two characters: 1-based line and column, 0-based byte offset."""

    line: int
    column: int
    byte: int


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a file, from `start` up to but not including `end`. `str()` is HashiCorp's short form of it."""

    filename: str
    start: Position
    end: Position

    def __str__(self) -> str:
        last = f"{self.end.column}" if self.end.line == self.start.line else f"{self.end.line},{self.end.column}"
        return f"{self.filename}:{self.start.line},{self.start.column}-{last}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake: a short `summary`, a `detail` of whole sentences, and the place it is about.

    Texts are HashiCorp's wherever HCL itself has one for the mistake; these have no `hint`, which says what to do.
    """

    summary: str
    detail: str
    subject: Span
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.subject}: {self.summary}; {self.detail}"


class HclError(Exception):
    """A text that is not HCL, or an expression that has no value.

    It has at least one diagnostic; the properties are the first one's, lines and columns from 1.
    """

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("\n".join(map(str, diagnostics)))
        self.diagnostics = diagnostics

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
    return Span(first.filename, first.start, last.end)


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
