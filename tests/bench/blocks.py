"""Blocks of lookups, each while something else goes on or nothing does, and what that costs them.

A round has a block of each kind, in an order that rotates. Percentiles are of a block, ratios of a round's blocks.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from bench import figures, lookup
from bench.figures import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.figures import Goal

IDLE = "idle"
_PACE = 0.001  # seconds between two lookups: without it the client alone keeps one of two processors busy
_SETTLE = 0.05  # seconds between two blocks, in which a worker that is done goes away

Round = dict[str, list[float]]
"""The seconds of each lookup, by the kind of block."""


class Work(Protocol):
    """Something that goes on meanwhile, and for its time only: there is more where it came from."""

    def is_over(self) -> bool: ...

    def finish(self) -> None: ...


def measure(
    path: str, line: bytes, kinds: Mapping[str, Callable[[], Work]], *, rounds: int, lookups: int
) -> list[Round]:
    """Ask at the socket `path` with `line`, while idle and during each of `kinds`, which begin the work anew."""
    every: dict[str, Callable[[], Work] | None] = {IDLE: None, **kinds}
    found = []
    for number in range(rounds):
        turn = number % len(every)
        order = [*every][turn:] + [*every][:turn]
        found.append({kind: _block(path, line, lookups, every[kind]) for kind in order})
    return found


def row(what: str, rounds: list[Round], kind: str, percent: int, goal: Goal | None) -> Row:
    """Return the row of a percentile during `kind`, against that of the same lookups while idle."""
    pairs = [(figures.percentile(each[kind], percent), figures.percentile(each[IDLE], percent)) for each in rounds]
    ours, theirs = (
        figures.percentile([sample for each in rounds for sample in each[side]], percent) for side in (kind, IDLE)
    )
    count = sum(len(each[kind]) for each in rounds)
    together = f"{ours * 1e6:.0f} us, {theirs * 1e6:.0f} us, {ours / theirs:.3g} with all {count} together"
    return Row(
        f"{what}: p{percent}", "the same, idle", figures.ratios(pairs), goal, f"{together}; {len(rounds)} rounds"
    )


def _block(path: str, line: bytes, lookups: int, start: Callable[[], Work] | None) -> list[float]:
    """Return the seconds of each lookup of a block. What `start` starts goes on whenever one begins."""
    time.sleep(_SETTLE)
    samples = []
    work = start() if start else None
    for _ in range(lookups):
        if start and work and work.is_over():
            work.finish()
            work = start()
        samples.append(lookup.timed(path, line))
        time.sleep(_PACE)
    if work:
        work.finish()
    return samples
