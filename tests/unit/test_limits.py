"""Work that takes too much is ended by an error that says where it was."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from dsqltokd.hcl import FUNCTIONS, Scope, evaluate_expression, parse, parse_expression
from dsqltokd.worker.limits import ExceededError, within_limits

if TYPE_CHECKING:
    from collections.abc import Callable

# An alarm may go off in a callback of the garbage collector's (hypothesis has one), where it is reported and swallowed.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
A_MOMENT = 0.05
CATASTROPHE = f'["a", regex("(a+)+$", "{"a" * 50}b")]'


def exceeded(work: Callable[[], object]) -> ExceededError:
    with pytest.raises(ExceededError) as caught:
        within_limits(work, A_MOMENT)
    return caught.value


def forever() -> None:
    while True:
        pass


def test_work_that_ends_gives_its_result() -> None:
    assert within_limits(lambda: 7) == 7


def test_what_the_work_raises_goes_on() -> None:
    with pytest.raises(ZeroDivisionError):
        within_limits(lambda: 1 // 0)


def test_an_evaluation_that_takes_too_long_ends_where_it_was() -> None:
    tree = parse_expression(CATASTROPHE.encode(), "f")
    error = exceeded(lambda: evaluate_expression(tree, Scope({}, FUNCTIONS)))
    assert error.what == "it takes too long"
    assert error.span is not None
    assert CATASTROPHE[error.span.start.byte :].startswith("regex(")


def test_parsing_that_takes_too_long_ends_too() -> None:
    source = b"a = [" + b"1, " * 300_000
    assert "too long" in exceeded(lambda: parse(source, "f")).what


def test_what_catches_every_exception_catches_no_alarm() -> None:
    def stubborn() -> None:
        while True:
            try:
                forever()
            except Exception:  # noqa: BLE001, S110 - that is what this is about
                pass

    assert "too long" in exceeded(stubborn).what


def test_an_alarm_that_is_swallowed_goes_off_again() -> None:
    class Stubborn:
        def __del__(self) -> None:
            forever()

    def swallow() -> None:
        Stubborn()
        forever()

    before, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        assert "too long" in exceeded(swallow).what
    finally:
        sys.unraisablehook = before


def test_afterwards_there_is_no_alarm() -> None:
    before = signal.getsignal(signal.SIGPROF)
    exceeded(forever)
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
    assert signal.getsignal(signal.SIGPROF) == before


def test_no_memory_and_no_stack_are_limits_too() -> None:
    def without_memory() -> None:
        raise MemoryError

    def without_end() -> None:
        without_end()

    assert "more memory" in exceeded(without_memory).what
    assert "nests too deeply" in exceeded(without_end).what


def test_what_was_half_made_is_no_place() -> None:
    source = b"[" + b"[1], " * 50_000
    for _ in range(5):
        span = exceeded(lambda: parse_expression(source, "f")).span
        assert span is None or str(span).startswith("f:1,")


def test_what_used_up_its_processor_time_would_do_so_again() -> None:
    given = 4 * A_MOMENT

    def is_right() -> bool:
        before = time.process_time()
        with pytest.raises(ExceededError) as caught:
            within_limits(forever, given)
        # A busy machine may not let it have as much.
        return not caught.value.passing or time.process_time() - before < given

    assert any(is_right() for _ in range(5))  # the system's two ways to count differ by a little


def test_what_computes_slowly_on_a_busy_machine_may_try_again() -> None:
    def seldom() -> None:
        never = threading.Event()
        while True:
            for _ in range(1000):  # which takes no slow processor as long as it waits
                pass
            never.wait(0.002)

    assert exceeded(seldom).passing


def test_what_waits_is_not_ended_here() -> None:
    reading, writing = os.pipe()
    writer = threading.Timer(4 * A_MOMENT, os.write, (writing, b"x"))
    writer.start()
    assert within_limits(lambda: os.read(reading, 1), A_MOMENT) == b"x"
    writer.join()
    os.close(reading)
    os.close(writing)
