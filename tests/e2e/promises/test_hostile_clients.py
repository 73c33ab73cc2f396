"""Programs of the same user that misbehave at the socket, by the hundreds, and bytes that make no sense."""

from __future__ import annotations

import resource
import statistics
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY, Desk, eventually
from standin.crowd import Crowd, Regular
from standin.leash import bed_directory
from standin.nonsense import Nonsense

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from promise import Faults

HELD_UP = "clients that misbehave hold up nobody else"
OPEN = "a get gets through, whoever else is connected"
LOOKUPS = 200
ENOUGH = 2048
FEW = 5  # lines of the log about a crowd


class Core:
    """The daemon, looked at from outside, and `regular`, a client that behaves."""

    def __init__(self, pid: int, desk: Desk, regular: Regular) -> None:
        self.pid = pid
        self.desk = desk
        self.regular = regular

    def get(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Ask for a token as a user does."""
        return self.desk.dsqltok("get", "--data", "db", "-n", env=environment)

    @contextmanager
    def rests(self, faults: Faults) -> Iterator[None]:
        """Hold that its loop sleeps in the block, on however busy a machine: one that spins never does."""
        before = self._sleeps()
        yield
        slept = self._sleeps() - before
        faults.hold(slept > 0, "its loop never sleeps")

    def _sleeps(self) -> int:
        """Return how often its loop has waited for something to happen."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))

    def memory(self) -> float:
        """Return its resident memory in MiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20

    def descriptors(self) -> int:
        """Return how many it says that it has open."""
        told = self.desk.ok("metrics").splitlines()
        return next(int(float(line.split()[1])) for line in told if line.startswith('dsqltok_used{what="fds"}'))

    def may_open(self, descriptors: int) -> None:
        """Have it open no descriptor of this number or above, from now on."""
        done = self.desk.run("prlimit", f"--pid={self.pid}", f"--nofile={descriptors}:")
        assert done.returncode == 0, done.stderr

    def lines(self) -> int:
        """Return how many lines its log has."""
        return self.desk.log.read_text().count("\n")


@pytest.fixture(scope="module")
def core() -> Iterator[Core]:
    """Run one daemon for all the crowds, which come one after the other, with a token in hand."""
    with bed_directory("crowds-") as root, Desk(root) as desk:
        secret = f"aws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n"
        desk.aws(credentials=f"[default]\n{secret}")
        desk.project('data "aws_dsql_token" "db" {\n  endpoint = "cluster-id.dsql.us-east-1.on.aws"\n}\n')
        with desk.daemon() as process, Regular(desk.socket, desk.work / "atlas.hcl", "db") as regular:
            desk.ok("get", "--data", "db", "-n")
            regular.lookups(LOOKUPS)
            yield Core(process.pid, desk, regular)


def _crowd(promise: str, kind: str, number: int, fault: str) -> object:
    mark = pytest.mark.promise(promise, fault=f"{number:,} {fault}", short=number, long=20 * number)
    return pytest.param(kind, number, marks=mark, id=kind)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        _crowd(HELD_UP, "silent", 1000, "silent connections"),
        _crowd(HELD_UP, "slow", 1000, "connections that send a byte a second"),
        _crowd(HELD_UP, "half-closed", 1000, "connections that close one side, 300 a second"),
        _crowd(HELD_UP, "deaf", 500, "connections that do not read their answers"),
        _crowd(HELD_UP, "oversized", 1000, "connections with 64 KiB and more of one request"),
    ],
)
def test_a_crowd(kind: str, number: int, faults: Faults, core: Core, request: pytest.FixtureRequest) -> None:
    before, descriptors, lines = core.memory(), core.descriptors(), core.lines()
    usual, worst = [], []
    for _ in range(0, faults.times, number):
        faults.more(number)
        idle = core.regular.lookups(LOOKUPS)
        with Crowd(core.desk.socket, kind, number):
            core.regular.lookups(20)  # until it has heard them all
            with core.rests(faults):
                crowded, full = core.regular.lookups(LOOKUPS), core.memory()
        faults.hold(full < before + 250, f"of {before} MiB it has come to {full}")
        eventually(lambda: core.descriptors() <= descriptors + 2, "their descriptors are closed")
        # Others may have begun to use the machine meanwhile: what it is like without the crowd is measured again.
        slower = max(map(statistics.median, (idle, core.regular.lookups(LOOKUPS))))
        usual.append(statistics.median(crowded) / slower)
        worst.append(_p99(crowded) / _p99(idle))
    faults.hold(core.memory() < before + 10, f"of {before} MiB it has come to {core.memory()}")
    faults.hold(core.lines() <= lines + FEW, "it fills the log")
    if request.config.getoption("soak"):
        faults.hold(statistics.median(worst) <= 2.0, f"the others' p99 is {statistics.median(worst)} of what it was")
    else:
        faults.hold(statistics.median(usual) <= 5.0, f"the others wait {statistics.median(usual)} as long")


def _p99(samples: list[float]) -> float:
    return statistics.quantiles(samples, n=100, method="inclusive")[98]


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        _crowd(OPEN, "silent", 1100, "silent connections, where there is room for 1,024"),
        _crowd(OPEN, "resting", 1100, "connections at rest, where there is room for 1,024"),
        _crowd(
            OPEN, "insistent", 3000, "silent connections that come back when dropped, where there is room for 1,024"
        ),
    ],
)
def test_more_than_there_is_room_for(kind: str, number: int, faults: Faults, core: Core) -> None:
    lines = core.lines()
    for _ in range(0, faults.times, number):
        faults.more(number)
        with Crowd(core.desk.socket, kind, number), core.rests(faults):
            done = core.get()
        faults.hold(done.returncode == 0, done.stderr)
    faults.hold(core.lines() <= lines + FEW, "it fills the log")


@pytest.mark.promise(OPEN, fault="no file descriptor left, and 60 connections that want one", short=2, long=100)
def test_no_file_descriptor_left(faults: Faults, core: Core) -> None:
    lines, begin = core.lines(), time.monotonic()
    for turn in faults:
        core.may_open(core.descriptors() + 20 + turn % 20)
        with Crowd(core.desk.socket, "insistent", 60), core.rests(faults):
            warm = core.get()
        core.may_open(ENOUGH)
        faults.hold(warm.returncode == 0, warm.stderr)
    faults.hold(core.lines() <= lines + FEW + (time.monotonic() - begin) / 20, "it fills the log")
    core.regular.lookups(LOOKUPS)


def without_descriptors(core: Core, name: str, attempts: int = 30) -> subprocess.CompletedProcess[str]:
    """Ask for a token that takes a worker where there is no descriptor for one.

    Each worker that is begun has the pool end another, which gives back its descriptors when it is gone: where that
    comes in between there is room for one more, and it is tried again.
    """
    core.may_open(core.descriptors() - 1)
    done = core.get(AWS_ACCESS_KEY_ID=f"AKIA{name}X{attempts}", AWS_SECRET_ACCESS_KEY="x")
    core.may_open(ENOUGH)
    return done if done.returncode or not attempts else without_descriptors(core, name, attempts - 1)


@pytest.mark.promise("what cannot be had is told at once, and why", fault="no file descriptor left", short=2, long=100)
def test_no_file_descriptor_left_for_a_worker(faults: Faults, core: Core) -> None:
    for turn in faults:
        cold = without_descriptors(core, str(turn))
        faults.hold("no more: Too many open files" in cold.stderr, cold.stderr or "there was one")
        cold = core.get(AWS_ACCESS_KEY_ID=f"ASIA{turn}", AWS_SECRET_ACCESS_KEY="x")
        faults.hold(cold.returncode == 0, cold.stderr)


@pytest.mark.promise(
    "whatever bytes arrive, each line is answered, and the daemon goes on",
    fault="damaged requests",
    short=2000,
    long=100_000,
)
def test_nonsense(faults: Faults, core: Core) -> None:
    lines, before = core.lines(), core.memory()
    faults.more(faults.times)
    with Nonsense(core.desk.socket, core.desk.work / "atlas.hcl", "db", seed=1) as nonsense:
        for wrong in nonsense.send(0, faults.times):
            faults.hold(False, wrong)
    faults.hold(core.get().returncode == 0, "it serves no more")
    said = core.desk.log.read_text().splitlines()
    bugs = [line for line in said if "Traceback" in line or " ERROR " in line]
    faults.hold(not bugs, f"there is a bug in the log: {bugs[:3]}")
    faults.hold(core.lines() <= lines + 100 + faults.times // 500, "it fills the log")
    faults.hold(core.memory() < before + 20, f"of {before} MiB it has come to {core.memory()}")
