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
from .tokens import COMMENT, EOF, IDENT, NEWLINE, Token, lexical_mistakes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .syntax import Expression

MAX_NESTING = 200
"""How deeply brackets, templates, blocks and operators may nest in each other. HCL has no limit."""


def too_deep(span: Span) -> Diagnostic:
    """Return the diagnostic for what nests too deeply to be parsed or evaluated."""
    return Diagnostic("Nesting too deep", "Expressions and blocks may not be nested this deeply.", span)


class Cursor(ABC):
    """Tokens and a place in them. Comments are skipped, and newlines wherever brackets are open.

    `token` is the next token, `behind` the one that was read last; before the first, that one.
    """

    def __init__(self, tokens: Iterable[Token]) -> None:
        self._tokens = [token for token in tokens if token.kind != COMMENT]
        self._index = 0  # of the next token
        self._after = 0  # of what follows the token that was read last
        self.token = self.behind = self._tokens[0]
        self._newlines_count = True
        self._outer_newlines_count: list[bool] = []
        self._depth = 0
        self.mistakes = lexical_mistakes(self._tokens)

    @abstractmethod
    def expression(self) -> Expression:
        """Read an expression."""

    def read(self) -> Token:
        """Return the next token and go past it. At the end that is EOF, again and again."""
        token = self.behind = self.token
        if token.kind != EOF:
            self._index += 1
        self._after = self._index
        self.token = self._tokens[self._index]
        if self.token.kind == NEWLINE:
            self._find()
        return token

    def _find(self) -> None:
        index = self._after
        token = self._tokens[index]
        while token.kind == NEWLINE and not self._newlines_count:
            index += 1
            token = self._tokens[index]
        self._index = index
        self.token = token

    def next_is_word(self, word: str) -> bool:
        """Whether the next token is this identifier."""
        return self.token.kind == IDENT and self.token.text == word

    def newlines_end(self, count: bool) -> None:
        """From here on newlines count as tokens, or do not, until `newlines_before`."""
        self._outer_newlines_count.append(self._newlines_count)
        self._newlines_count = count
        self._find()

    def newlines_before(self) -> None:
        """Treat newlines again as before the last `newlines_end`."""
        self._newlines_count = self._outer_newlines_count.pop()
        self._find()

    def enter(self) -> None:
        """Go one level deeper. Fails at `MAX_NESTING`."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise HclError(*self.mistakes, too_deep(self.token))

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
