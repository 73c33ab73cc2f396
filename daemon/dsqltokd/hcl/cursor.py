"""The parser's place in the tokens, and what it has found wrong so far.

Rule 1: a mistake never stops the parser. What is left of a construct is skipped up to its end (`skip_past`) or to the
end of the argument (`skip_item`), and parsing goes on there, so that independent mistakes are told at once.
Rule 2: once anything has been skipped the parser may be lost, and what it finds wrong may follow from that. So most
mistakes are told only before (`complain`), and those always (`note`) that come from what is surely there. Which is
which, and what is skipped, is as in HashiCorp's parser, so that both tell the same.
Rule 3: an expression that was found wrong, and behind which the parser may be lost, raises `Lost`; whoever knows where
the construct around it ends catches that and goes there. The tree of a text with mistakes is never seen by anyone.

Every construct that nests calls `enter` and `leave`, so that no text can drive the parser, or whoever walks the tree
later, into the bottom of Python's stack.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from .source import Diagnostic, HclError, Span
from .tokens import (
    CLOSE_HEREDOC,
    CLOSE_QUOTE,
    CLOSE_SEQUENCE,
    COMMENT,
    EOF,
    IDENT,
    NEWLINE,
    OPEN_DIRECTIVE,
    OPEN_HEREDOC,
    OPEN_INTERPOLATION,
    OPEN_QUOTE,
    Token,
    lexical_mistakes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .syntax import Expression

MAX_NESTING = 200
"""How deeply brackets, templates, blocks and operators may nest in each other. HCL has no limit."""


_ENOUGH = 100  # mistakes; nobody reads more, and a hostile file could have a million
_OPENERS = {
    "}": ("{",),
    "]": ("[",),
    ")": ("(",),
    CLOSE_QUOTE: (OPEN_QUOTE,),
    CLOSE_HEREDOC: (OPEN_HEREDOC,),
    CLOSE_SEQUENCE: (OPEN_INTERPOLATION, OPEN_DIRECTIVE),
}
_ALL_OPENERS = frozenset(kind for kinds in _OPENERS.values() for kind in kinds)


class Lost(Exception):  # noqa: N818 - not an error of its own: those are in `Cursor.mistakes`
    """An expression was found wrong, and the next token may be any."""


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
        self.mistakes = lexical_mistakes(self._tokens)[:_ENOUGH]
        self.recovering = False

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
        """Tell of a mistake. Raises HclError when there are enough of them."""
        self.note_all([Diagnostic(summary, detail, span)])

    def note_all(self, mistakes: Iterable[Diagnostic]) -> None:
        """Tell of mistakes. Raises HclError when there are enough of them."""
        self.mistakes += mistakes
        if len(self.mistakes) >= _ENOUGH:
            raise HclError(*self.mistakes[:_ENOUGH])

    def complain(self, summary: str, detail: str, span: Span) -> None:
        """Tell of a mistake unless the parser may be lost."""
        if not self.recovering:
            self.note(summary, detail, span)

    def skip_past(self, end: str) -> Token:
        """Go past the token that closes what is open here, or to the end. Return that token."""
        self.recovering = True
        openers = _OPENERS.get(end, ())
        nested = 0
        while True:
            token = self.read()
            if token.kind in openers:
                nested += 1
            elif token.kind == end and nested:
                nested -= 1
            elif token.kind in (end, EOF):
                return token

    def skip_item(self) -> None:
        """Go past the next newline that is not in brackets or in a template, or to the end."""
        self.recovering = True
        opened: list[str] = []
        while True:
            token = self.read()
            if token.kind == EOF or (token.kind == NEWLINE and not opened):
                return
            if token.kind in _ALL_OPENERS:
                opened.append(token.kind)
            elif token.kind in _OPENERS:
                while opened and opened.pop() not in _OPENERS[token.kind]:
                    pass

    def check(self) -> None:
        """Raise what was noted, if anything was."""
        if self.mistakes:
            raise HclError(*self.mistakes)
