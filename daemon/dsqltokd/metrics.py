"""Counts and latencies, as OpenMetrics has them. Pure: durations come in, text goes out. No label carries a secret.

Source: the OpenMetrics 1.0 text format.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_BOUNDS = (0.0001, 0.001, 0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
Labels = tuple[tuple[str, str], ...]


class Counter:
    """How often something happened, by labels. `name` is without the `_total` that its samples have."""

    def __init__(self, name: str, help_text: str) -> None:
        self._name = name
        self._help = help_text
        self._counts: dict[Labels, int] = {}

    def add(self, **labels: str) -> None:
        """Count one more."""
        key = tuple(labels.items())
        self._counts[key] = self._counts.get(key, 0) + 1

    def lines(self) -> Iterator[str]:
        """Yield the family's lines."""
        yield from _head(self._name, "counter", self._help)
        for labels, count in self._counts.items():
            yield f"{self._name}_total{_labels(labels)} {count}"


class Histogram:
    """How long something took, by labels, in seconds."""

    def __init__(self, name: str, help_text: str) -> None:
        self._name = name
        self._help = help_text
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, seconds: float, **labels: str) -> None:
        """Take one duration."""
        key = tuple(labels.items())
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [0] * (len(_BOUNDS) + 1)
        counts[bisect_left(_BOUNDS, seconds)] += 1
        self._sums[key] = self._sums.get(key, 0.0) + seconds

    def lines(self) -> Iterator[str]:
        """Yield the family's lines."""
        yield from _head(self._name, "histogram", self._help, unit="seconds")
        for labels, counts in self._counts.items():
            total = 0
            for bound, count in zip((*map(str, _BOUNDS), "+Inf"), counts, strict=True):
                total += count
                yield f"{self._name}_bucket{_labels((*labels, ('le', bound)))} {total}"
            yield f"{self._name}_count{_labels(labels)} {total}"
            yield f"{self._name}_sum{_labels(labels)} {self._sums[labels]:.9g}"


def gauge(name: str, help_text: str, values: Mapping[Labels, float], unit: str = "") -> Iterator[str]:
    """Yield the lines of what is as it is now, by labels."""
    yield from _head(name, "gauge", help_text, unit=unit)
    for labels, value in values.items():
        yield f"{name}{_labels(labels)} {value:.17g}"


def total(name: str, help_text: str, values: Mapping[Labels, float]) -> Iterator[str]:
    """Yield the lines of what was counted elsewhere, by labels. `name` is as `Counter` has it."""
    yield from _head(name, "counter", help_text)
    for labels, value in values.items():
        yield f"{name}_total{_labels(labels)} {value:.17g}"


def info(name: str, help_text: str, **labels: str) -> Iterator[str]:
    """Yield the lines of what does not change."""
    yield from _head(name, "info", help_text)
    yield f"{name}_info{_labels(tuple(labels.items()))} 1"


def exposition(families: Iterable[Iterable[str]]) -> str:
    """Return the whole text."""
    return "".join(f"{line}\n" for lines in families for line in lines) + "# EOF\n"


def _head(name: str, kind: str, help_text: str, unit: str = "") -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    if unit:
        yield f"# UNIT {name} {unit}"
    yield f"# HELP {name} {help_text}"


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
