"""The directives of a template, `%{ if }` and `%{ for }`, matched with their ends into a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .source import Span, join_spans, span_behind
from .syntax import Conditional, Expression, For, Literal, Template, TemplateJoin
from .values import string

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .cursor import Cursor

KEYWORDS = ("if", "for", "else", "endif", "endfor")


class Directive:
    """One of `KEYWORDS`. `subject` is the condition of an `if` and the collection of a `for`."""

    def __init__(self, keyword: str, span: Span) -> None:
        self.keyword = keyword
        self.span = span
        self.subject: Expression | None = None
        self.key_name: str | None = None
        self.value_name = ""


Part = Directive | Expression
"""What a template is a row of once its literal texts are expressions."""


class _Open:
    """An `if` or `for` whose end has not come yet."""

    def __init__(self, directive: Directive) -> None:
        self.directive = directive
        self.parts: list[Expression] = []
        self.otherwise: list[Expression] | None = None

    @property
    def takes_else(self) -> bool:
        """Whether an `else` may come: it is an `if` without one."""
        return self.directive.keyword == "if" and self.otherwise is None


class DirectiveTree:
    """Matches directives. A loop with a stack of its own: directives nest without Python's stack."""

    def __init__(self, cursor: Cursor, end: Span) -> None:
        self._cursor = cursor
        self._end = end
        self._open: list[_Open] = []
        self._parts: list[Expression] = []  # those of the innermost open arm

    def build(self, row: Iterable[Part]) -> tuple[Expression, ...]:
        """Return the parts of the whole template. A directive that does not match ends the one it stands in."""
        root = self._parts
        for part in row:
            if isinstance(part, Expression):
                self._parts.append(part)
            elif part.keyword in ("if", "for"):
                self._open.append(_Open(part))
                self._parts = self._open[-1].parts
            else:
                self._end_or_else(part, root)
        for unclosed in reversed(self._open):
            start = unclosed.directive
            self._cursor.note(
                "Unexpected end of template",
                f"The {start.keyword} directive at {start.span} is missing its corresponding end{start.keyword} "
                "directive.",
                self._end,
            )
        return tuple(root)

    def _end_or_else(self, piece: Directive, root: list[Expression]) -> None:
        innermost = self._open[-1] if self._open else None
        if innermost is not None and piece.keyword == "else" and innermost.takes_else:
            self._parts = innermost.otherwise = []
            return
        mistake = _mismatch(innermost, piece)
        if mistake:
            self._cursor.note(f"Unexpected {piece.keyword} directive", mistake, piece.span)
        if innermost is None:
            return
        self._open.pop()
        self._parts = self._innermost_parts(root)
        if not mistake:
            loop = innermost.directive.keyword == "for"
            self._parts.append(_loop(innermost, piece) if loop else _conditional(innermost, piece))

    def _innermost_parts(self, root: list[Expression]) -> list[Expression]:
        if not self._open:
            return root
        innermost = self._open[-1]
        return innermost.parts if innermost.otherwise is None else innermost.otherwise


def _mismatch(opened: _Open | None, end: Directive) -> str:
    """Say why `end`, which is no `else` that is welcome, cannot end what is open; nothing if it can."""
    if opened is None:
        return "The control directives within this template are unbalanced."
    start = opened.directive
    if end.keyword == f"end{start.keyword}":
        return ""
    if end.keyword != "else":
        return f"Expecting an end{start.keyword} directive for the {start.keyword} started at {start.span}."
    if start.keyword == "if":
        return f"Already in the else clause for the if started at {start.span}."
    return "An else clause is not expected for a for directive."


def _arm(parts: Sequence[Expression], where: Span) -> Template:
    """Return the parts as a template; an empty one has its place at `where`."""
    parts = parts or [Literal(where, string(""))]
    return Template(join_spans(parts[0].span, parts[-1].span), tuple(parts))


def _subject(directive: Directive) -> Expression:
    if directive.subject is None:  # only `if` and `for` are opened, and both have one
        raise AssertionError(directive.keyword)
    return directive.subject


def _conditional(opened: _Open, end: Directive) -> Conditional:
    start = opened.directive
    if_true = _arm(opened.parts, span_behind(start.span))
    if_false = _arm(opened.otherwise or (), Span(end.span.source, end.span.start_index, end.span.start_index))
    return Conditional(join_spans(start.span, end.span), _subject(start), if_true, if_false)


def _loop(opened: _Open, end: Directive) -> TemplateJoin:
    start = opened.directive
    span = join_spans(start.span, end.span)
    content = _arm(opened.parts, span_behind(start.span))
    return TemplateJoin(
        span,
        For(
            span,
            key_name=start.key_name,
            value_name=start.value_name,
            collection=_subject(start),
            key=None,
            value=content,
            condition=None,
            group=False,
            open_span=start.span,
        ),
    )
