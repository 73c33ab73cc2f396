"""Templates: the text between quotes, in a heredoc, or in a file of its own.

Rule 1: a template is first read as a flat row of pieces, because trimming works on that row: `~` takes the white space
of the literal text next to it, and the `<<-` form takes the common indentation from the start of lines.
Rule 2: indentation is counted on the row, not on the result, so a value with spaces in it moves nothing. Lines of
white space alone do not count. A line whose newline a `~` took away does not start a new one.
Rule 3: neighbouring literal texts become one after trimming; then directives are matched into a tree.
Rule 4: a row of one interpolation alone keeps the type of its value.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from .gotext import SPACES, quoted
from .graphemes import clusters
from .source import Position, Span, join_spans
from .strings import literal_text
from .suggest import did_you_mean
from .syntax import Conditional, Expression, For, Literal, Template, TemplateJoin, TemplateWrap
from .tokens import Token, TokenKind
from .values import string

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .cursor import Cursor

_KEYWORDS = ("if", "for", "else", "endif", "endfor")


@dataclass(slots=True)
class _Text:
    text: str
    span: Span


@dataclass(slots=True)
class _Interpolation:
    expression: Expression
    span: Span


@dataclass(slots=True)
class _Directive:
    """One of `_KEYWORDS`. `subject` is the condition of an `if` and the collection of a `for`."""

    keyword: str
    span: Span
    subject: Expression | None = None
    key_name: str | None = None
    value_name: str = ""


_Piece = _Text | _Interpolation | _Directive


def read_template(cursor: Cursor, end: TokenKind, start: Span, *, indented: bool = False) -> Expression:
    """Read a template up to and including the token `end`. `start` is where its span begins.

    With `indented` the common indentation of its lines is taken away (`<<-`).
    """
    cursor.enter()
    first = cursor.at
    pieces = _read_pieces(cursor, end)
    closing = cursor.behind
    cursor.leave()
    if indented:
        _take_indentation(pieces)
    pieces = _melded(pieces) or [_Text("", Span(first.filename, first.end, first.end))]
    span = join_spans(start, closing)
    if len(pieces) == 1 and isinstance(pieces[0], _Interpolation):
        return TemplateWrap(span, pieces[0].expression)
    return Template(span, _Tree(cursor, closing).build(pieces))


def _read_pieces(cursor: Cursor, end: TokenKind) -> list[_Piece]:
    pieces: list[_Piece] = []
    trim_next = False
    open_directives = 0
    first = cursor.at
    while not cursor.next_is(end):
        token = cursor.read()
        if token.kind in (TokenKind.TEXT, TokenKind.QUOTED_TEXT):
            text, mistakes = literal_text(token)
            cursor.mistakes.extend(mistakes)
            pieces.append(_Text(text.lstrip(SPACES) if trim_next else text, token.span))
            trim_next = False
            continue
        if token.kind not in (TokenKind.OPEN_INTERPOLATION, TokenKind.OPEN_DIRECTIVE):
            cursor.fail("Unterminated template string", "No closing marker was found for the string.", token.span)
        if token.text.endswith("~") and pieces and isinstance(before := pieces[-1], _Text):
            before.text = before.text.rstrip(SPACES)
        cursor.newlines_end(False)
        if token.kind is TokenKind.OPEN_INTERPOLATION:
            interpolation, close = _interpolation(cursor, token, first, end)
            pieces.append(interpolation)
        else:
            directive, close = _directive(cursor, token)
            open_directives += _note_directive(cursor, directive)
            pieces.append(directive)
        cursor.newlines_before()
        trim_next = close.text.startswith("~")
    cursor.leave(open_directives)
    cursor.read()
    return pieces


def _note_directive(cursor: Cursor, piece: _Directive) -> int:
    """Count what stands between `if` or `for` and its end as one level deeper. Return the change of level."""
    if piece.keyword in ("if", "for"):
        cursor.enter()
        return 1
    if piece.keyword in ("endif", "endfor"):
        cursor.leave()
        return -1
    return 0


def _interpolation(cursor: Cursor, token: Token, first: Span, end: TokenKind) -> tuple[_Interpolation, Token]:
    expression = cursor.expression()
    close = cursor.peek()
    if close.kind is not TokenKind.CLOSE_SEQUENCE:
        _unclosed_interpolation(cursor, close, first, end)
    cursor.read()
    return _Interpolation(expression, join_spans(token.span, close.span)), close


def _unclosed_interpolation(cursor: Cursor, found: Token, first: Span, end: TokenKind) -> NoReturn:
    quote = found.kind in (TokenKind.OPEN_QUOTE, TokenKind.CLOSE_QUOTE) and end is TokenKind.CLOSE_QUOTE
    if quote or found.kind is TokenKind.EOF:
        where = "file" if found.kind is TokenKind.EOF else "quoted template"
        cursor.fail(
            "Unclosed template interpolation sequence",
            f"There is no closing brace for this interpolation sequence before the end of the {where}.",
            first,
        )
    cursor.fail(
        "Extra characters after interpolation expression",
        'Expected a closing brace after the expression. If the sequence is meant for another language, write "$${" '
        'instead of "${".',
        found.span,
    )


def _directive(cursor: Cursor, token: Token) -> tuple[_Directive, Token]:
    keyword = cursor.peek()
    if keyword.kind is not TokenKind.IDENT:
        cursor.fail(
            "Invalid template directive",
            'A template directive keyword ("if", "for", etc) is expected at the beginning of a %{ sequence.',
            keyword.span,
        )
    cursor.read()
    directive = _Directive(keyword.text, token.span)
    if keyword.text == "if":
        directive.subject = cursor.expression()
    elif keyword.text == "for":
        _for_header(cursor, directive)
    elif keyword.text not in _KEYWORDS:
        suggestion = did_you_mean(keyword.text, _KEYWORDS)
        cursor.fail(
            "Invalid template control keyword",
            f"{quoted(keyword.text)} is not a valid template control keyword.{suggestion}",
            keyword.span,
        )
    close = cursor.peek()
    if close.kind is not TokenKind.CLOSE_SEQUENCE:
        cursor.fail(
            f"Extra characters in {keyword.text} marker",
            "Expected a closing brace to end the sequence, but found extra characters.",
            close.span,
        )
    directive.span = join_spans(token.span, close.span)
    cursor.read()
    return directive, close


def _for_header(cursor: Cursor, directive: _Directive) -> None:
    directive.value_name = _for_name(cursor, "For directive requires variable name after 'for'.")
    if cursor.next_is(TokenKind.COMMA):
        cursor.read()
        directive.key_name = directive.value_name
        directive.value_name = _for_name(cursor, "For directive requires value variable name after comma.")
    if not cursor.next_is_word("in"):
        cursor.fail("Invalid 'for' directive", "For directive requires 'in' keyword after names.", cursor.at)
    cursor.read()
    directive.subject = cursor.expression()


def _for_name(cursor: Cursor, missing: str) -> str:
    if not cursor.next_is(TokenKind.IDENT):
        cursor.fail("Invalid 'for' directive", missing, cursor.at)
    return cursor.read().text


def _take_indentation(pieces: Sequence[_Piece]) -> None:
    least = sys.maxsize
    indented: list[_Text] = []
    at_line_start = True
    for piece in pieces:
        text = piece.text if isinstance(piece, _Text) else ""
        rest = text.lstrip(SPACES)
        blank_line = not rest and text.endswith("\n")
        if at_line_start and not blank_line:
            least = min(least, sum(1 for _ in clusters(text[: len(text) - len(rest)])))
            if isinstance(piece, _Text):
                indented.append(piece)
        at_line_start = text.endswith("\n")
    for piece in indented:
        taken = "".join([cluster for cluster, _ in zip(clusters(piece.text), range(least), strict=False)])
        piece.text = piece.text[len(taken) :]
        start = piece.span.start
        moved = Position(start.line, start.column + least, start.byte + len(taken.encode()))
        piece.span = Span(piece.span.filename, moved, piece.span.end)


def _melded(pieces: Sequence[_Piece]) -> list[_Piece]:
    melded: list[_Piece] = []
    run: list[_Text] = []
    for piece in (*pieces, None):
        if isinstance(piece, _Text):
            run.append(piece)
            continue
        if run:
            melded.append(_Text("".join(text.text for text in run), join_spans(run[0].span, run[-1].span)))
            run = []
        if piece is not None:
            melded.append(piece)
    return melded


@dataclass(slots=True)
class _Open:
    """An `if` or `for` whose end has not come yet."""

    directive: _Directive
    parts: list[Expression] = field(default_factory=list)
    otherwise: list[Expression] | None = None


class _Tree:
    """Matches directives. A loop with a stack of its own: directives nest without Python's stack."""

    def __init__(self, cursor: Cursor, end: Span) -> None:
        self._cursor = cursor
        self._end = end
        self._open: list[_Open] = []
        self._parts: list[Expression] = []  # those of the innermost open arm

    def build(self, pieces: Sequence[_Piece]) -> tuple[Expression, ...]:
        """Return the parts of the whole template. Fails on directives that do not match."""
        root = self._parts
        for piece in pieces:
            match piece:
                case _Text():
                    self._parts.append(Literal(piece.span, string(piece.text)))
                case _Interpolation():
                    self._parts.append(piece.expression)
                case _Directive(keyword="if" | "for"):
                    self._open.append(_Open(piece))
                    self._parts = self._open[-1].parts
                case _:
                    self._end_or_else(piece, root)
        if self._open:
            start = self._open[-1].directive
            self._cursor.fail(
                "Unexpected end of template",
                f"The {start.keyword} directive at {start.span} is missing its corresponding end{start.keyword} "
                "directive.",
                self._end,
            )
        return tuple(root)

    def _end_or_else(self, piece: _Directive, root: list[Expression]) -> None:
        innermost = self._open[-1] if self._open else None
        if innermost is None:
            self._unexpected(piece, "The control directives within this template are unbalanced.")
        start = innermost.directive
        if piece.keyword == "else" and start.keyword == "if" and innermost.otherwise is None:
            self._parts = innermost.otherwise = []
            return
        if piece.keyword == "else":
            already = f"Already in the else clause for the if started at {start.span}."
            not_here = "An else clause is not expected for a for directive."
            self._unexpected(piece, already if start.keyword == "if" else not_here)
        if piece.keyword != f"end{start.keyword}":
            self._unexpected(
                piece, f"Expecting an end{start.keyword} directive for the {start.keyword} started at {start.span}."
            )
        self._open.pop()
        whole = _conditional(innermost, piece) if start.keyword == "if" else _loop(innermost, piece)
        self._parts = self._innermost_parts(root)
        self._parts.append(whole)

    def _innermost_parts(self, root: list[Expression]) -> list[Expression]:
        if not self._open:
            return root
        innermost = self._open[-1]
        return innermost.parts if innermost.otherwise is None else innermost.otherwise

    def _unexpected(self, piece: _Directive, detail: str) -> NoReturn:
        self._cursor.fail(f"Unexpected {piece.keyword} directive", detail, piece.span)


def _arm(parts: Sequence[Expression], where: Position, filename: str) -> Template:
    """Return the parts as a template; an empty one has its place at `where`."""
    parts = parts or [Literal(Span(filename, where, where), string(""))]
    return Template(join_spans(parts[0].span, parts[-1].span), tuple(parts))


def _subject(directive: _Directive) -> Expression:
    if directive.subject is None:  # only `if` and `for` are opened, and both have one
        raise AssertionError(directive.keyword)
    return directive.subject


def _conditional(opened: _Open, end: _Directive) -> Conditional:
    start = opened.directive
    if_true = _arm(opened.parts, start.span.end, start.span.filename)
    if_false = _arm(opened.otherwise or (), end.span.start, start.span.filename)
    return Conditional(join_spans(start.span, end.span), _subject(start), if_true, if_false)


def _loop(opened: _Open, end: _Directive) -> TemplateJoin:
    start = opened.directive
    span = join_spans(start.span, end.span)
    content = _arm(opened.parts, start.span.end, start.span.filename)
    return TemplateJoin(
        span,
        For(
            span,
            start.key_name,
            start.value_name,
            _subject(start),
            key=None,
            value=content,
            condition=None,
            group=False,
            open_span=start.span,
        ),
    )
