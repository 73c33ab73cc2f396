"""The parser's place in the tokens, and what it has found wrong so far.

Parsing stops at the first mistake in the structure (`fail`). Mistakes that leave the structure clear, such as an
unknown escape, are noted (`note`) and reported together with whatever stops the parser.

Every construct that nests calls `enter` and `leave`, so that no text can drive the parser, or whoever walks the tree
later, into the bottom of Python's stack.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NoReturn

from .source import Diagnostic, HclError, Span
from .tokens import Token, TokenKind, lexical_mistakes

if TYPE_CHECKING:
    from .syntax import Expression

MAX_NESTING = 200
"""How deeply brackets, templates, blocks and operators may nest in each other. HCL has no limit."""


def too_deep(span: Span) -> Diagnostic:
    """Return the diagnostic for what nests too deeply to be parsed or evaluated."""
    return Diagnostic("Nesting too deep", "Expressions and blocks may not be nested this deeply.", span)


class Cursor(ABC):
    """Tokens and a place in them. Comments are skipped, and newlines wherever brackets are open."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._newlines_count = [True]
        self._depth = 0
        self.mistakes = lexical_mistakes(tokens)

    @abstractmethod
    def expression(self) -> Expression:
        """Read an expression."""

    def peek(self) -> Token:
        """Return the next token and stay before it."""
        return self._find()[0]

    def read(self) -> Token:
        """Return the next token and go past it. At the end that is EOF, again and again."""
        token, self._next = self._find()
        return token

    def _find(self) -> tuple[Token, int]:
        count_newlines = self._newlines_count[-1]
        for index in range(self._next, len(self._tokens)):
            token = self._tokens[index]
            if token.kind is TokenKind.COMMENT:
                if count_newlines and token.text.endswith("\n"):
                    # The comment took the newline with it that ends an argument.
                    return Token(TokenKind.NEWLINE, "\n", token.span), index + 1
            elif token.kind is not TokenKind.NEWLINE or count_newlines:
                return token, index + 1
        return self._tokens[-1], len(self._tokens)

    @property
    def at(self) -> Span:
        """Where the next token stands."""
        return self.peek().span

    @property
    def behind(self) -> Span:
        """Where the token stands that was read last; before the first, that one."""
        return self._tokens[self._next - 1].span if self._next else self.at

    def next_is(self, kind: TokenKind) -> bool:
        """Whether the next token is of this kind."""
        return self.peek().kind is kind

    def next_is_word(self, word: str) -> bool:
        """Whether the next token is this identifier."""
        token = self.peek()
        return token.kind is TokenKind.IDENT and token.text == word

    def newlines_end(self, count: bool) -> None:
        """From here on newlines count as tokens, or do not, until `newlines_before`."""
        self._newlines_count.append(count)

    def newlines_before(self) -> None:
        """Treat newlines again as before the last `newlines_end`."""
        self._newlines_count.pop()

    def enter(self) -> None:
        """Go one level deeper. Fails at `MAX_NESTING`."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise HclError(*self.mistakes, too_deep(self.at))

    def leave(self, levels: int = 1) -> None:
        """Come back up."""
        self._depth -= levels

    def note(self, summary: str, detail: str, span: Span) -> None:
        """Note a mistake and go on."""
        self.mistakes.append(Diagnostic(summary, detail, span))

    def fail(self, summary: str, detail: str, span: Span) -> NoReturn:
        """Stop parsing: raise this mistake behind those noted before."""
        raise HclError(*self.mistakes, Diagnostic(summary, detail, span))

    def check(self) -> None:
        """Raise what was noted, if anything was."""
        if self.mistakes:
            raise HclError(*self.mistakes)
