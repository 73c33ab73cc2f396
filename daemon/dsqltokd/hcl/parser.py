"""Text to syntax tree: files with their attributes and blocks, and the two kinds of text that are one expression."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn, TypeVar

from .cursor import too_deep
from .expressions import ExpressionParser
from .gotext import quoted
from .lexer import tokenize, tokenize_template
from .source import HclError, Span, join_spans, span_behind
from .strings import literal_text
from .structure import Attribute, Block, Body
from .template import read_template
from .tokens import CLOSE_QUOTE, EOF, IDENT, NEWLINE, OPEN_DIRECTIVE, OPEN_INTERPOLATION, OPEN_QUOTE, QUOTED_TEXT, Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from .syntax import Expression

_T = TypeVar("_T")
_HEADER = (OPEN_QUOTE, "{", IDENT)
_REQUIRED = "Argument or block definition required"


def parse(source: bytes, filename: str) -> Body:
    """Parse a file. Raises HclError: all mistakes of single tokens, and the first one of the structure."""
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
        expression = self.expression()
        if self.token.kind != EOF:
            self.fail(
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
        while self.token.kind != end:
            token = self.read()
            if token.kind == NEWLINE:
                continue
            if token.kind != IDENT:
                self._no_item(token, start)
            if self.token.kind == "=":
                self._add(attributes, self._attribute(token))
            elif self.token.kind in _HEADER:
                blocks.append(self._block(token))
            else:
                self._no_item_after(token)
        closing = self.read()
        return Body(
            MappingProxyType(attributes),
            tuple(blocks),
            join_spans(start, closing),
            span_behind(closing),
        )

    def _no_item(self, found: Token, start: Span) -> NoReturn:
        if found.kind == OPEN_QUOTE:
            self.fail("Invalid argument name", "Argument names must not be quoted.", found)
        if found.kind == EOF:
            self._unclosed(start)
        self.fail(_REQUIRED, "An argument or block definition is required here.", found)

    def _no_item_after(self, name: Token) -> NoReturn:
        self.fail(
            _REQUIRED,
            'An argument or block definition is required here. An argument is set with an equals sign "=".',
            name,
        )

    def _unclosed(self, opening: Span) -> NoReturn:
        self.fail(
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
        expression = self.expression()
        span = join_spans(name, self.behind)
        if not alone:
            self._end_of_argument()
        return Attribute(name.text, expression, name, span)

    def _end_of_argument(self) -> None:
        end = self.token
        if end.kind == ",":
            self.fail(
                "Unexpected comma after argument",
                "Arguments are separated by newlines, not commas. An argument definition must end with a newline.",
                end,
            )
        if end.kind not in (NEWLINE, EOF):
            self.fail("Missing newline after argument", "An argument definition must end with a newline.", end)
        self.read()

    def _block(self, name: Token) -> Block:
        self.enter()
        labels, label_spans = self._labels()
        opening = self.read()
        several_lines = self.token.kind in (NEWLINE, EOF, "}")
        body = self._body("}") if several_lines else self._single_line_body(opening)
        closing = self.behind
        if self.token.kind not in (NEWLINE, EOF):
            self.fail(
                "Missing newline after block definition", "A block definition must end with a newline.", self.token
            )
        self.read()
        self.leave()
        return Block(
            name.text,
            labels,
            body,
            type_span=name,
            label_spans=label_spans,
            open_span=opening,
            close_span=closing,
        )

    def _labels(self) -> tuple[tuple[str, ...], tuple[Span, ...]]:
        labels: list[str] = []
        spans: list[Span] = []
        while self.token.kind != "{":
            if self.token.kind == IDENT:
                token = self.read()
                labels.append(token.text)
                spans.append(token)
            elif self.token.kind == OPEN_QUOTE:
                label, span = self._quoted_label()
                labels.append(label)
                spans.append(span)
            else:
                self._broken_header(self.token)
        return tuple(labels), tuple(spans)

    def _broken_header(self, found: Token) -> NoReturn:
        detail = 'Either a quoted string block label or an opening brace ("{") is expected here.'
        if found.kind == "=":
            detail = 'The equals sign "=" makes an argument of it, and must not be used in the definition of a block.'
        elif found.kind == NEWLINE:
            detail = 'The opening brace "{" of a block must stand on the line of its header.'
        self.fail("Invalid block definition", detail, found)

    def _quoted_label(self) -> tuple[str, Span]:
        opening = self.read()
        parts: list[str] = []
        while self.token.kind != CLOSE_QUOTE:
            token = self.read()
            if token.kind != QUOTED_TEXT:
                self._broken_label(token)
            text, mistakes = literal_text(token)
            self.mistakes.extend(mistakes)
            parts.append(text)
        return "".join(parts), join_spans(opening, self.read())

    def _broken_label(self, found: Token) -> NoReturn:
        if found.kind == EOF:
            self.fail(
                "Unterminated string literal",
                "Unable to find the closing quote mark before the end of the file.",
                found,
            )
        detail = "This item is not valid in a string literal."
        if found.kind in (OPEN_INTERPOLATION, OPEN_DIRECTIVE):
            mark = found.text[0]
            detail = f'Template sequences are not allowed in this string. A literal "{mark}" before a brace is doubled.'
        self.fail("Invalid string literal", detail, found)

    def _single_line_body(self, opening: Token) -> Body:
        """Read the one argument of a block that is written on one line."""
        name = self.read()
        if name.kind != IDENT:
            self.fail(_REQUIRED, "An argument or block definition is required here.", name)
        if self.token.kind in _HEADER:
            self.fail(
                "Argument definition required",
                "A block on a single line can hold only a single argument, set with an equals sign. A nested block "
                "needs a line of its own.",
                join_spans(name, self.token),
            )
        if self.token.kind != "=":
            self._no_item_after(name)
        attribute = self._attribute(name, alone=True)
        if self.token.kind == EOF:
            self._unclosed(opening)
        if self.token.kind != "}":
            self._broken_single_line(self.token)
        self.read()
        return Body(MappingProxyType({attribute.name: attribute}), (), attribute.span, span_behind(attribute.span))

    def _broken_single_line(self, found: Token) -> NoReturn:
        detail = "A block on a single line must end with a closing brace right behind its single argument."
        if found.kind == ",":
            detail = "A block on a single line can hold only one argument. Write each of several on a line of its own."
        elif found.kind == NEWLINE:
            detail = "An argument on the line of its block's header makes a block on a single line, closed there too."
        self.fail("Invalid single-argument block definition", detail, found)
