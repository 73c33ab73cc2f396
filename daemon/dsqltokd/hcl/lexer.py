"""Text to tokens.

The lexer knows four modes and keeps those that are open on a stack: code, a quoted template, a heredoc, and a bare
template (a whole text that is one). `${` and `%{` open code within a template; the brace that balances them closes it.
It never fails: what it cannot make sense of becomes a token of kind INVALID or BAD_UTF8, for which `lexical_mistakes`
has words. Joined, the tokens' texts and the spaces between them are the source again.

Nearly all of a file is matched by `_CODE`; what that leaves is told apart by its first characters.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from .gotext import SPACES
from .source import Source
from .tokens import (
    BAD_UTF8,
    CLOSE_HEREDOC,
    CLOSE_QUOTE,
    CLOSE_SEQUENCE,
    COMMENT,
    EOF,
    IDENT,
    INVALID,
    NEWLINE,
    NUMBER,
    OPEN_DIRECTIVE,
    OPEN_HEREDOC,
    OPEN_INTERPOLATION,
    OPEN_QUOTE,
    QUOTED_NEWLINE,
    QUOTED_TEXT,
    TEXT,
    Token,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_LETTERS = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nl"})
_MARKS = frozenset({"Mn", "Mc", "Nd", "Pc"})
# Unicode's own lists of exceptions: Other_ID_Start, Other_ID_Continue, and the one letter that is pattern syntax.
_MORE_START = frozenset("\u1885\u1886\u2118\u212e\u309b\u309c")
_MORE_CONTINUE = frozenset("\u00b7\u0387\u1369\u136a\u136b\u136c\u136d\u136e\u136f\u1370\u1371\u19da")
_NO_LETTER = "\u2e2f"


_BAD = "\udc80-\udcff"  # bytes that are no UTF-8: see Source
# A mark that opens nothing. HCL takes the last character of all for neither that nor text, where an end has to come.
_MARKED = r"\$\$\{~?|%%\{~?|[$%](?!\Z)"
_CODE = re.compile(
    rf"""[ \t]*+(?:
    ([A-Za-z_][A-Za-z0-9_-]*+)(?![^\0-\x7f])
    |(\r?\n|(?:\#|//)[^\n]*+\n)
    |("[^"\\$%\r\n{_BAD}]*+")
    |([{{}}])
    |(\.\.\.|::|=>|[=!<>]=|&&|\|\||[\[\]().,:=?!*%+>;`'^&|-]|/(?![/*])|~(?!}})|<(?!<))
    |([0-9](?:\.*+(?:[0-9]|[eE][+-]?[0-9]))*+)
    )""",
    re.VERBOSE,
)
_STRING, _BRACE = 3, 4
_KINDS = {1: IDENT, 2: NEWLINE, 6: NUMBER}
_QUOTED = re.compile(rf"""((?:[^"\\$%\r\n{_BAD}]++|\\[^\r\n{_BAD}])++)|([$%]\{{~?)|({_MARKED})|(")|([\r\n]++)""")
_SEQUENCE, _CLOSING, _LINE_ENDS = 2, 4, 5
_TEMPLATE = re.compile(rf"((?![$%]\{{)(?:{_MARKED}|[^$%\r\n{_BAD}]++)(?:\r?\n)?|\r?\n)|([$%]\{{~?)")


def tokenize(content: bytes, filename: str) -> list[Token]:
    """Split a file or an expression into tokens; the last is EOF."""
    lexer = _Lexer(Source(content, filename))
    return lexer.run(lexer.code)


def tokenize_template(content: bytes, filename: str) -> list[Token]:
    """Split a text that is one whole template into tokens; the last is EOF."""
    lexer = _Lexer(Source(content, filename))
    return lexer.run(lexer.bare)


def is_identifier_start(char: str) -> bool:
    """Whether an identifier may start with this character: a letter of any script, or an underscore."""
    if char.isascii():
        return char.isalpha() or char == "_"
    return (unicodedata.category(char) in _LETTERS and char != _NO_LETTER) or char in _MORE_START


def is_identifier_part(char: str) -> bool:
    """Whether an identifier may go on with this character: as at its start, or a digit, a mark or a dash."""
    if char.isascii():
        return char.isalnum() or char in "_-"
    return is_identifier_start(char) or unicodedata.category(char) in _MARKS or char in _MORE_CONTINUE


class _Lexer:
    """Each mode is a method that reads at least one token, and stops where another mode begins."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.at = 0  # index into text of what comes next
        self.tokens: list[Token] = []
        self.modes: list[Callable[[], None]] = []
        self.braces = 0
        self.sequence_braces: list[int] = []  # how many braces were open within each open ${ or %{
        self.heredocs: list[str] = []  # the closing markers of the open heredocs
        self.comments_close = True  # whether a "*/" is left for another "/*"
        self.line_start = False  # nothing of the heredoc's current line has been read yet

    def run(self, mode: Callable[[], None]) -> list[Token]:
        self.modes.append(mode)
        while self.at < len(self.text):
            self.modes[-1]()
        self._emit(EOF, self.at)
        self.source.boundaries = [index for token in self.tokens for index in (token.start_index, token.end_index)]
        return self.tokens

    def _emit(self, kind: str, end: int) -> None:
        """Make a token of the text from here up to `end`."""
        self.tokens.append(Token(self.source, self.at, end, kind, self.text[self.at : end]))
        self.at = end

    # Code

    def code(self) -> None:
        source, text, add = self.source, self.text, self.tokens.append
        while found := _CODE.match(text, self.at):
            group = found.lastindex or 0
            self.at, end = found.span(group)
            if group == _STRING:
                self._plain_string(end)
            elif group == _BRACE:
                if self._brace(text[self.at]):
                    return
            else:
                written = found[group]
                add(Token(source, self.at, end, _KINDS.get(group, written), written))
                self.at = end
        self._rare_code()

    def _plain_string(self, end: int) -> None:
        """Read a string between quotes that is nothing but text."""
        self._emit(OPEN_QUOTE, self.at + 1)
        if self.at < end - 1:
            self._emit(QUOTED_TEXT, end - 1)
        self._emit(CLOSE_QUOTE, end)

    def _brace(self, char: str) -> bool:
        """Read a brace, which `~` may stand before; return whether it is the end of a template sequence."""
        if char == "{":
            self._emit("{", self.at + 1)
            self.braces += 1
            return False
        closes_sequence = bool(self.sequence_braces) and self.sequence_braces[-1] == self.braces
        # `~}` is always the end of a sequence to the parser, which then complains if there was none.
        kind = CLOSE_SEQUENCE if closes_sequence or char == "~" else "}"
        self._emit(kind, self.at + (2 if char == "~" else 1))
        self.braces -= 1
        if closes_sequence:
            self.sequence_braces.pop()
            self.modes.pop()
        return closes_sequence

    def _rare_code(self) -> None:
        """Read what `_CODE` leaves, if anything: much of it begins like something else, or is a mistake."""
        while self.text.startswith((" ", "\t"), self.at):
            self.at += 1
        char = self.text[self.at : self.at + 1]
        if not char:
            return
        if is_identifier_start(char):
            self._emit(IDENT, self._identifier_end(self.at))
        elif char == '"':
            self._emit(OPEN_QUOTE, self.at + 1)
            self.modes.append(self._quoted)
        elif char == "~":
            self._brace(char)
        elif not (self._comment() or self._open_heredoc()):
            self._emit(char if char in "/<" else self._invalid_kind(), self.at + 1)

    def _identifier_end(self, at: int) -> int:
        while at < len(self.text) and is_identifier_part(self.text[at]):
            at += 1
        return at

    def _comment(self) -> bool:
        """Read a comment that ends the text, or one between /* and */."""
        if self.text.startswith(("#", "//"), self.at):
            self._emit(COMMENT, len(self.text))
            return True
        if self.text.startswith("/*", self.at):
            end = self.text.find("*/", self.at + 2) if self.comments_close else -1
            self.comments_close = end >= 0
            if end >= 0:
                self._emit(COMMENT, end + 2)
                return True
        return False

    def _open_heredoc(self) -> bool:
        if not self.text.startswith("<<", self.at):
            return False
        start = self.at + (3 if self.text.startswith("-", self.at + 2) else 2)
        if start >= len(self.text) or not is_identifier_start(self.text[start]):
            return False
        end = self._identifier_end(start)
        newline = self._newline_length(end)
        if not newline:
            return False
        self.heredocs.append(self.text[start:end])
        self.line_start = True
        self._emit(OPEN_HEREDOC, end + newline)
        self.modes.append(self._heredoc)
        return True

    def _newline_length(self, at: int) -> int:
        if self.text.startswith("\r\n", at):
            return 2
        return 1 if self.text.startswith("\n", at) else 0

    def _invalid_kind(self) -> str:
        return BAD_UTF8 if "\udc80" <= self.text[self.at] <= "\udcff" else INVALID

    # Templates

    def _open_sequence(self, end: int) -> None:
        """Read `${`, `${~`, `%{` or `%{~`; code follows it."""
        self._emit(OPEN_INTERPOLATION if self.text[self.at] == "$" else OPEN_DIRECTIVE, end)
        self.braces += 1
        self.sequence_braces.append(self.braces)
        self.line_start = False
        self.modes.append(self.code)

    def _quoted(self) -> None:
        found = _QUOTED.match(self.text, self.at)
        if found is None:
            self._emit(self._invalid_kind(), self.at + 1)
        elif found.lastindex == _SEQUENCE:
            self._open_sequence(found.end())
        elif found.lastindex == _CLOSING:
            self._emit(CLOSE_QUOTE, found.end())
            self.modes.pop()
        else:
            self._emit(QUOTED_NEWLINE if found.lastindex == _LINE_ENDS else QUOTED_TEXT, found.end())

    def _heredoc(self) -> None:
        found = _TEMPLATE.match(self.text, self.at)
        if found is None:
            self._unreadable()
            return
        end = found.end()
        if found.lastindex == _SEQUENCE:
            self._open_sequence(end)
            return
        written = found[0]
        ends_line = written.endswith("\n")
        if ends_line and self.line_start and written.strip(SPACES) == self.heredocs[-1]:
            self._emit(CLOSE_HEREDOC, end - (2 if written.endswith("\r\n") else 1))
            self._emit(NEWLINE, end)
            self.heredocs.pop()
            self.modes.pop()
        else:
            self.line_start = ends_line
            self._emit(TEXT, end)

    def bare(self) -> None:
        found = _TEMPLATE.match(self.text, self.at)
        if found is None:
            # There is no end that could be missed, so what is left is text.
            self._unreadable(TEXT)
        elif found.lastindex == _SEQUENCE:
            self._open_sequence(found.end())
        else:
            self._emit(TEXT, found.end())

    def _unreadable(self, kind: str = INVALID) -> None:
        """Give up on a carriage return alone, as HCL does, on it and all that follows; or on one bad byte."""
        bad = self._invalid_kind() == BAD_UTF8
        self._emit(BAD_UTF8 if bad else kind, self.at + 1 if bad else len(self.text))
