"""Tokens to expressions, by recursive descent.

From the loosest binding to the tightest: conditional, binary operators by precedence (all to the left), then a term
with what follows it: `.name`, `.0`, `.*`, `[key]`, `[*]`. A unary operator takes one term with its followers. Within
(), [] and ${} newlines mean nothing; within {} of an object they separate items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .constructors import ConstructorParser
from .cursor import Lost
from .source import Span, join_spans
from .syntax import (
    Binary,
    Conditional,
    Expression,
    FunctionCall,
    Literal,
    Parentheses,
    Traversal,
    Unary,
    Variable,
)
from .template import read_template
from .tokens import CLOSE_HEREDOC, CLOSE_QUOTE, EOF, IDENT, NUMBER, OPEN_HEREDOC, OPEN_QUOTE, Token
from .values import FALSE, NULL, TRUE

if TYPE_CHECKING:
    from collections.abc import Callable

_PRECEDENCE = {
    "||": 1,
    "&&": 2,
    "==": 3,
    "!=": 3,
    ">": 4,
    ">=": 4,
    "<": 4,
    "<=": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "%": 6,
}
_WORDS = {"true": TRUE, "false": FALSE, "null": NULL}


class ExpressionParser(ConstructorParser):
    """Reads expressions. Each method reads one form and leaves the cursor behind it."""

    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self._terms: dict[str, Callable[[], Expression]] = {
            "(": self._parentheses,
            NUMBER: self._number,
            IDENT: self._identifier,
            OPEN_QUOTE: self._quoted,
            OPEN_HEREDOC: self._heredoc,
            "-": self._unary,
            "!": self._unary,
            "[": self.tuple_constructor,
            "{": self.object_constructor,
        }

    def expression(self) -> Expression:
        """Read an expression of any form. Raises Lost if it is wrong and its end is not known."""
        self.enter()
        try:
            condition = self._operation()
            return self._conditional(condition) if self.token.kind == "?" else condition
        finally:
            self.leave()

    def _conditional(self, condition: Expression) -> Expression:
        self.read()
        if_true = self.expression()
        if self.token.kind != ":":
            self.note(
                "Missing false expression in conditional",
                "The conditional operator (...?...:...) requires a false expression, delimited by a colon.",
                self.token,
            )
            if self.recovering:
                raise Lost
            return condition
        self.read()
        if_false = self.expression()
        return Conditional(join_spans(condition.span, if_false.span), condition, if_true, if_false)

    def _operation(self) -> Expression:
        first = self._operand()
        if self.token.kind not in _PRECEDENCE:
            return first
        operands = [first]
        operators: list[Token] = []
        while (precedence := _PRECEDENCE.get(self.token.kind)) is not None:
            while operators and _PRECEDENCE[operators[-1].kind] >= precedence:
                _combine(operands, operators)
            operators.append(self.read())
            operands.append(self._operand())
        while operators:
            _combine(operands, operators)
        return operands[0]

    def _operand(self) -> Expression:
        told = len(self.mistakes)
        term = self._terms.get(self.token.kind, self._no_expression)()
        if self.token.kind in (".", "["):
            term = self.followers(term)
        if self.recovering and len(self.mistakes) > told:
            raise Lost
        return term

    def _no_expression(self) -> Expression:
        if self.token.kind == EOF:
            detail = "Expected the start of an expression, but found the end of the file."
            self.complain("Missing expression", detail, self.token)
        else:
            detail = "Expected the start of an expression, but found an invalid expression token."
            self.complain("Invalid expression", detail, self.token)
        self.recovering = True
        return Literal(self.token, NULL)

    # Terms

    def _parentheses(self) -> Expression:
        opening = self.read()
        self.newlines_end(False)
        told = len(self.mistakes)
        try:
            inner = self.expression()
        except Lost:
            inner = Literal(opening, NULL)
        if len(self.mistakes) > told:
            self.skip_past(")")
            self.newlines_before()
            return inner
        if self.token.kind != ")":
            self.note(
                "Unbalanced parentheses", "Expected a closing parenthesis to terminate the expression.", self.token
            )
            self.recovering = True
        closing = self.read()
        self.newlines_before()
        return Parentheses(join_spans(opening, closing), inner)

    def _number(self) -> Expression:
        token = self.read()
        return Literal(token, self.number_value(token))

    def _identifier(self) -> Expression:
        token = self.read()
        if self.token.kind in ("(", "::"):
            return self._call(token)
        if token.text in _WORDS:
            return Literal(token, _WORDS[token.text])
        return Variable(token, Traversal(token.text, token, (), token))

    def _quoted(self) -> Expression:
        opening = self.read()
        return read_template(self, CLOSE_QUOTE, opening)

    def _heredoc(self) -> Expression:
        opening = self.read()
        indented = opening.text.startswith("<<-")
        return read_template(self, CLOSE_HEREDOC, opening, indented=indented)

    def _unary(self) -> Expression:
        operator = self.read()
        self.enter()
        try:
            operand = self._operand()
        finally:
            self.leave()
        return Unary(join_spans(operator, operand.span), operator.text, operand, operator)

    def _call(self, first: Token) -> Expression:
        told = len(self.mistakes)
        name, last, opening = self._function_name(first)
        if len(self.mistakes) > told:
            return self._no_call(first)
        self.newlines_end(False)
        arguments: list[Expression] = []
        expand = False
        while self.token.kind != ")":
            try:
                arguments.append(self.expression())
            except Lost:
                self.skip_past(")")
                break
            separator = self.read()
            if separator.kind == ")":
                break
            if separator.kind == "..." and self.token.kind == ")":
                expand = True
            elif separator.kind != ",":
                self._broken_arguments(separator, join_spans(first, opening))
                self.skip_past(")")
                break
        else:
            self.read()
        closing = self.behind
        self.newlines_before()
        name_span = join_spans(first, last)
        span = join_spans(first, closing)
        return FunctionCall(
            span,
            name,
            tuple(arguments),
            expand_final=expand,
            name_span=name_span,
            open_span=opening,
            close_span=closing,
        )

    def _no_call(self, first: Token) -> Expression:
        while self.read().kind not in ("(", EOF):
            pass
        self.skip_past(")")
        return Literal(first, NULL)

    def _function_name(self, first: Token) -> tuple[str, Token, Token]:
        """Return a function's name, its last token, and the parenthesis behind it; or tell of a mistake."""
        name, last, behind = first.text, first, self.read()
        while behind.kind == "::":
            last = self.read()
            if last.kind != IDENT:
                self.note("Missing function name", "Behind :: the name of a function is required.", last)
                return name, last, last
            name += f"::{last.text}"
            behind = self.read()
        if behind.kind != "(":
            self.note("Missing open parenthesis", "A function's name must be followed by its arguments.", behind)
        return name, last, behind

    def _broken_arguments(self, found: Token, start: Span) -> None:
        if found.kind == "...":
            detail = "An expanded argument (with ...) must be the last one, followed by a closing parenthesis."
            self.complain("Missing closing parenthesis", detail, found)
        elif found.kind == EOF:
            detail = "There is no closing parenthesis for this function call before the end of the file."
            self.note("Unterminated function call", detail, start)
        else:
            detail = "A comma is required to separate each function argument from the next."
            self.note("Missing argument separator", detail, found)


def _combine(operands: list[Expression], operators: list[Token]) -> None:
    right, left = operands.pop(), operands.pop()
    operands.append(Binary(join_spans(left.span, right.span), operators.pop().text, left, right))
