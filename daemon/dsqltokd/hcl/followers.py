"""What follows a term: `.name`, `.0`, `.*`, `[key]`, `[*]`.

Literal steps into a variable become part of its reference. A full splat `[*]` takes all that follows for its elements,
an attribute splat `.*` only the names and legacy indexes; what comes then is applied to the splat's result.
"""

from __future__ import annotations

from .cursor import Cursor, Lost
from .decimals import NumberError
from .numbers import parse_number
from .source import Span, join_spans
from .syntax import (
    AttributeStep,
    Expression,
    Index,
    IndexStep,
    Literal,
    RelativeTraversal,
    Splat,
    SplatItem,
    Step,
    Template,
    Traversal,
    Variable,
)
from .tokens import IDENT, NUMBER, Token
from .values import NULL, Value, number

_NO_NAME = ("Invalid attribute name", "An attribute name is required after a dot.")


class FollowerParser(Cursor):
    """Reads what follows a term."""

    def followers(self, term: Expression) -> Expression:
        """Read all that follows, if anything does."""
        levels = 0
        whole = term
        while (kind := self.token.kind) in (".", "["):
            whole = self._dot(term, whole) if kind == "." else self._bracket(term, whole)
            self.enter()  # the tree may have grown one level around what was there
            levels += 1
        self.leave(levels)
        return whole

    def _dot(self, term: Expression, whole: Expression) -> Expression:
        dot = self.read()
        token = self.token
        if token.kind == "*":
            return self._attribute_splat(term, whole, dot)
        if token.kind not in (IDENT, NUMBER):
            self.note(*_NO_NAME, token)
            self.recovering = True
            return whole
        return _step_into(whole, self._dot_step(dot, token))

    def _dot_step(self, dot: Token, blamed: Span) -> Step:
        token = self.read()
        span = join_spans(dot, token)
        if token.kind == IDENT:
            return AttributeStep(token.text, span)
        first, point, second = token.text.partition(".")
        if point:
            self.note(
                "Invalid legacy index syntax",
                "With the legacy index syntax two indexes may not follow each other. Write them in brackets instead: "
                f"[{first}][{second}].",
                blamed,
            )
            return IndexStep(NULL, span)
        return IndexStep(self.number_value(token), span)

    def _attribute_splat(self, term: Expression, whole: Expression, dot: Token) -> Expression:
        star = self.read()
        steps: list[Step] = []
        marker = join_spans(dot, star)
        first = self.token
        while self.token.kind == ".":
            following = self.read()
            if self.token.kind not in (IDENT, NUMBER):
                self._broken_splat(star)
                return whole
            steps.append(self._dot_step(following, star))
        item = SplatItem(marker)
        each = RelativeTraversal(join_spans(first, steps[-1].span), item, tuple(steps)) if steps else item
        return Splat(join_spans(term.span, self.behind), whole, item, each, marker)

    def _broken_splat(self, star: Token) -> None:
        if self.token.kind == "*":
            self.complain(
                "Nested splat expression not allowed",
                "A splat expression (*) cannot be used inside another attribute-only splat expression.",
                self.token,
            )
        else:
            self.complain(*_NO_NAME, star)
        self.recovering = True

    def _bracket(self, term: Expression, whole: Expression) -> Expression:
        opening = self.read()
        if self.token.kind == "*":
            return self._full_splat(term, whole, opening)
        self.newlines_end(False)
        try:
            key = self.expression()
            closing = self._close_bracket("index", 'The index operator must end with a closing bracket ("]").')
        except Lost:
            key, closing = Literal(opening, NULL), self.skip_past("]")
        self.newlines_before()
        span = join_spans(opening, closing)
        literal = _literal_key(key)
        if literal is not None:
            return _step_into(whole, IndexStep(literal, span))
        return Index(join_spans(term.span, span), whole, key, opening, span)

    def _close_bracket(self, what: str, detail: str) -> Token:
        closing = self.read()
        if closing.kind == "]" or self.recovering:
            return closing
        self.note(f"Missing close bracket on {what}", detail, closing)
        return self.skip_past("]")

    def _full_splat(self, term: Expression, whole: Expression, opening: Token) -> Expression:
        self.read()
        closing = self._close_bracket(
            "splat index",
            'The star for a full splat operator must be immediately followed by a closing bracket ("]").',
        )
        marker = join_spans(opening, closing)
        item = SplatItem(marker)
        self.enter()
        each = self.followers(item)
        self.leave()
        return Splat(join_spans(term.span, each.span), whole, item, each, marker)

    def number_value(self, token: Token) -> Value:
        """Return the value of a number's token, and null if it looked like one only."""
        mistake = "Failed to recognize the value of this number literal."
        try:
            value = parse_number(token.text)
        except NumberError as error:
            value, mistake = None, f"{str(error).capitalize()}."
        if value is None:
            self.note("Invalid number literal", mistake, token)
            return NULL
        return number(value)


def _literal_key(key: Expression) -> Value | None:
    if isinstance(key, Literal):
        return key.value
    if isinstance(key, Template) and len(key.parts) == 1 and isinstance(key.parts[0], Literal):
        return key.parts[0].value
    return None


def _step_into(whole: Expression, step: Step) -> Expression:
    span = join_spans(whole.span, step.span)
    if isinstance(whole, Variable):
        before = whole.traversal
        return Variable(span, Traversal(before.root, before.root_span, (*before.steps, step), span))
    if isinstance(whole, RelativeTraversal):
        return RelativeTraversal(span, whole.source, (*whole.steps, step))
    return RelativeTraversal(span, whole, (step,))
