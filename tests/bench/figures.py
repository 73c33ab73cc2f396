"""Samples -> figures -> rows of the table. Pure."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Spread:
    """A median and the quartiles around it."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g}-{self.high:.3g})"


@dataclass(frozen=True)
class Goal:
    """What a figure is to be: at most `limit`, or at least. `shown` is how people write that limit."""

    limit: float
    shown: str
    at_least: bool = False

    def is_met(self, figure: Spread) -> bool:
        return figure.median >= self.limit if self.at_least else figure.median <= self.limit


@dataclass(frozen=True)
class Row:
    """One line of the table: `figure` is a ratio of `what` to `against`, or counts what `what` says where that is "-".

    It is None where the machine lacks what the measurement needs, which `detail` names. Otherwise `detail` is for the
    reader who wants to know what the figure was made of; nothing is decided by it.
    """

    what: str
    against: str
    figure: Spread | None
    goal: Goal | None
    detail: str

    @property
    def verdict(self) -> str:
        if self.goal is None or self.figure is None:
            return ""
        return "met" if self.goal.is_met(self.figure) else "MISSED"

    def as_data(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


def spread(samples: Sequence[float]) -> Spread:
    """Summarise two samples or more."""
    low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Spread(median, low, high)


def ratios(pairs: Sequence[tuple[float, float]]) -> Spread:
    """Summarise the ratio of the first to the second of each pair: what disturbs both halves of one cancels out."""
    return spread([ours / theirs for ours, theirs in pairs])


def percentile(samples: Sequence[float], percent: int) -> float:
    """Return the value that `percent` of the samples do not exceed; percent is from 1 to 99."""
    return statistics.quantiles(samples, n=100, method="inclusive")[percent - 1]


def at_most(limit: float) -> Goal:
    """Return the goal that a figure is no more than this."""
    return Goal(limit, f"≤ {limit:g}")


def at_least(limit: float) -> Goal:
    """Return the goal that a figure is no less than this."""
    return Goal(limit, f"≥ {limit:g}", at_least=True)


def missing(what: str, against: str, goal: Goal | None, lacking: str) -> Row:
    """Return the row of what cannot be measured here."""
    return Row(what, against, None, goal, f"not measured: {lacking}")


def one(value: float) -> Spread:
    """Return the summary of a single sample."""
    return Spread(value, value, value)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table, which reads as well in a terminal."""
    cells = [("what", "against", "median (quartiles)", "goal", "", "detail")]
    cells += [
        (row.what, row.against, str(row.figure or "-"), row.goal.shown if row.goal else "", row.verdict, row.detail)
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = ["| " + " | ".join(map(str.ljust, line, widths)).rstrip() + " |" for line in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]) + "\n"
