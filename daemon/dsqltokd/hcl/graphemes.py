"""Grapheme clusters: what a reader takes for one character, and what HCL's columns count.

After UAX #29, from the properties that Python's `unicodedata` has. Not covered are Indic
conjuncts, marks that stand before their letter, and some vowels of Thai, Lao and Burmese; there a column may be off.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ZERO_WIDTH_JOINER = "\u200d"
_ZERO_WIDTH_NON_JOINER = "\u200c"
_HANGUL_L = range(0x1100, 0x1160)
_HANGUL_V = range(0x1160, 0x11A8)
_HANGUL_T = range(0x11A8, 0x1200)
_HANGUL_SYLLABLES = range(0xAC00, 0xD7A4)
_HANGUL_FINALS = 28
_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_HALF_WIDTH_VOICING = "\uff9e\uff9f"
_PICTOGRAPHS = (range(0x2190, 0x2C00), range(0x1F000, 0x1F1E6), range(0x1F200, 0x1FB00))


def clusters(text: str) -> Iterator[str]:
    """Split a text into its grapheme clusters. A lone surrogate, which stands for a byte that is no UTF-8, is one."""
    if text.isascii() and "\r" not in text:
        yield from text
        return
    start = 0
    flags = 0
    for index in range(1, len(text)):
        before, after = text[index - 1], text[index]
        flags = flags + 1 if ord(before) in _REGIONAL_INDICATORS else 0
        if not _joined(before, after) and not _emoji_sequence(text, index) and not _flag(flags, after):
            yield text[start:index]
            start = index
    if text:
        yield text[start:]


def _joined(before: str, after: str) -> bool:
    if before == "\r" and after == "\n":
        return True
    if _is_control(before) or _is_control(after):
        return False
    return _extends(after) or _hangul(ord(before), ord(after))


def _is_control(char: str) -> bool:
    if char in (_ZERO_WIDTH_JOINER, _ZERO_WIDTH_NON_JOINER):
        return False
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _extends(char: str) -> bool:
    if char in (_ZERO_WIDTH_JOINER, _ZERO_WIDTH_NON_JOINER) or char in _HALF_WIDTH_VOICING:
        return True
    return unicodedata.category(char) in ("Mn", "Me", "Mc") or ord(char) in _SKIN_TONES


def _hangul(before: int, after: int) -> bool:
    syllable = before in _HANGUL_SYLLABLES
    open_syllable = syllable and (before - _HANGUL_SYLLABLES.start) % _HANGUL_FINALS == 0
    if before in _HANGUL_L:
        return after in _HANGUL_L or after in _HANGUL_V or after in _HANGUL_SYLLABLES
    if before in _HANGUL_V or open_syllable:
        return after in _HANGUL_V or after in _HANGUL_T
    return (before in _HANGUL_T or syllable) and after in _HANGUL_T


def _flag(indicators_before: int, after: str) -> bool:
    return indicators_before % 2 == 1 and ord(after) in _REGIONAL_INDICATORS


def _emoji_sequence(text: str, index: int) -> bool:
    """Whether a zero-width joiner binds the pictograph at `index` to one before it."""
    if text[index - 1] != _ZERO_WIDTH_JOINER or not _is_pictograph(text[index]):
        return False
    place = index - 2
    while place > 0 and _extends(text[place]) and text[place] != _ZERO_WIDTH_JOINER:
        place -= 1
    return place >= 0 and _is_pictograph(text[place])


def _is_pictograph(char: str) -> bool:
    return any(ord(char) in block for block in _PICTOGRAPHS)
