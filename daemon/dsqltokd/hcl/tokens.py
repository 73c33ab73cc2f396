"""Tokens, and the mistakes that can be told from a token alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from .source import Diagnostic, Span

if TYPE_CHECKING:
    from collections.abc import Iterable


class TokenKind(Enum):
    """The kinds of tokens; a punctuation mark's value is how it is written."""

    EOF = "end of file"
    IDENT = "identifier"
    NUMBER = "number"
    NEWLINE = "newline"
    COMMENT = "comment"
    OPEN_QUOTE = "opening quote"
    CLOSE_QUOTE = "closing quote"
    QUOTED_TEXT = "text in quotes"
    QUOTED_NEWLINE = "newline in quotes"
    OPEN_HEREDOC = "heredoc"
    CLOSE_HEREDOC = "end of heredoc"
    TEXT = "text"
    OPEN_INTERPOLATION = "${"
    OPEN_DIRECTIVE = "%{"
    CLOSE_SEQUENCE = "end of template sequence"
    OPEN_BRACE = "{"
    CLOSE_BRACE = "}"
    OPEN_BRACKET = "["
    CLOSE_BRACKET = "]"
    OPEN_PAREN = "("
    CLOSE_PAREN = ")"
    DOT = "."
    COMMA = ","
    COLON = ":"
    DOUBLE_COLON = "::"
    ELLIPSIS = "..."
    FAT_ARROW = "=>"
    ASSIGN = "="
    QUESTION = "?"
    BANG = "!"
    STAR = "*"
    SLASH = "/"
    PERCENT = "%"
    PLUS = "+"
    MINUS = "-"
    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_EQUAL = "<="
    GREATER = ">"
    GREATER_EQUAL = ">="
    AND = "&&"
    OR = "||"
    BIT_AND = "&"
    BIT_OR = "|"
    BIT_XOR = "^"
    BIT_NOT = "~"
    SEMICOLON = ";"
    BACKTICK = "`"
    APOSTROPHE = "'"
    INVALID = "invalid"
    BAD_UTF8 = "bytes that are no UTF-8"


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its kind, its text as written, and where it stands."""

    kind: TokenKind
    text: str
    span: Span


_ENOUGH = 4
_BITWISE = {
    TokenKind.BIT_AND: ' Did you mean boolean AND ("&&")?',
    TokenKind.BIT_OR: ' Did you mean boolean OR ("||")?',
    TokenKind.BIT_XOR: "",
    TokenKind.BIT_NOT: ' Did you mean boolean NOT ("!")?',
}
_ONCE = {
    TokenKind.SEMICOLON: (
        "Invalid character",
        'The ";" character is not valid. Arguments and blocks end with a newline, items of a collection with a comma.',
    ),
    TokenKind.BAD_UTF8: (
        "Invalid character encoding",
        "A file must be encoded as UTF-8. Choose this encoding in the editor and save it again.",
    ),
}
_EVERY = {
    TokenKind.QUOTED_NEWLINE: (
        "Invalid multi-line string",
        'A quoted string must end on the line it starts on. Write a newline as \\n, or use a "heredoc" (<<EOT).',
    ),
}
_QUOTES = {
    TokenKind.BACKTICK: 'The "`" character is not valid. A multi-line string is written as a "heredoc", like "<<EOT".',
    TokenKind.APOSTROPHE: 'Single quotes are not valid. Use double quotes (") to enclose strings.',
}


def lexical_mistakes(tokens: Iterable[Token]) -> list[Diagnostic]:
    """Report tokens that are never right, each kind of mistake only as often as it helps.

    Of quotes of the wrong kind every other one is left out: it is the closing one.
    """
    found: list[Diagnostic] = []
    told = dict.fromkeys(TokenKind, 0)
    for token in tokens:
        message = _mistake(token, told)
        if message is not None:
            found.append(Diagnostic(*message, token.span))
    return found


def _mistake(token: Token, told: dict[TokenKind, int]) -> tuple[str, str] | None:
    kind = token.kind
    if kind is TokenKind.INVALID:
        return "Invalid character", _invalid_character(token.text)
    if kind in _EVERY:
        return _EVERY[kind]
    if kind in _QUOTES:
        told[kind] += 1
        return ("Invalid character", _QUOTES[kind]) if told[kind] % 2 else None
    if kind in _ONCE:
        told[kind] += 1
        return _ONCE[kind] if told[kind] == 1 else None
    if kind in _BITWISE:
        told[TokenKind.BIT_AND] += 1
        message = "Bitwise operators are not supported." + _BITWISE[kind]
        return ("Unsupported operator", message) if told[TokenKind.BIT_AND] <= _ENOUGH else None
    return None


def _invalid_character(text: str) -> str:
    if text in ("\u201c", "\u201d"):
        return '"Curly quotes" are not valid here. Use the "straight quote" that a plain text editor makes.'
    return "This character is not used within the language."
