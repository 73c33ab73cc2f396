"""Grapheme clusters: what a reader takes for one character, and what HCL's columns count.

After UAX #29 in its 15th edition, as the library has it that HashiCorp's code counts with: from the properties that
Python's `unicodedata` has, and from lists where those do not say it.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ZERO_WIDTH_JOINER = "\u200d"
_REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)


def _listed(ranges: str) -> tuple[range, ...]:
    pairs = [each.partition("-") for each in ranges.split()]
    return tuple([range(int(first, 16), int(last or first, 16) + 1) for first, _, last in pairs])


_PICTOGRAPHS = _listed(
    """
    00a9 00ae 203c 2049 2122 2139 2194-2199 21a9-21aa 231a-231b 2328 2388 23cf 23e9-23f3 23f8-23fa 24c2 25aa-25ab 25b6
    25c0 25fb-25fe 2600-2605 2607-2612 2614-2685 2690-2705 2708-2712 2714 2716 271d 2721 2728 2733-2734 2744 2747 274c
    274e 2753-2755 2757 2763-2767 2795-2797 27a1 27b0 27bf 2934-2935 2b05-2b07 2b1b-2b1c 2b50 2b55 3030 303d 3297 3299
    1f000-1f0ff 1f10d-1f10f 1f12f 1f16c-1f171 1f17e-1f17f 1f18e 1f191-1f19a 1f1ad-1f1e5 1f201-1f20f 1f21a 1f22f
    1f232-1f23a 1f23c-1f23f 1f249-1f3fa 1f400-1f53d 1f546-1f64f 1f680-1f6ff 1f774-1f77f 1f7d5-1f7ff 1f80c-1f80f
    1f848-1f84f 1f85a-1f85f 1f888-1f88f 1f8ae-1f8ff 1f90c-1f93a 1f93c-1f945 1f947-1faff 1fc00-1fffd
    """
)

_EXTENDING, _PREPENDED, _CONTROL = "extending", "prepended", "control"
# What the properties do not say: letters that are marks to a reader, tags, signs that stand before what they belong to,
# marks that are letters, and the parts of Hangul syllables.
_LISTED = {
    _EXTENDING: _listed("200c-200d e33 eb3 ff9e-ff9f 1f3fb-1f3ff e0020-e007f"),
    _PREPENDED: _listed("600-605 6dd 70f 890-891 8e2 d4e 110bd 110cd 111c2-111c3 1193f 11941 11a3a 11a84-11a89 11d46"),
    "": _listed(
        "102b-102c 1038 1062-1064 1067-106d 1083 1087-108c 108f 109a-109c 1a61 1a63-1a64 aa7b aa7d 11720-11721"
    ),
    "L": _listed("1100-115f a960-a97c"),
    "V": _listed("1160-11a7 d7b0-d7c6"),
    "T": _listed("11a8-11ff d7cb-d7fb"),
}
_HANGUL_SYLLABLES = range(0xAC00, 0xD7A4)
_HANGUL_FINALS = 28
_HANGUL = {"L": ("L", "V", "LV", "LVT"), "V": ("V", "T"), "LV": ("V", "T"), "T": ("T",), "LVT": ("T",)}


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


def _in(char: str, blocks: tuple[range, ...]) -> bool:
    return any(ord(char) in block for block in blocks)


@lru_cache(maxsize=4096)
def _class(char: str) -> str:
    """Return what decides whether a character is one with its neighbours; nothing for most."""
    for name, blocks in _LISTED.items():
        if _in(char, blocks):
            return name
    if ord(char) in _HANGUL_SYLLABLES:
        return "LVT" if (ord(char) - _HANGUL_SYLLABLES.start) % _HANGUL_FINALS else "LV"
    category = unicodedata.category(char)
    if category in ("Mn", "Me", "Mc"):
        return _EXTENDING
    return _CONTROL if category in ("Cc", "Cf", "Cs", "Zl", "Zp") else ""


@lru_cache(maxsize=4096)
def _is_pictograph(char: str) -> bool:
    return _in(char, _PICTOGRAPHS)


def _joined(before: str, after: str) -> bool:
    left, right = _class(before), _class(after)
    if _CONTROL in (left, right):
        return before == "\r" and after == "\n"
    return right == _EXTENDING or left == _PREPENDED or right in _HANGUL.get(left, ())


def _flag(indicators_before: int, after: str) -> bool:
    return indicators_before % 2 == 1 and ord(after) in _REGIONAL_INDICATORS


def _emoji_sequence(text: str, index: int) -> bool:
    """Whether a zero-width joiner binds the pictograph at `index` to one before it."""
    if text[index - 1] != _ZERO_WIDTH_JOINER or not _is_pictograph(text[index]):
        return False
    place = index - 2
    while place > 0 and _class(text[place]) == _EXTENDING:
        place -= 1
    return place >= 0 and _is_pictograph(text[place])
