"""Ending an evaluation that takes too much, and telling which line it was at.

The rules:
- What counts is processor time: whoever used that up would do so again. It is the file's mistake until it changes.
- The limit is well below the core's deadline, so that there is a message with a line in it before the core kills the
  process. Where the clock is about to come first though it computes all the while, the machine is busy: the message is
  the same, but the mistake is for another try. What waits for a disk is the core's to end.
- Nothing is counted while all goes well. The line is found afterwards, in the frames that the exception came through:
  the innermost one that holds a part of the syntax tree says what was being evaluated.
"""

from __future__ import annotations

import signal
import time
import traceback
from typing import TYPE_CHECKING, TypeVar

from dsqltokd.hcl import Attribute, Block, Expression, Span

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

SECONDS = 1.0
"""How much processor time one evaluation may take; a project of a thousand lines takes a tenth of it."""

_PATIENCE = 1.6  # of the times above, by the clock
_COMPUTES = 0.2  # of it in processor time, at least
_AGAIN = 0.1  # seconds until the next alarm, should the first one go off where Python swallows exceptions
_RESERVE = 8 << 20  # bytes, given back to find words when there is no memory left

T = TypeVar("T")


class ExceededError(Exception):
    """An evaluation that took too much: `what` it was, and the `span` where, None if that is not known.

    `passing` says that it may be otherwise on a machine less busy.
    """

    def __init__(self, what: str, span: Span | None, *, passing: bool) -> None:
        super().__init__(what)
        self.what = what
        self.span = span
        self.passing = passing


class _OutOfTimeError(BaseException):
    """Not an Exception: nobody on the way is to take it for a mistake of his own."""

    def __init__(self, *, passing: bool) -> None:
        super().__init__()
        self.passing = passing


def within_limits(work: Callable[[], T], seconds: float = SECONDS) -> T:
    """Return what `work` returns. Raises ExceededError where it takes too much time, memory or stack.

    To be called in the main thread, as no other hears alarms.
    """
    reserve = bytearray(_RESERVE)
    passing = False
    try:
        return _timed(work, seconds)
    except _OutOfTimeError as error:
        what, span, passing = "it takes too long", _place(error.__traceback__), error.passing
    except MemoryError as error:
        reserve.clear()
        what, span = "it takes more memory than there is for a project", _place(error.__traceback__)
    except RecursionError as error:
        what, span = "it nests too deeply", _place(error.__traceback__)
    raise ExceededError(what, span, passing=passing)


def _timed(work: Callable[[], T], seconds: float) -> T:
    alarm = _Alarm(seconds)
    handlers = [(number, signal.signal(number, alarm)) for number in (signal.SIGPROF, signal.SIGALRM)]
    clock = signal.setitimer(signal.ITIMER_REAL, _PATIENCE * seconds, _AGAIN)
    signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN)
    try:
        return work()
    finally:
        for number, _ in handlers:
            signal.signal(number, signal.SIG_IGN)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in handlers:
            signal.signal(number, handler)
        signal.setitimer(signal.ITIMER_REAL, *clock)  # whoever set it has waited for a moment only


class _Alarm:
    """What to do when an alarm goes off: to raise, but not while an exception from before is still on its way."""

    def __init__(self, seconds: float) -> None:
        self._computing = time.process_time() + _COMPUTES * seconds
        self._quiet_until = 0.0

    def __call__(self, number: int, _frame: object) -> None:
        now = time.process_time()
        if now >= self._quiet_until and (number == signal.SIGPROF or now >= self._computing):
            self._quiet_until = now + _AGAIN / 2
            raise _OutOfTimeError(passing=number != signal.SIGPROF)


def _place(trace: TracebackType | None) -> Span | None:
    """Return the span of what the innermost frame that knows any was about."""
    frames = [frame for frame, _ in traceback.walk_tb(trace)]
    spans = (_span(thing) for frame in reversed(frames) for thing in frame.f_locals.values())
    return next((span for span in spans if span is not None), None)


def _span(thing: object) -> Span | None:
    span = getattr(thing, "span", None) if isinstance(thing, Expression | Attribute | Block) else thing
    # To make it may have been what took too long; then it is not complete.
    return span if isinstance(span, Span) and all(hasattr(span, part) for part in Span.__slots__) else None
