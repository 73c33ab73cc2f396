"""Classes of characters as RE2 has them: sorted ranges of code points, their case folding and Unicode categories."""

from __future__ import annotations

import sys
import unicodedata
from bisect import bisect_left, bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

Ranges: TypeAlias = "tuple[tuple[int, int], ...]"
"""First and last code point of each range, in order, apart from each other."""

_LAST = sys.maxunicode
_LAST_ASCII = 0x7F
_LAST_WITH_CASE = 0x1E943
_KELVIN, _LONG_S = 0x212A, 0x17F
EVERYTHING: Ranges = ((0, _LAST),)


def ranges(*spans: str) -> Ranges:
    """Return the class of spans such as `az` (from a to z) and `_` (that alone)."""
    return merged((ord(span[0]), ord(span[-1])) for span in spans)


def merged(spans: Iterable[tuple[int, int]]) -> Ranges:
    """Return the class of all that stands in any of the spans."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return tuple(result)


def negated(given: Ranges) -> Ranges:
    """Return the class of all other characters."""
    starts = [0, *(last + 1 for _, last in given)]
    ends = [*(first - 1 for first, _ in given), _LAST]
    return tuple((start, end) for start, end in zip(starts, ends, strict=True) if start <= end)


def folded(given: Ranges) -> Ranges:
    """Return the class with all that differs from one in it by case only: one letter for one, so `ß` is not `ss`."""
    variants = _ascii_variants() if not given or given[-1][1] <= _LAST_ASCII else _variants()
    codes = sorted(variants)
    extra: list[tuple[int, int]] = []
    for first, last in given:
        for code in codes[bisect_left(codes, first) : bisect_right(codes, last)]:
            extra.extend((other, other) for other in variants[code])
    return merged([*given, *extra])


def rendered(given: Ranges) -> str:
    """Return the class as `re` writes it."""
    if not given:
        return "(?!)"
    spans = (_escaped(first) if first == last else f"{_escaped(first)}-{_escaped(last)}" for first, last in given)
    return f"[{''.join(spans)}]"


def _escaped(code: int) -> str:
    return f"\\U{code:08x}"


@lru_cache(maxsize=1)
def _ascii_variants() -> dict[int, tuple[int, ...]]:
    letters = (ord(char) for char in "abcdefghijklmnopqrstuvwxyz")
    extra = {ord("k"): (_KELVIN,), ord("s"): (_LONG_S,)}
    groups = [(small, small - ord("a") + ord("A"), *extra.get(small, ())) for small in letters]
    return {code: group for group in groups for code in group[:2]}


@lru_cache(maxsize=1)
def _variants() -> dict[int, tuple[int, ...]]:
    """Return the group of each letter that has a variant; this looks at every letter there is, so not for ASCII."""
    groups: dict[str, list[int]] = {}
    for code in range(_LAST_WITH_CASE + 1):
        char = chr(code)
        if char.lower() != char or char.casefold() != char or char.upper() != char:
            groups.setdefault(_simple_fold(char), []).append(code)
    return {code: tuple(group) for group in groups.values() if len(group) > 1 for code in group}


def _simple_fold(char: str) -> str:
    fold = char.casefold()
    if len(fold) == 1:
        return fold
    lower = char.lower()
    return lower if len(lower) == 1 else char


_DIVISIONS = {"C": "cfos", "L": "lmotu", "M": "cen", "N": "dlo", "P": "cdefios", "S": "ckmo", "Z": "lps"}
_CATEGORIES = frozenset(major + minor for major, minors in _DIVISIONS.items() for minor in ["", *minors])
_CASED = ("Ll", "Lt", "Lu")


def unicode_class(name: str) -> Ranges | None:
    r"""Return the class that `\p{name}` names, as loosely as Go reads it; None for scripts and what does not exist."""
    plain = "".join(char for char in name if char not in "_- ").capitalize()
    if plain == "Any":
        return EVERYTHING
    if plain == "Ascii":
        return ((0, _LAST_ASCII),)
    if plain == "Assigned":
        return negated(_of_categories(("Cn",)))
    if plain == "Lc":
        return _of_categories(_CASED)
    return _of_categories((plain,)) if plain in _CATEGORIES else None


@lru_cache(maxsize=16)
def _of_categories(names: tuple[str, ...]) -> Ranges:
    spans: list[tuple[int, int]] = []
    for code in range(_LAST + 1):
        found = unicodedata.category(chr(code))
        # What is not assigned is in no category of RE2 but its own.
        if found.startswith(names) and (found != "Cn" or names == ("Cn",)):
            if spans and spans[-1][1] == code - 1:
                spans[-1] = (spans[-1][0], code)
            else:
                spans.append((code, code))
    return tuple(spans)
