"""How a cost grows with a size: cost = fixed + slope * size ** exponent, fitted to what was measured. Pure.

What is fixed would hide the rest in a plain fit of logarithms: a program that starts in 100 ms and takes 1 ms for each
of 100 things seems to grow by the root. So each exponent is tried, with the best `fixed` and `slope` for it by least
squares of the relative errors, neither of them negative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from bench.figures import Row, at_most, one

if TYPE_CHECKING:
    from collections.abc import Mapping

_GOAL = 1.1
_STEPS = [step / 100 for step in range(10, 301)]
_FLAT = 0.2  # of the largest cost: where the part that grows is less, nothing can be said of how it does


class _Fit(NamedTuple):
    error: float
    exponent: float
    fixed: float
    slope: float


def row(what: str, costs: Mapping[int, float], unit: str) -> Row:
    """Return the row that tells a cost at each size, in `unit`, and the exponent with which it grows."""
    columns = "; ".join(f"{size:,}: {cost:.3g}" for size, cost in costs.items())
    sizes = f"{min(costs):,} to {max(costs):,}"
    return Row(f"growth: {what}", sizes, one(exponent(costs)), at_most(_GOAL), f"in {unit}: {columns}")


def exponent(costs: Mapping[int, float]) -> float:
    """Return the exponent with which costs, all above 0, grow by size; 0 where they hardly grow. Three at least."""
    best = min(_fit(costs, step) for step in _STEPS)
    grown = best.slope * max(costs) ** best.exponent
    return 0.0 if grown < _FLAT * (best.fixed + grown) else best.exponent


def _fit(costs: Mapping[int, float], exponent: float) -> _Fit:
    # With weights of 1 / cost, what is to come out is 1 = fixed * (1 / cost) + slope * (size ** exponent / cost).
    rows = [(1 / cost, size**exponent / cost) for size, cost in costs.items()]
    aa, ab, bb = (sum(row[left] * row[right] for row in rows) for left, right in ((0, 0), (0, 1), (1, 1)))
    a, b = sum(row[0] for row in rows), sum(row[1] for row in rows)
    determinant = aa * bb - ab * ab
    fixed, slope = (bb * a - ab * b) / determinant, (aa * b - ab * a) / determinant
    if fixed < 0:
        fixed, slope = 0.0, b / bb
    if slope < 0:
        fixed, slope = a / aa, 0.0
    error = sum((fixed * row[0] + slope * row[1] - 1) ** 2 for row in rows)
    return _Fit(error, exponent, fixed, slope)
