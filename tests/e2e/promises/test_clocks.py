"""A machine that slept, or whose clock was set, gives a right token at the first `get`."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from promise import Faults
    from standin.endpoint import DsqlStandin
    from standin.ledger import Clock
    from standin.steps import Steps

RIGHT = "the first token is right by the clock as it is then"
NAPS = (1.0, 400.0, 601.0, 899.0, 901.0, 3600.0, 40_000.0, 7 * 86_400.0)  # seconds
LIFE = 900.0
LEAST_LIFE = 300.0


def least_after(step: float) -> float:
    """Return how long the first token after a step has to be good for.

    Where the one in hand is still good for a while, it is served if a better one takes more than a second.
    """
    return 0.0 if 600.0 < step < LIFE else LEAST_LIFE


@pytest.fixture
def first(
    login: Callable[..., str], standin: DsqlStandin, clock: Clock, faults: Faults
) -> Callable[[str, float], None]:
    """Hold that a token logs in, by the stand-in's clock, with the least life that DESIGN.md allows."""

    def check(token: str, least: float = LEAST_LIFE) -> None:
        faults.hold(login(token=token) == "admin", "nobody is let in")
        found = standin.logins[-1]
        left = found.signed_at + found.expires_in - clock()
        faults.hold(left >= least, f"only {left} s are left")
        faults.hold(found.signed_at <= clock() + 1, "signed in the future")

    return check


@pytest.mark.promise(RIGHT, fault="suspended", short=8, long=600)
def test_after_a_suspend(
    faults: Faults, desk: Desk, example: Callable[[str], str], stepped: Steps, first: Callable[..., None]
) -> None:
    example("admin")
    with desk.daemon():
        first(desk.ok("get", "-n"))
        for turn in faults:
            nap = NAPS[turn % len(NAPS)]
            stepped.suspend(nap)
            first(desk.ok("get", "-n"), least_after(nap))


@pytest.mark.promise(RIGHT, fault="wall clock set by an hour, forward and back", short=8, long=600)
def test_after_the_clock_was_set(
    faults: Faults, desk: Desk, example: Callable[[str], str], stepped: Steps, first: Callable[[str], None]
) -> None:
    example("admin")
    with desk.daemon():
        first(desk.ok("get", "-n"))
        for turn in faults:
            stepped.set((3600.0, -3600.0, -3600.0, 3600.0)[turn % 4])
            first(desk.ok("get", "-n"))


@pytest.mark.promise(RIGHT, fault="suspended or clock set, credentials of 15 minutes behind it", short=8, long=400)
def test_with_credentials_that_end(
    faults: Faults, renewing: Desk, example: Callable[[str], str], stepped: Steps, first: Callable[..., None]
) -> None:
    example("admin")
    with renewing.daemon():
        first(renewing.ok("get", "-n"))
        for turn in faults:
            step = (3600.0, 700.0, -3600.0, 950.0)[turn % 4]
            (stepped.suspend if turn % 2 else stepped.set)(step)
            first(renewing.ok("get", "-n"), least_after(step))


@pytest.mark.promise(RIGHT, fault="stopped (SIGSTOP) past the expiry", short=2, long=100)
def test_after_it_was_stopped(
    faults: Faults, desk: Desk, example: Callable[[str], str], stepped: Steps, first: Callable[[str], None]
) -> None:
    example("admin")
    with desk.daemon() as process:
        first(desk.ok("get", "-n"))
        for _ in faults:
            os.kill(process.pid, signal.SIGSTOP)
            stepped.suspend(1000.0)
            os.kill(process.pid, signal.SIGCONT)
            first(desk.ok("get", "-n"))


@pytest.mark.promise("what is warm is replaced without being asked for", fault="suspended", short=1, long=10)
def test_what_is_warm_after_a_suspend(
    faults: Faults, desk: Desk, example: Callable[[str], str], stepped: Steps, first: Callable[[str], None]
) -> None:
    example("admin")
    with desk.daemon(), desk.connection() as connection:
        first(connection.ask("token.watch", config=str(desk.work / "atlas.hcl"))["result"]["token"])
        for _ in faults:
            stepped.suspend(1000.0)
            first(connection.receive()["params"]["token"])
