"""Names that were meant: suggestions for those that are nearly right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .gotext import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

_NEAR = 2
"""Up to this many characters typed wrong, left out or too many make a name a suggestion; HashiCorp's figure."""


def did_you_mean(given: str, names: Iterable[str], prefix: str = "") -> str:
    """Return ` Did you mean "x"?` for the name nearest to `given`, the first of equals, or nothing if none is near.

    HashiCorp's code takes any near name that comes by; the nearest is kinder and always the same.
    """
    best, name = min(((_distance(given, name), name) for name in names), default=(_NEAR + 1, ""))
    return f" Did you mean {quoted(prefix + name)}?" if best <= _NEAR else ""


def _distance(left: str, right: str) -> int:
    """Return Levenshtein's distance; beyond `_NEAR` any larger number may stand for it."""
    if abs(len(left) - len(right)) > _NEAR:
        return _NEAR + 1
    row = list(range(len(right) + 1))
    for place, char in enumerate(left, 1):
        above, row[0] = row[0], place
        for column, other in enumerate(right, 1):
            above, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, above + (char != other))
    return row[-1]
