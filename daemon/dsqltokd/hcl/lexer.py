"""Text to tokens.

The lexer knows four modes and keeps those that are open on a stack: code, a quoted template, a heredoc, and a bare
template (a whole text that is one). `${` and `%{` open code within a template; the brace that balances them closes it.
It never fails: what it cannot make sense of becomes a token of kind INVALID or BAD_UTF8, for which `lexical_mistakes`
has words. Joined, the tokens' texts and the spaces between them are the source again.

Bytes that are no UTF-8 travel as lone surrogates (Python's `surrogateescape`): harmless in a comment, a mistake
elsewhere.
"""

from __future__ import annotations

import unicodedata
from enum import Enum, auto

from .gotext import SPACES
from .graphemes import position_after
from .source import Position, Span
from .tokens import Token, TokenKind

_BOM = "\ufeff"
_DIGITS = frozenset("0123456789")
_LETTERS = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nl"})
_MARKS = frozenset({"Mn", "Mc", "Nd", "Pc"})
# Unicode's own lists of exceptions: Other_ID_Start, Other_ID_Continue, and the one letter that is pattern syntax.
_MORE_START = frozenset("\u1885\u1886\u2118\u212e\u309b\u309c")
_MORE_CONTINUE = frozenset("\u00b7\u0387\u1369\u136a\u136b\u136c\u136d\u136e\u136f\u1370\u1371\u19da")
_NO_LETTER = "\u2e2f"
_PUNCTUATION = {
    kind.value: kind
    for kind in TokenKind
    if kind.value and not kind.value[0].isalnum() and kind.value not in ("{", "}", "${", "%{")
}
_LONGEST_PUNCTUATION = 3


class _Mode(Enum):
    CODE = auto()
    QUOTED = auto()
    HEREDOC = auto()
    BARE = auto()


def tokenize(source: bytes, filename: str) -> list[Token]:
    """Split a file or an expression into tokens; the last is EOF."""
    return _Lexer(source, filename, _Mode.CODE).run()


