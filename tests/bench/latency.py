"""What a refresh costs those who ask for another token meanwhile.

Three blocks of the same lookups make a round: while nothing happens; while a worker refreshes another identity, at
every moment of the block; and while a process that has nothing to do with the daemon makes tokens with boto3. The last
has no goal. It costs the lookups what any busy neighbour on this machine does, and so tells a stall of the core's own
from the wait for a processor.
"""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Protocol

from bench import figures, lookup, runs
from bench.figures import Goal, Row
from bench.place import BOTO3_SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.place import Home, Installation

_ROUNDS = 20
_BLOCK = 300
_PACE = 0.001  # seconds between two lookups: without it the client alone keeps one of two processors busy
_SETTLE = 0.05  # seconds between two blocks, in which a worker that is done goes away


class _Work(Protocol):
    """Something that goes on meanwhile, and for its time only: there is more where it came from."""

    def is_over(self) -> bool: ...

    def finish(self) -> None: ...


def measure(installation: Installation, home: Home) -> list[Row]:
    """Measure at the daemon that runs at `home`."""
    line = lookup.request(home, {})
    lookup.timed(home.socket, line)
    environments = _strangers()
    settings: dict[str, Callable[[], _Work] | None] = {
        "idle": None,
        "refresh": lambda: lookup.Pending(home.socket, lookup.request(home, next(environments))),
        "neighbour": lambda: runs.Background([installation.python, BOTO3_SCRIPT], home.environment),
    }
    rounds = []
    for number in range(_ROUNDS):
        order = [*settings][number % 3 :] + [*settings][: number % 3]
        rounds.append({name: _block(home, line, settings[name]) for name in order})
    refreshing, neighbour = "token.get while a worker refreshes", "token.get while a boto3 script runs"
    return [
        _row(f"{refreshing}: p50", rounds, "refresh", 50, None),
        _row(f"{refreshing}: p99", rounds, "refresh", 99, Goal(3.0, "≤ 3")),
        _row(f"{neighbour}: p99", rounds, "neighbour", 99, None),
    ]


def _block(home: Home, line: bytes, start: Callable[[], _Work] | None) -> list[float]:
    """Return the seconds of each lookup of a block. What `start` starts goes on whenever one begins."""
    time.sleep(_SETTLE)
    samples = []
    work = start() if start else None
    for _ in range(_BLOCK):
        if start and work and work.is_over():
            work.finish()
            work = start()
        samples.append(lookup.timed(home.socket, line))
        time.sleep(_PACE)
    if work:
        work.finish()
    return samples


def _strangers() -> Iterator[dict[str, str]]:
    """Give environments with keys in them, no two alike: for each a new worker has to sign, and goes after it."""
    for number in itertools.count():
        yield {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": f"an example, number {number}"}


def _row(what: str, rounds: list[dict[str, list[float]]], name: str, percent: int, goal: Goal | None) -> Row:
    pairs = [(figures.percentile(each[name], percent), figures.percentile(each["idle"], percent)) for each in rounds]
    ours, theirs = (
        figures.percentile([sample for each in rounds for sample in each[side]], percent) for side in (name, "idle")
    )
    together = f"{ours * 1e6:.0f} us, {theirs * 1e6:.0f} us, {ours / theirs:.3g} with all {_ROUNDS * _BLOCK} together"
    return Row(what, "the same, idle", figures.ratios(pairs), goal, f"{together}; {_ROUNDS} rounds")
