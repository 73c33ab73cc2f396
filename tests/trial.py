"""A keyring put to the test: what is stored, what the status says, and how long gets take meanwhile."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shells import shells

if TYPE_CHECKING:
    from desk import Desk
    from promise import Faults
    from shells import Shells
    from standin.secretservice import SecretService

PROMPT = 4.0  # seconds: less than a keyring is given to answer


@dataclass
class Trial:
    """A desk with a project and a keyring. How long gets took in each turn, with and without the fault, is compared."""

    desk: Desk
    keyring: SecretService
    faults: Faults
    usual: list[list[float]] = field(default_factory=list)
    during: list[list[float]] = field(default_factory=list)

    def compare(self, percentile: int, factor: float) -> None:
        """Hold that gets took no longer with the fault; by the median turn, as other work is also done here."""
        usual, during = (
            statistics.median(statistics.quantiles(times, n=100)[percentile - 1] * 1e3 for times in turns)
            for turns in (self.usual, self.during)
        )
        slowest = max(map(max, self.during))
        self.faults.hold(slowest < PROMPT, f"a get took {slowest:.1f} s")
        kept = during <= factor * usual + 3  # a neighbour's work on the same processors makes as much of a difference
        self.faults.hold(kept, f"p{percentile} of gets: {during:.2f} ms, usually {usual:.2f} ms")

    def stored(self, shell: str) -> bool:
        return f'"{shell}"' in (self.keyring.entry() or "")

    def says(self, words: str) -> None:
        """Hold that the status says so."""
        said = self.desk.ok("status")
        self.faults.hold(words in said, f"{words!r} is not in: {said}")

    def something_new(self, at: Shells) -> None:
        """Have something new stored by a keyring that works, and make "during" new to the daemon."""
        at.flush("during")
        at.get("before")
        self.usual.append(at.times(lambda: self.stored("before")))

    def start_with(self, *program: str, **environment: str) -> str:
        """Run a daemon as it should be, and another with this in its environment; return what that one says."""
        self.keyring.put("nothing")
        with shells(self.desk, *program) as at:
            self.usual.append(at.times(at.tried))
        good, self.desk.environment = self.desk.environment, self.desk.environment | environment
        with shells(self.desk, *program) as at:
            self.during.append(at.times(at.tried))
            said = self.desk.ok("status")
        self.desk.environment = good
        return said
