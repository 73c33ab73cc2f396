"""Tokens to expressions, by recursive descent.

From the loosest binding to the tightest: conditional, binary operators by precedence (all to the left), then a term
with what follows it: `.name`, `.0`, `.*`, `[key]`, `[*]`. A unary operator takes one term with its followers. Within
(), [] and ${} newlines mean nothing; within {} of an object they separate items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from .followers import FollowerParser
from .source import Span, join_spans
from .syntax import (
    Binary,
    Conditional,
    Expression,
    For,
    FunctionCall,
    Literal,
    ObjectConstructor,
    ObjectKey,
    Parentheses,
    Traversal,
    TupleConstructor,
    Unary,
    Variable,
)
from .template import read_template
from .tokens import Token, TokenKind
from .values import FALSE, NULL, TRUE

if TYPE_CHECKING:
    from collections.abc import Callable

_PRECEDENCE = {
    TokenKind.OR: 1,
    TokenKind.AND: 2,
    TokenKind.EQUAL: 3,
    TokenKind.NOT_EQUAL: 3,
    TokenKind.GREATER: 4,
    TokenKind.GREATER_EQUAL: 4,
    TokenKind.LESS: 4,
    TokenKind.LESS_EQUAL: 4,
    TokenKind.PLUS: 5,
    TokenKind.MINUS: 5,
    TokenKind.STAR: 6,
    TokenKind.SLASH: 6,
    TokenKind.PERCENT: 6,
}
_WORDS = {"true": TRUE, "false": FALSE, "null": NULL}
_FOR = "Invalid 'for' expression"


class ExpressionParser(FollowerParser):
    """Reads expressions. Each method reads one form and leaves the cursor behind it."""

    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self._terms: dict[TokenKind, Callable[[], Expression]] = {
            TokenKind.OPEN_PAREN: self._parentheses,
            TokenKind.NUMBER: self._number,
            TokenKind.IDENT: self._identifier,
            TokenKind.OPEN_QUOTE: self._quoted,
            TokenKind.OPEN_HEREDOC: self._heredoc,
            TokenKind.MINUS: self._unary,
            TokenKind.BANG: self._unary,
            TokenKind.OPEN_BRACKET: self._tuple,
            TokenKind.OPEN_BRACE: self._object,
        }

    def expression(self) -> Expression:
        """Read an expression of any form."""
        self.enter()
        condition = self._operation()
        if not self.next_is(TokenKind.QUESTION):
            self.leave()
            return condition
        self.read()
        if_true = self.expression()
        if not self.next_is(TokenKind.COLON):
            self.fail(
                "Missing false expression in conditional",
                "The conditional operator (...?...:...) requires a false expression, delimited by a colon.",
                self.at,
            )
        self.read()
        if_false = self.expression()
        self.leave()
        return Conditional(join_spans(condition.span, if_false.span), condition, if_true, if_false)

    def _operation(self) -> Expression:
        operands = [self._operand()]
        operators: list[Token] = []
        while (precedence := _PRECEDENCE.get(self.peek().kind)) is not None:
            while operators and _PRECEDENCE[operators[-1].kind] >= precedence:
                _combine(operands, operators)
            operators.append(self.read())
            operands.append(self._operand())
        while operators:
            _combine(operands, operators)
        return operands[0]

    def _operand(self) -> Expression:
        read_term = self._terms.get(self.peek().kind)
        if read_term is None:
            self._no_expression()
        term = read_term()
        return self.followers(term) if self.peek().kind in (TokenKind.DOT, TokenKind.OPEN_BRACKET) else term

    def _no_expression(self) -> NoReturn:
        if self.next_is(TokenKind.EOF):
            self.fail(
                "Missing expression", "Expected the start of an expression, but found the end of the file.", self.at
            )
        self.fail(
            "Invalid expression",
            "Expected the start of an expression, but found an invalid expression token.",
            self.at,
        )

    # Terms

    def _parentheses(self) -> Expression:
        opening = self.read()
        self.newlines_end(False)
        inner = self.expression()
        if not self.next_is(TokenKind.CLOSE_PAREN):
            self.fail("Unbalanced parentheses", "Expected a closing parenthesis to terminate the expression.", self.at)
        closing = self.read()
        self.newlines_before()
        return Parentheses(join_spans(opening.span, closing.span), inner)

    def _number(self) -> Expression:
        token = self.read()
        return Literal(token.span, self.number_value(token))

    def _identifier(self) -> Expression:
        token = self.read()
        if self.peek().kind in (TokenKind.OPEN_PAREN, TokenKind.DOUBLE_COLON):
            return self._call(token)
        if token.text in _WORDS:
            return Literal(token.span, _WORDS[token.text])
        return Variable(token.span, Traversal(token.text, token.span, (), token.span))

    def _quoted(self) -> Expression:
        opening = self.read()
        return read_template(self, TokenKind.CLOSE_QUOTE, opening.span)

    def _heredoc(self) -> Expression:
        opening = self.read()
        indented = opening.text.startswith("<<-")
        return read_template(self, TokenKind.CLOSE_HEREDOC, opening.span, indented=indented)

    def _unary(self) -> Expression:
        operator = self.read()
        self.enter()
        operand = self._operand()
        self.leave()
        return Unary(join_spans(operator.span, operand.span), operator.text, operand, operator.span)

    def _call(self, first: Token) -> Expression:
        name, last = self._function_name(first)
        opening = self.read()
        self.newlines_end(False)
        arguments: list[Expression] = []
        expand = False
        while not self.next_is(TokenKind.CLOSE_PAREN):
            arguments.append(self.expression())
            separator = self.read()
            if separator.kind is TokenKind.CLOSE_PAREN:
                break
            if separator.kind is TokenKind.ELLIPSIS and self.next_is(TokenKind.CLOSE_PAREN):
                expand = True
            elif separator.kind is not TokenKind.COMMA:
                self._broken_arguments(separator, join_spans(first.span, opening.span))
        else:
            self.read()
        closing = self.behind
        self.newlines_before()
        name_span = join_spans(first.span, last.span)
        span = join_spans(first.span, closing)
        return FunctionCall(span, name, tuple(arguments), expand, name_span, opening.span, closing)

    def _function_name(self, first: Token) -> tuple[str, Token]:
        name, last = first.text, first
        while self.next_is(TokenKind.DOUBLE_COLON):
            self.read()
            last = self.read()
            if last.kind is not TokenKind.IDENT:
                self.fail("Missing function name", "Behind :: the name of a function is required.", last.span)
            name += f"::{last.text}"
        if not self.next_is(TokenKind.OPEN_PAREN):
            self.fail("Missing open parenthesis", "A function's name must be followed by its arguments.", self.at)
        return name, last

    def _broken_arguments(self, found: Token, start: Span) -> NoReturn:
        if found.kind is TokenKind.ELLIPSIS:
            self.fail(
                "Missing closing parenthesis",
                "An expanded argument (with ...) must be the last one, followed by a closing parenthesis.",
                found.span,
            )
        if found.kind is TokenKind.EOF:
            self.fail(
                "Unterminated function call",
                "There is no closing parenthesis for this function call before the end of the file.",
                start,
            )
        self.fail(
            "Missing argument separator",
            "A comma is required to separate each function argument from the next.",
            found.span,
        )

    # Tuples, objects, for

    def _tuple(self) -> Expression:
        opening = self.read()
        self.newlines_end(False)
        if self.next_is_word("for"):
            return self._for(opening, TokenKind.CLOSE_BRACKET)
        elements: list[Expression] = []
        while not self.next_is(TokenKind.CLOSE_BRACKET):
            elements.append(self.expression())
            if self.next_is(TokenKind.COMMA):
                self.read()
            elif not self.next_is(TokenKind.CLOSE_BRACKET):
                self._unterminated("tuple", "bracket", opening)
                self.fail("Missing item separator", "Expected a comma to mark the beginning of the next item.", self.at)
        closing = self.read()
        self.newlines_before()
        return TupleConstructor(join_spans(opening.span, closing.span), tuple(elements), opening.span)

    def _unterminated(self, what: str, closer: str, opening: Token) -> None:
        if self.next_is(TokenKind.EOF):
            self.fail(
                f"Unterminated {what} constructor expression",
                f"There is no corresponding closing {closer} before the end of the file.",
                opening.span,
            )

    def _object(self) -> Expression:
        opening = self.read()
        self.newlines_end(False)
        if self.next_is_word("for"):
            return self._for(opening, TokenKind.CLOSE_BRACE)
        self.newlines_before()
        self.newlines_end(True)
        items: list[tuple[ObjectKey, Expression]] = []
        while True:
            while self.next_is(TokenKind.NEWLINE):
                self.read()
            if self.next_is(TokenKind.CLOSE_BRACE):
                break
            items.append(self._item(opening))
            if self.peek().kind in (TokenKind.COMMA, TokenKind.NEWLINE):
                self.read()
            elif not self.next_is(TokenKind.CLOSE_BRACE):
                self._unterminated("object", "brace", opening)
                self.fail(
                    "Missing attribute separator",
                    "Expected a newline or comma to mark the beginning of the next attribute.",
                    self.at,
                )
        closing = self.read()
        self.newlines_before()
        return ObjectConstructor(join_spans(opening.span, closing.span), tuple(items), opening.span)

    def _item(self, opening: Token) -> tuple[ObjectKey, Expression]:
        key = self.expression()
        if self.peek().kind not in (TokenKind.ASSIGN, TokenKind.COLON):
            self._no_separator(opening)
        self.read()
        return ObjectKey(key.span, key), self.expression()

    def _no_separator(self, opening: Token) -> NoReturn:
        if self.peek().kind in (TokenKind.NEWLINE, TokenKind.COMMA):
            self.fail(
                "Missing attribute value",
                'Expected an attribute value, introduced by an equals sign ("=").',
                self.at,
            )
        self._unterminated("object", "brace", opening)
        detail = 'Expected an equals sign ("=") to mark the beginning of the attribute value.'
        if self.next_is(TokenKind.IDENT):
            detail += " A name with periods or spaces in it has to be written in quotes."
        self.fail("Missing key/value separator", detail, self.at)

    def _for(self, opening: Token, closer: TokenKind) -> Expression:
        self.read()
        key_name, value_name = self._for_names()
        collection = self.expression()
        if not self.next_is(TokenKind.COLON):
            self.fail(_FOR, "For expression requires a colon after the collection expression.", self.at)
        self.read()
        key, value = None, self.expression()
        if self.next_is(TokenKind.FAT_ARROW):
            self.read()
            key, value = value, self.expression()
        ellipsis = self.read() if self.next_is(TokenKind.ELLIPSIS) else None
        condition = None
        if self.next_is_word("if"):
            self.read()
            condition = self.expression()
        if not self.next_is(closer):
            self.fail(_FOR, "Extra characters after the end of the 'for' expression.", self.at)
        span = join_spans(opening.span, self.read().span)
        self.newlines_before()
        self._check_result(closer, key, value, ellipsis)
        return For(span, key_name, value_name, collection, key, value, condition, ellipsis is not None, opening.span)

    def _for_names(self) -> tuple[str | None, str]:
        if not self.next_is(TokenKind.IDENT):
            self.fail(_FOR, "For expression requires variable name after 'for'.", self.at)
        key_name, value_name = None, self.read().text
        if self.next_is(TokenKind.COMMA):
            self.read()
            if not self.next_is(TokenKind.IDENT):
                self.fail(_FOR, "For expression requires value variable name after comma.", self.at)
            key_name, value_name = value_name, self.read().text
        if not self.next_is_word("in"):
            self.fail(_FOR, "For expression requires the 'in' keyword after its name declarations.", self.at)
        self.read()
        return key_name, value_name

    def _check_result(
        self, closer: TokenKind, key: Expression | None, value: Expression, ellipsis: Token | None
    ) -> None:
        if closer is TokenKind.CLOSE_BRACE:
            if key is None:
                self.note(_FOR, "Key expression is required when building an object.", value.span)
            return
        if key is not None:
            self.note(_FOR, "Key expression is not valid when building a tuple.", key.span)
        if ellipsis is not None:
            self.note(_FOR, "Grouping ellipsis (...) cannot be used when building a tuple.", ellipsis.span)


def _combine(operands: list[Expression], operators: list[Token]) -> None:
    right, left = operands.pop(), operands.pop()
    operands.append(Binary(join_spans(left.span, right.span), operators.pop().text, left, right))