def tokenize_template(source: bytes, filename: str) -> list[Token]:
    """Split a text that is one whole template into tokens; the last is EOF."""
    return _Lexer(source, filename, _Mode.BARE).run()


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
    def __init__(self, source: bytes, filename: str, mode: _Mode) -> None:
        text = source.decode("utf-8", "surrogateescape")
        self.text = text.removeprefix(_BOM)
        self.filename = filename
        self.at = 0  # index into text of what comes next
        self.emitted = 0  # index into text after the last token
        self.position = Position(1, 1, len(_BOM.encode()) if text.startswith(_BOM) else 0)
        self.tokens: list[Token] = []
        self.modes = [mode]
        self.braces = 0
        self.sequence_braces: list[int] = []  # how many braces were open within each open ${ or %{
        self.heredocs: list[str] = []  # the closing markers of the open heredocs
        self.comments_close = True  # whether a "*/" is left for another "/*"
        self.line_start = False  # nothing of the heredoc's current line has been read yet

    def run(self) -> list[Token]:
        step = {
            _Mode.CODE: self._code,
            _Mode.QUOTED: self._quoted,
            _Mode.HEREDOC: self._heredoc,
            _Mode.BARE: self._bare,
        }
        while self.at < len(self.text):
            step[self.modes[-1]]()
        self._emit(TokenKind.EOF, self.at)
        return self.tokens

    def _emit(self, kind: TokenKind, end: int) -> None:
        """Make a token of the text from here up to `end`. Only spaces and tabs lie between it and the one before."""
        skipped = self.at - self.emitted
        before = self.position
        start = Position(before.line, before.column + skipped, before.byte + skipped)
        text = self.text[self.at : end]
        self.position = position_after(start, text)
        self.tokens.append(Token(kind, text, Span(self.filename, start, self.position)))
        self.at = self.emitted = end

    def _char(self, ahead: int = 0) -> str:
        return self.text[self.at + ahead : self.at + ahead + 1]

    # Code

    def _code(self) -> None:
        char = self._char()
        if char in " \t":
            self.at += 1
        elif char in _DIGITS:
            self._emit(TokenKind.NUMBER, self._number_end())
        elif is_identifier_start(char):
            self._emit(TokenKind.IDENT, self._identifier_end(self.at))
        elif char == '"':
            self._emit(TokenKind.OPEN_QUOTE, self.at + 1)
            self.modes.append(_Mode.QUOTED)
        elif char in "{}" or self.text.startswith("~}", self.at):
            self._brace(char)
        elif not (self._newline() or self._comment() or self._open_heredoc()):
            self._punctuation()

    def _number_end(self) -> int:
        """Return where the number ends. It may hold anything that looks like part of one; the parser checks it."""
        at = end = self.at
        while True:
            char = self.text[at : at + 1]
            if char and char in _DIGITS:
                at = end = at + 1
            elif char == ".":
                at += 1
            elif char and char in "eE" and (skip := self._exponent_length(at)):
                at = end = at + skip
            else:
                return end

    def _exponent_length(self, at: int) -> int:
        sign = 1 if self.text[at + 1 : at + 2] in ("+", "-") else 0
        digit = self.text[at + 1 + sign : at + 2 + sign]
        return sign + 2 if digit and digit in _DIGITS else 0

    def _identifier_end(self, at: int) -> int:
        while at < len(self.text) and is_identifier_part(self.text[at]):
            at += 1
        return at

    def _brace(self, char: str) -> None:
        closes_sequence = bool(self.sequence_braces) and self.sequence_braces[-1] == self.braces
        if char == "{":
            self._emit(TokenKind.OPEN_BRACE, self.at + 1)
            self.braces += 1
            return
        # `~}` is always the end of a sequence to the parser, which then complains if there was none.
        kind = TokenKind.CLOSE_SEQUENCE if closes_sequence or char == "~" else TokenKind.CLOSE_BRACE
        self._emit(kind, self.at + (2 if char == "~" else 1))
        self.braces -= 1
        if closes_sequence:
            self.sequence_braces.pop()
            self.modes.pop()

    def _newline(self) -> bool:
        length = self._newline_length(self.at)
        if length:
            self._emit(TokenKind.NEWLINE, self.at + length)
        return bool(length)

    def _newline_length(self, at: int) -> int:
        if self.text.startswith("\r\n", at):
            return 2
        return 1 if self.text.startswith("\n", at) else 0

    def _comment(self) -> bool:
        """Read a comment. One to the end of the line takes the newline with it."""
        if self._char() == "#" or self.text.startswith("//", self.at):
            newline = self.text.find("\n", self.at)
            self._emit(TokenKind.COMMENT, len(self.text) if newline < 0 else newline + 1)
            return True
        if self.text.startswith("/*", self.at):
            end = self.text.find("*/", self.at + 2) if self.comments_close else -1
            self.comments_close = end >= 0
            if end >= 0:
                self._emit(TokenKind.COMMENT, end + 2)
                return True
        return False

    def _open_heredoc(self) -> bool:
        if not self.text.startswith("<<", self.at):
            return False
        start = self.at + (3 if self._char(2) == "-" else 2)
        if start >= len(self.text) or not is_identifier_start(self.text[start]):
            return False
        end = self._identifier_end(start)
        newline = self._newline_length(end)
        if not newline:
            return False
        self.heredocs.append(self.text[start:end])
        self.line_start = True
        self._emit(TokenKind.OPEN_HEREDOC, end + newline)
        self.modes.append(_Mode.HEREDOC)
        return True

    def _punctuation(self) -> None:
        for length in range(_LONGEST_PUNCTUATION, 0, -1):
            kind = _PUNCTUATION.get(self.text[self.at : self.at + length])
            if kind is not None:
                self._emit(kind, self.at + length)
                return
        self._emit(self._invalid_kind(), self.at + 1)

    def _invalid_kind(self) -> TokenKind:
        return TokenKind.BAD_UTF8 if _is_bad_byte(self._char()) else TokenKind.INVALID

    # Templates

    def _sequence(self) -> bool:
        """Read `${`, `${~`, `%{` or `%{~` if one is here; code follows it."""
        if self._char(1) != "{" or self._char() not in ("$", "%"):
            return False
        kind = TokenKind.OPEN_INTERPOLATION if self._char() == "$" else TokenKind.OPEN_DIRECTIVE
        self._emit(kind, self.at + (3 if self._char(2) == "~" else 2))
        self.braces += 1
        self.sequence_braces.append(self.braces)
        self.line_start = False
        self.modes.append(_Mode.CODE)
        return True

    def _marker_length(self) -> int:
        """Return the length of a `$` or `%` that opens nothing: `$${` as a whole, or the one character."""
        char = self._char()
        if char in ("$", "%") and self._char(1) == char and self._char(2) == "{":
            return 4 if self._char(3) == "~" else 3
        return 1 if char in ("$", "%") else 0

    def _quoted(self) -> None:
        char = self._char()
        if char == '"':
            self._emit(TokenKind.CLOSE_QUOTE, self.at + 1)
            self.modes.pop()
        elif char in "\r\n":
            end = self.at
            while end < len(self.text) and self.text[end] in "\r\n":
                end += 1
            self._emit(TokenKind.QUOTED_NEWLINE, end)
        elif not self._sequence():
            end = self.at + self._marker_length() if char in "$%" else self._quoted_run()
            kind = TokenKind.QUOTED_TEXT if end > self.at else self._invalid_kind()
            self._emit(kind, max(end, self.at + 1))

    def _quoted_run(self) -> int:
        at = self.at
        while at < len(self.text):
            char = self.text[at]
            if char == "\\":
                escaped = self.text[at + 1 : at + 2]
                if not escaped or escaped in "\r\n" or _is_bad_byte(escaped):
                    break
                at += 2
            elif char in '$%"\r\n' or _is_bad_byte(char):
                break
            else:
                at += 1
        return at

    def _text_run(self) -> int:
        at = self.at + self._marker_length()
        if at > self.at:
            return at
        while at < len(self.text) and self.text[at] not in "$%\r\n" and not _is_bad_byte(self.text[at]):
            at += 1
        return at

    def _heredoc(self) -> None:
        if self._sequence():
            return
        end = self._text_run()
        newline = self._newline_length(end)
        if newline and self.line_start and self.text[self.at : end].strip(SPACES) == self.heredocs[-1]:
            self._emit(TokenKind.CLOSE_HEREDOC, end)
            self._emit(TokenKind.NEWLINE, end + newline)
            self.heredocs.pop()
            self.modes.pop()
        elif end + newline > self.at:
            self.line_start = bool(newline)
            self._emit(TokenKind.TEXT, end + newline)
        else:
            self._emit_unreadable()

    def _bare(self) -> None:
        if self._sequence():
            return
        end = self._text_run()
        end += self._newline_length(end)
        if end > self.at:
            self._emit(TokenKind.TEXT, end)
        else:
            self._emit_unreadable()

    def _emit_unreadable(self) -> None:
        """Give up on a carriage return alone, as HCL does, on it and all that follows; or on one bad byte."""
        kind = self._invalid_kind()
        self._emit(kind, self.at + 1 if kind is TokenKind.BAD_UTF8 else len(self.text))


def _is_bad_byte(char: str) -> bool:
    return "\udc80" <= char <= "\udcff"
