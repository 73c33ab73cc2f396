"""Text to syntax tree: files with their attributes and blocks, and the two kinds of text that are one expression."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from .cursor import Lost, too_deep
from .expressions import ExpressionParser
from .gotext import quoted
from .lexer import tokenize, tokenize_template
from .source import HclError, Span, join_spans, span_behind
from .strings import literal_text
from .structure import Attribute, Block, Body
from .syntax import Expression, Literal
from .template import read_template
from .tokens import (
    CLOSE_QUOTE,
    CLOSE_SEQUENCE,
    EOF,
    IDENT,
    NEWLINE,
    OPEN_DIRECTIVE,
    OPEN_INTERPOLATION,
    OPEN_QUOTE,
    QUOTED_TEXT,
    Token,
)
from .values import NULL

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_HEADER = (OPEN_QUOTE, "{", IDENT)
_REQUIRED = "Argument or block definition required"


def parse(source: bytes, filename: str) -> Body:
    """Parse a file. Raises HclError of all mistakes, those of single tokens first."""
    return _run(FileParser(tokenize(source, filename)), FileParser.file)


def parse_expression(source: bytes, filename: str) -> Expression:
    """Parse a text that is one expression, in which newlines mean nothing. Raises HclError."""
    return _run(FileParser(tokenize(source, filename)), FileParser.whole_expression)


def parse_template(source: bytes, filename: str) -> Expression:
    """Parse a text that is one template, as between quotes but with nothing escaped. Raises HclError."""
    return _run(FileParser(tokenize_template(source, filename)), FileParser.whole_template)


def _run(parser: FileParser, read: Callable[[FileParser], _T]) -> _T:
    try:
        tree = read(parser)
    except RecursionError:
        # `MAX_NESTING` comes first unless the caller itself stands deep in the stack.
        raise HclError(*parser.mistakes, too_deep(parser.token)) from None
    parser.check()
    return tree


class FileParser(ExpressionParser):
    """Reads bodies on top of expressions."""

    def whole_expression(self) -> Expression:
        """Read an expression that goes on to the end."""
        self.newlines_end(False)
        try:
            expression = self.expression()
        except Lost:
            self.check()
            raise AssertionError("lost without a mistake") from None
        if self.token.kind != EOF:
            self.complain(
                "Extra characters after expression",
                "An expression was successfully parsed, but extra characters were found after it.",
                self.token,
            )
        return expression

    def whole_template(self) -> Expression:
        """Read a template that goes on to the end."""
        return read_template(self, EOF, self.token)

    def file(self) -> Body:
        """Read the body of a file."""
        return self._body(EOF)

    def _body(self, end: str) -> Body:
        start = self.behind
        attributes: dict[str, Attribute] = {}
        blocks: list[Block] = []
        while (token := self.read()).kind != end:
            if token.kind == NEWLINE:
                continue
            if token.kind != IDENT:
                self._no_item(token, start)
                token = self.skip_past(end)
                break
            if self.token.kind == "=":
                self._add(attributes, self._attribute(token))
            elif self.token.kind in _HEADER:
                blocks += self._block(token)
            else:
                self._no_item_after(token)
        closing = token
        return Body(
            MappingProxyType(attributes),
            tuple(blocks),
            join_spans(start, closing),
            span_behind(closing),
        )

    def _no_item(self, found: Token, start: Span) -> None:
        if found.kind == OPEN_QUOTE:
            self.complain("Invalid argument name", "Argument names must not be quoted.", found)
        elif found.kind == EOF:
            self._unclosed(start)
        else:
            self.complain(_REQUIRED, "An argument or block definition is required here.", found)

    def _no_item_after(self, name: Token) -> None:
        self.note(
            _REQUIRED,
            'An argument or block definition is required here. An argument is set with an equals sign "=".',
            name,
        )
        self.skip_item()

    def _unclosed(self, opening: Span) -> None:
        self.complain(
            "Unclosed configuration block",
            "There is no closing brace for this block before the end of the file.",
            opening,
        )

    def _add(self, attributes: dict[str, Attribute], new: Attribute) -> None:
        first = attributes.setdefault(new.name, new)
        if first is not new:
            self.note(
                "Attribute redefined",
                f"The argument {quoted(new.name)} was already set at {first.name_span}. Each argument may be set only "
                "once.",
                new.name_span,
            )

    def _attribute(self, name: Token, *, alone: bool = False) -> Attribute:
        """Read from the equals sign to the end of the line; `alone` in its block, up to the brace."""
        self.read()
        try:
            expression = self.expression()
        except Lost:
            self.skip_item()
            return Attribute(name.text, Literal(name, NULL), name, name)
        span = join_spans(name, self.behind)
        if not alone:
            self._end_of_argument()
        return Attribute(name.text, expression, name, span)

    def _end_of_argument(self) -> None:
        end = self.token
        if end.kind in (NEWLINE, EOF):
            self.read()
            return
        if end.kind == ",":
            self.complain(
                "Unexpected comma after argument",
                "Arguments are separated by newlines, not commas. An argument definition must end with a newline.",
                end,
            )
        else:
            self.complain("Missing newline after argument", "An argument definition must end with a newline.", end)
        self.skip_item()

    def _block(self, name: Token) -> list[Block]:
        """Read a block from behind its type; none comes of one whose header is broken."""
        labels, label_spans = self._labels()
        if self.token.kind != "{":
            self._broken_header(self.token)
            return []
        self.enter()
        opening = self.read()
        several_lines = self.token.kind in (NEWLINE, EOF, "}")
        body = self._body("}") if several_lines else self._single_line_body(opening)
        closing = self.behind
        if self.token.kind not in (NEWLINE, EOF):
            self.complain(
                "Missing newline after block definition", "A block definition must end with a newline.", self.token
            )
            self.skip_item()
        else:
            self.read()
        self.leave()
        return [
            Block(
                name.text,
                labels,
                body,
                type_span=name,
                label_spans=label_spans,
                open_span=opening,
                close_span=closing,
            )
        ]

    def _labels(self) -> tuple[tuple[str, ...], tuple[Span, ...]]:
        labels: list[str] = []
        spans: list[Span] = []
        while (kind := self.token.kind) in (IDENT, OPEN_QUOTE):
            if kind == IDENT:
                token = self.read()
                labels.append(token.text)
                spans.append(token)
            else:
                label, span = self._quoted_label()
                labels.append(label)
                spans.append(span)
        return tuple(labels), tuple(spans)

    def _broken_header(self, found: Token) -> None:
        summary = "Invalid block definition"
        if found.kind == "=":
            detail = 'The equals sign "=" makes an argument of it, and must not be used in the definition of a block.'
            self.note(summary, detail, found)
        elif found.kind == NEWLINE:
            self.note(summary, 'The opening brace "{" of a block must stand on the line of its header.', found)
        else:
            detail = 'Either a quoted string block label or an opening brace ("{") is expected here.'
            self.complain(summary, detail, found)
        self.skip_item()

    def _quoted_label(self) -> tuple[str, Span]:
        opening = self.read()
        parts: list[str] = []
        while (token := self.read()).kind != CLOSE_QUOTE:
            if token.kind == QUOTED_TEXT:
                text, mistakes = literal_text(token)
                self.note_all(mistakes)
                parts.append(text)
            elif token.kind in (OPEN_INTERPOLATION, OPEN_DIRECTIVE):
                self.note(
                    "Invalid string literal",
                    f'Template sequences are not allowed in this string. A literal "{token.text[0]}" before a brace is '
                    "doubled.",
                    token,
                )
                self.skip_past(CLOSE_SEQUENCE)
            else:
                self._unclosed_label(token)
                break
        return "".join(parts), join_spans(opening, token)

    def _unclosed_label(self, found: Token) -> None:
        if found.kind == EOF:
            detail = "Unable to find the closing quote mark before the end of the file."
            self.note("Unterminated string literal", detail, found)
        else:
            self.note("Invalid string literal", "This item is not valid in a string literal.", found)
            self.skip_past(CLOSE_QUOTE)

    def _single_line_body(self, opening: Token) -> Body:
        """Read the one argument of a block that is written on one line, and the closing brace."""
        before = len(self.mistakes)
        body = self._single_argument()
        if self.token.kind == "}":
            self.read()
            return body
        of_argument = self.mistakes[before:]
        del self.mistakes[before:]
        self._broken_single_line(self.token, opening)
        self.mistakes += of_argument  # HashiCorp's parser tells of the block first
        self.skip_past("}")
        return body

    def _single_argument(self) -> Body:
        name = self.read()
        nothing = Body(MappingProxyType({}), (), name, name)
        if name.kind != IDENT:
            self.note(_REQUIRED, "An argument or block definition is required here.", name)
            self.skip_item()
            return nothing
        if self.token.kind in _HEADER:
            self.note(
                "Argument definition required",
                "A block on a single line can hold only a single argument, set with an equals sign. A nested block "
                "needs a line of its own.",
                join_spans(name, self.token),
            )
            self.skip_item()
            return nothing
        if self.token.kind != "=":
            self._no_item_after(name)
            return nothing
        attribute = self._attribute(name, alone=True)
        return Body(MappingProxyType({attribute.name: attribute}), (), attribute.span, span_behind(attribute.span))

    def _broken_single_line(self, found: Token, opening: Span) -> None:
        summary = "Invalid single-argument block definition"
        if found.kind == ",":
            detail = "A block on a single line can hold only one argument. Write each of several on a line of its own."
            self.note(summary, detail, found)
        elif found.kind == NEWLINE:
            detail = "An argument on the line of its block's header makes a block on a single line, closed there too."
            self.note(summary, detail, found)
        elif found.kind == EOF:
            self._unclosed(opening)
        else:
            detail = "A block on a single line must end with a closing brace right behind its single argument."
            self.complain(summary, detail, found)
