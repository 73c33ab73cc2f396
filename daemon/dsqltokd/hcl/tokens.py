"""Tokens, and the mistakes that can be told from a token alone.

The kind of a punctuation mark is the mark itself; the other kinds are named below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .source import Diagnostic, Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterable

EOF = "end of file"
IDENT = "identifier"
NUMBER = "number"
NEWLINE = "newline"  # or a comment that ends with one
COMMENT = "comment"
OPEN_QUOTE = "opening quote"
CLOSE_QUOTE = "closing quote"
QUOTED_TEXT = "text in quotes"
QUOTED_NEWLINE = "newline in quotes"
OPEN_HEREDOC = "heredoc"
CLOSE_HEREDOC = "end of heredoc"
TEXT = "text"
OPEN_INTERPOLATION = "${"  # or ${~
OPEN_DIRECTIVE = "%{"  # or %{~
CLOSE_SEQUENCE = "end of template sequence"
INVALID = "invalid"
BAD_UTF8 = "bytes that are no UTF-8"


class Token(Span):
    """A token is where it stands, with its kind and its text as written."""

    __slots__ = ("kind", "text")

    def __init__(self, source: Source, start_index: int, end_index: int, kind: str, text: str) -> None:
        self.source = source
        self.start_index = start_index
        self.end_index = end_index
        self.kind = kind
        self.text = text


_ENOUGH = 4
_BITWISE = {
    "&": ' Did you mean boolean AND ("&&")?',
    "|": ' Did you mean boolean OR ("||")?',
    "^": "",
    "~": ' Did you mean boolean NOT ("!")?',
}
_ONCE = {
    ";": (
        "Invalid character",
        'The ";" character is not valid. Arguments and blocks end with a newline, items of a collection with a comma.',
    ),
    BAD_UTF8: (
        "Invalid character encoding",
        "A file must be encoded as UTF-8. Choose this encoding in the editor and save it again.",
    ),
}
_EVERY = {
    QUOTED_NEWLINE: (
        "Invalid multi-line string",
        'A quoted string must end on the line it starts on. Write a newline as \\n, or use a "heredoc" (<<EOT).',
    ),
}
_QUOTES = {
    "`": 'The "`" character is not valid. A multi-line string is written as a "heredoc", like "<<EOT".',
    "'": 'Single quotes are not valid. Use double quotes (") to enclose strings.',
}
_NEVER_RIGHT = frozenset({INVALID, *_BITWISE, *_ONCE, *_EVERY, *_QUOTES})


def lexical_mistakes(tokens: Iterable[Token]) -> list[Diagnostic]:
    """Report tokens that are never right, each kind of mistake only as often as it helps.

    Of quotes of the wrong kind the first and the third are told, which open two strings.
    """
    found: list[Diagnostic] = []
    told = dict.fromkeys(_NEVER_RIGHT, 0)
    for token in [token for token in tokens if token.kind in _NEVER_RIGHT]:
        message = _mistake(token, told)
        if message is not None:
            found.append(Diagnostic(*message, token))
    return found


def _mistake(token: Token, told: dict[str, int]) -> tuple[str, str] | None:
    kind = token.kind
    if kind == INVALID:
        return "Invalid character", _invalid_character(token.text)
    if kind in _EVERY:
        return _EVERY[kind]
    if kind in _QUOTES:
        told[kind] += 1
        return ("Invalid character", _QUOTES[kind]) if told[kind] in (1, 3) else None
    if kind in _ONCE:
        told[kind] += 1
        return _ONCE[kind] if told[kind] == 1 else None
    if kind in _BITWISE:
        told["&"] += 1
        message = "Bitwise operators are not supported." + _BITWISE[kind]
        return ("Unsupported operator", message) if told["&"] <= _ENOUGH else None
    return None


def _invalid_character(text: str) -> str:
    if text in ("\u201c", "\u201d"):
        return '"Curly quotes" are not valid here. Use the "straight quote" that a plain text editor makes.'
    return "This character is not used within the language."
