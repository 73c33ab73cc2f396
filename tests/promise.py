"""How often a promise was put to the test, and how often it was broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Faults:
    """How often a fault is to be made to happen, how often it was, and what promise did not hold then.

    `happened` counts by itself where the fault is what a turn of the loop makes; a test that makes many in one turn
    counts with `more`.
    """

    times: int
    happened: int = 0
    violations: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[int]:
        for turn in range(self.times):
            self.happened += 1
            yield turn

    def more(self, number: int) -> None:
        """Count faults that no turn of the loop stands for."""
        self.happened += number

    def hold(self, kept: bool, otherwise: str) -> None:
        """Note a violation, and go on, where a promise was not kept."""
        if not kept:
            self.violations.append(f"{self.happened}: {otherwise}")
