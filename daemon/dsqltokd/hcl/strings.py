"""What literal text in quotes and templates means: escapes resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .gotext import quoted
from .source import Diagnostic, Position, Span, position_after
from .tokens import QUOTED_TEXT, Token

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_UNICODE = {"u": (4, "four"), "U": (8, "eight")}
_LAST_CODE_POINT = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
_MISTAKE = "Invalid escape sequence"


class _EscapeSpan(Span):
    """The place of an escape. Its columns are counted from one escape to the next."""

    __slots__ = ("_end", "_start")

    def __init__(self, token: Token, start: Position, end: Position) -> None:
        super().__init__(token.source, token.start_index, token.end_index)
        self._start = start
        self._end = end

    @property
    def start(self) -> Position:
        return self._start

    @property
    def end(self) -> Position:
        return self._end


def literal_text(token: Token) -> tuple[str, list[Diagnostic]]:
    """Return the text a token of literal text stands for, and what is wrong in it.

    `$${` and `%%{` stand for `${` and `%{`; backslashes mean something in quotes only.
    """
    backslashes = token.kind == QUOTED_TEXT
    if token.text[0] not in "$%" and not (backslashes and "\\" in token.text):
        return token.text, []
    pieces = list(_pieces(token.text, backslashes))
    meanings = [_meaning(piece) if backslashes and piece[0] == "\\" else (_unmarked(piece), None) for piece in pieces]
    text = "".join([meaning for meaning, _ in meanings])
    mistakes = [mistake for _, mistake in meanings]
    return text, _diagnostics(token, pieces, mistakes) if any(mistakes) else []


def _diagnostics(token: Token, pieces: list[str], mistakes: list[str | None]) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    position = token.start
    for piece, mistake in zip(pieces, mistakes, strict=True):
        end = position_after(position, piece)
        if mistake is not None:
            found.append(Diagnostic(_MISTAKE, mistake, _EscapeSpan(token, position, end)))
        position = end
    return found


def _pieces(text: str, backslashes: bool) -> Iterator[str]:
    """Split into escapes and runs of what is none."""
    start = at = 0
    while at < len(text):
        length = _escape_length(text, at, backslashes)
        if length:
            if at > start:
                yield text[start:at]
            yield text[at : at + length]
            start = at = at + length
        else:
            at += 1
    if at > start:
        yield text[start:at]


def _escape_length(text: str, at: int, backslashes: bool) -> int:
    char = text[at]
    if char in "$%":
        return 3 if text.startswith(char + char + "{", at) else 0
    if char != "\\" or not backslashes:
        return 0
    selector = text[at + 1 : at + 2]
    length = 1 + len(selector)
    most = _UNICODE.get(selector, (0, ""))[0]
    while length < most + 2 and text[at + length : at + length + 1] in _HEX_DIGITS:
        length += 1
    return length


def _unmarked(piece: str) -> str:
    return piece[1:] if piece in ("$${", "%%{") else piece


def _meaning(escape: str) -> tuple[str, str | None]:
    selector, digits = escape[1:2], escape[2:]
    if selector in _SIMPLE:
        return _SIMPLE[selector], None
    if selector in _UNICODE:
        wanted, word = _UNICODE[selector]
        if len(digits) != wanted:
            return escape, f"The \\{selector} escape sequence must be followed by {word} hexadecimal digits."
        code = int(digits, 16)
        if code > _LAST_CODE_POINT or code in _SURROGATES:
            return escape, f"Cannot encode character U+{code:04x} in UTF-8."
        return chr(code), None
    return selector, f"The symbol {quoted(selector)} is not a valid escape sequence selector."
