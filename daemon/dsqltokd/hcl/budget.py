"""How often loops and splats may go round while one expression is evaluated.

Loops within loops multiply, and a line of them would keep a machine busy for years. So each loop says how many elements
it is about to walk over, before it does: it costs nothing that can be measured, and the limit is the same everywhere.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from .source import Diagnostic

if TYPE_CHECKING:
    from .source import Span

MAX_ROUNDS = 50_000
"""The rounds of all loops and splats in one evaluation of an expression. HCL has no limit."""

_left: ContextVar[int] = ContextVar("left", default=MAX_ROUNDS)


class ExhaustedError(Exception):
    """The whole evaluation has to end. It is no EvaluationError, after which other parts would still be evaluated."""

    def __init__(self, span: Span) -> None:
        super().__init__()
        detail = f"The loops of one expression may not go round more than {MAX_ROUNDS} times in all."
        self.diagnostic = Diagnostic("Evaluation too large", detail, span)


def begin() -> None:
    """An evaluation begins."""
    _left.set(MAX_ROUNDS)


def spend(rounds: int, span: Span) -> None:
    """A loop at `span` is about to go round so often. Raises ExhaustedError if that is too much."""
    left = _left.get() - rounds
    if left < 0:
        raise ExhaustedError(span)
    _left.set(left)
