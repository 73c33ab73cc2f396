"""Noticing that the clock was set or that the machine slept."""

from __future__ import annotations

import os
import select
import subprocess
import sys

import pytest

from dsqltokd.clock import Jumps
from standin import steps
from standin.ledger import Clock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not tell")
_LOOK = """
import select
from dsqltokd.clock import Jumps
jumps = Jumps()
while True:
    print("waiting", flush=True)
    print(bool(select.select([jumps.told], [], [], 30)[0]), jumps.look(), flush=True)
"""


def test_nothing_is_told_while_the_clock_goes_on() -> None:
    jumps = Jumps()
    assert jumps.told is not None
    assert select.select([jumps.told], [], [], 0) == ([], [], [])
    assert not jumps.look()
    os.close(jumps.told)


def test_each_step_of_the_clock_is_told_once() -> None:
    if why := steps.missing():
        pytest.skip(why)
    with steps.Steps(Clock()) as stepping:
        environment = {**os.environ, **stepping.environment, "PYTHONPATH": os.pathsep.join(sys.path)}
        argv = [sys.executable, "-c", _LOOK]
        with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for step in (stepping.suspend, stepping.set, stepping.suspend):
                assert process.stdout.readline() == "waiting\n"
                step(100.0)
                assert process.stdout.readline() == "True True\n"
            process.kill()
