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
from itertools import islice
from typing import TYPE_CHECKING

from .cursor import Lost
from .directives import KEYWORDS, Directive, DirectiveTree, Part
from .gotext import SPACES, quoted
from .graphemes import clusters
from .source import Span, join_spans, span_behind
from .strings import literal_text
from .suggest import did_you_mean
from .syntax import Expression, Literal, Template, TemplateWrap
from .tokens import (
    CLOSE_QUOTE,
    CLOSE_SEQUENCE,
    EOF,
    IDENT,
    OPEN_DIRECTIVE,
    OPEN_INTERPOLATION,
    OPEN_QUOTE,
    QUOTED_TEXT,
    TEXT,
    Token,
)
from .values import string

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .cursor import Cursor


class _Text:
    def __init__(self, text: str, span: Span) -> None:
        self.text = text
        self.span = span


_Piece = _Text | Directive | Expression  # an interpolation is the expression in it


def read_template(cursor: Cursor, end: str, start: Span, *, indented: bool = False) -> Expression:
    """Read a template up to and including the token `end`. `start` is where its span begins.

    With `indented` the common indentation of its lines is taken away (`<<-`).
    """
    cursor.enter()
    first = cursor.token
    pieces = _read_pieces(cursor, end)
    closing = cursor.behind
    cursor.leave()
    if indented:
        _take_indentation(pieces)
    span = join_spans(start, closing)
    if len(pieces) == 1 and isinstance(pieces[0], Expression):
        return TemplateWrap(span, pieces[0])
    parts = DirectiveTree(cursor, closing).build(_melded(pieces or [_Text("", span_behind(first))]))
    return Template(span, parts)


def _read_pieces(cursor: Cursor, end: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    trim_next = False
    open_directives = 0
    first = cursor.token
    while (token := cursor.read()).kind != end:
        if token.kind in (TEXT, QUOTED_TEXT):
            text, mistakes = literal_text(token)
            cursor.note_all(mistakes)
            pieces.append(_Text(text.lstrip(SPACES) if trim_next else text, token))
            trim_next = False
            continue
        if token.kind not in (OPEN_INTERPOLATION, OPEN_DIRECTIVE):
            cursor.complain("Unterminated template string", "No closing marker was found for the string.", token)
            cursor.skip_past(end)
            break
        if token.text.endswith("~") and pieces and isinstance(before := pieces[-1], _Text):
            before.text = before.text.rstrip(SPACES)
        cursor.newlines_end(False)
        if token.kind == OPEN_INTERPOLATION:
            interpolation, close = _interpolation(cursor, first, end)
            pieces.append(interpolation)
        else:
            directive, close = _directive(cursor, token)
            if directive is not None:
                open_directives += _note_directive(cursor, directive)
                pieces.append(directive)
        cursor.newlines_before()
        trim_next = close.text.startswith("~")
    cursor.leave(open_directives)
    return pieces


def _note_directive(cursor: Cursor, piece: Directive) -> int:
    """Count what stands between `if` or `for` and its end as one level deeper. Return the change of level."""
    if piece.keyword in ("if", "for"):
        cursor.enter()
        return 1
    if piece.keyword in ("endif", "endfor"):
        cursor.leave()
        return -1
    return 0


def _subexpression(cursor: Cursor) -> Expression:
    """Read an expression; if it is lost, what comes next is seen to by whoever looks for the closing brace."""
    try:
        return cursor.expression()
    except Lost:
        return Literal(cursor.token, string(""))


def _interpolation(cursor: Cursor, first: Span, end: str) -> tuple[Expression, Token]:
    expression = _subexpression(cursor)
    close = cursor.token
    if close.kind == CLOSE_SEQUENCE:
        cursor.read()
    else:
        _unclosed_interpolation(cursor, close, first, end)
        cursor.skip_past(CLOSE_SEQUENCE)
    return expression, close


def _unclosed_interpolation(cursor: Cursor, found: Token, first: Span, end: str) -> None:
    quote = found.kind in (OPEN_QUOTE, CLOSE_QUOTE) and end is CLOSE_QUOTE
    if quote or found.kind == EOF:
        where = "file" if found.kind == EOF else "quoted template"
        cursor.complain(
            "Unclosed template interpolation sequence",
            f"There is no closing brace for this interpolation sequence before the end of the {where}.",
            first,
        )
    else:
        cursor.complain(
            "Extra characters after interpolation expression",
            'Expected a closing brace after the expression. If the sequence is meant for another language, write "$${" '
            'instead of "${".',
            found,
        )


def _directive(cursor: Cursor, token: Token) -> tuple[Directive | None, Token]:
    """Read a directive up to and including its closing brace. Nothing comes of one that is broken."""
    keyword = cursor.token
    directive = Directive(keyword.text, token)
    if not _is_directive(cursor, directive):
        return None, cursor.skip_past(CLOSE_SEQUENCE)
    close = cursor.token
    directive.span = join_spans(token, close)
    if close.kind == CLOSE_SEQUENCE:
        cursor.read()
    else:
        cursor.complain(
            f"Extra characters in {keyword.text} marker",
            "Expected a closing brace to end the sequence, but found extra characters.",
            close,
        )
        cursor.skip_past(CLOSE_SEQUENCE)
    return directive, close


def _is_directive(cursor: Cursor, directive: Directive) -> bool:
    """Read all of a directive but its closing brace, or complain and return False."""
    keyword = cursor.token
    if keyword.kind != IDENT:
        cursor.complain(
            "Invalid template directive",
            'A template directive keyword ("if", "for", etc) is expected at the beginning of a %{ sequence.',
            keyword,
        )
        return False
    cursor.read()
    if keyword.text == "if":
        directive.subject = _subexpression(cursor)
    elif keyword.text == "for":
        return _for_header(cursor, directive)
    elif keyword.text not in KEYWORDS:
        cursor.complain(
            "Invalid template control keyword",
            f"{quoted(keyword.text)} is not a valid template control keyword.{did_you_mean(keyword.text, KEYWORDS)}",
            keyword,
        )
        return False
    return True


def _for_header(cursor: Cursor, directive: Directive) -> bool:
    mistake = ""
    if cursor.token.kind != IDENT:
        mistake = "For directive requires variable name after 'for'."
    else:
        directive.value_name = cursor.read().text
        if cursor.token.kind == ",":
            cursor.read()
            if cursor.token.kind == IDENT:
                directive.key_name, directive.value_name = directive.value_name, cursor.read().text
            else:
                mistake = "For directive requires value variable name after comma."
    if not mistake and not cursor.next_is_word("in"):
        mistake = "For directive requires 'in' keyword after names."
    if mistake:
        cursor.complain("Invalid 'for' directive", mistake, cursor.token)
        return False
    cursor.read()
    directive.subject = _subexpression(cursor)
    return True


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
        taken = sum(len(cluster) for cluster in islice(clusters(piece.text), least))
        piece.text = piece.text[taken:]
        piece.span = Span(piece.span.source, piece.span.start_index + taken, piece.span.end_index)


def _melded(pieces: Sequence[_Piece]) -> list[Part]:
    melded: list[Part] = []
    run: list[_Text] = []
    for piece in pieces:
        if isinstance(piece, _Text):
            run.append(piece)
            continue
        if run:
            melded.append(_literal(run))
            run = []
        melded.append(piece)
    if run:
        melded.append(_literal(run))
    return melded


def _literal(run: Sequence[_Text]) -> Literal:
    span = run[0].span if len(run) == 1 else join_spans(run[0].span, run[-1].span)
    return Literal(span, string("".join([piece.text for piece in run])))
