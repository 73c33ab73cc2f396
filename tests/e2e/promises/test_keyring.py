"""A keyring that fails in whatever way holds nothing up and loses nothing, and the status says how it fails."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from desk import eventually
from dsqltok.errors import DsqltokError
from dsqltokd.pool import Pool, raise_error
from footprint import Process
from shells import shells
from standin import others, people, secretservice
from standin.secretservice import SecretService
from trial import Trial
from unit.processes import play, workers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from desk import Desk
    from promise import Faults

SHOWN = "a keyring that fails delays no `get`, and `status` says how it fails"
KEPT = "what an earlier daemon stored, and what could not be stored, is not lost"
FLAT = "a keyring that fails and fails leaves nothing behind (descriptors, threads, processes)"
LOCKED = "the keyring is locked"
SILENT = "the keyring did not answer in 5 s"
NONE = "no encrypted keyring is running"
USED = "in use (SecretService)"
ROOM = 1 << 20  # bytes, for the keyrings
PATIENCE = 20.0  # seconds
SOAK = 600.0  # seconds, for many jobs
NEEDS_ROOT = "needs root, to look at the descriptors of a process that is not dumpable, and to have a small disk"


@pytest.fixture(scope="module")
def own_service() -> Iterator[SecretService]:
    """Run a Secret Service that may be killed and whose disk may be full."""
    if lacking := secretservice.missing():
        pytest.skip(lacking)
    with SecretService(ROOM if people.is_root() else None) as service:
        yield service


@pytest.fixture
def trial(
    request: pytest.FixtureRequest,
    desk: Desk,
    own_service: SecretService,
    example: Callable[[str], str],
    faults: Faults,
) -> Iterator[Trial]:
    """Give a desk with a Secret Service in which nothing is stored."""
    example("admin")
    own_service.put("nothing")
    desk.environment |= own_service.environment
    trial = Trial(desk, own_service, faults)
    yield trial
    if trial.during:
        # In the short form there are too few for the rarest, and other tests use the processors.
        trial.compare(*((99, 2.0) if request.config.getoption("soak") else (50, 3.0)))


# --- it fails while the daemon runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        pytest.param("locked", LOCKED, marks=pytest.mark.promise(SHOWN, fault="locked", short=1, long=20)),
        pytest.param("hung", SILENT, marks=pytest.mark.promise(SHOWN, fault="stopped (SIGSTOP)", short=1, long=4)),
        pytest.param("full", "could not store", marks=pytest.mark.promise(SHOWN, fault="full disk", short=1, long=15)),
    ],
)
def test_while_it_runs(kind: str, said: str, trial: Trial) -> None:
    if kind == "full" and not people.is_root():
        pytest.skip(NEEDS_ROOT)
    with shells(trial.desk) as at, trial.keyring.unanswered() as asked:
        for _ in trial.faults:
            trial.something_new(at)
            with getattr(trial.keyring, kind)():
                at.get("during")
                trial.during.append(at.times(at.fails))
                trial.says(said)
            at.flush("before")
            trial.says(USED)
            trial.faults.hold(trial.stored("during"), "what could not be stored is not stored when it could be")
        trial.faults.hold(not asked(), "somebody was asked for a password")


@pytest.mark.promise(SHOWN, fault="a prompt that nobody answers", short=1, long=4)
def test_a_prompt(trial: Trial) -> None:
    trial.desk.configure(f'keyring = "{others.ASKING}"\n')
    python = others.install(trial.desk.root / "others")
    count: list[int] = []
    with shells(trial.desk, python, "-P", "-m", "dsqltokd") as at, trial.keyring.unanswered() as asked:
        for _ in trial.faults:
            trial.something_new(at)
            with trial.keyring.locked():
                at.get("during")
                trial.during.append(at.times(at.fails))
                trial.says(SILENT)
            count.append(asked())
            trial.faults.hold(count[-1] <= 1, f"somebody was asked {count[-1]} times")
            at.flush("before")
            trial.faults.hold(trial.stored("during"), "what could not be stored is not stored when it could be")
    assert any(count), "nobody was ever asked"


@pytest.mark.promise(SHOWN, fault="killed in the middle of a call", short=1, long=12)
def test_killed(trial: Trial) -> None:
    with shells(trial.desk) as at, trial.keyring.overheard() as calls:
        for _ in trial.faults:
            trial.something_new(at)
            with trial.keyring.hung():
                calls()  # all that were before
                at.get("during")
                eventually(lambda: calls() > 0, "a call")
                trial.keyring.kill()
            trial.during.append(at.times(at.fails))
            said = trial.desk.ok("status")
            trial.faults.hold("could not store" in said or NONE in said, said)
            trial.keyring.restart()
            eventually(lambda: trial.stored("during"), "what could not be stored is stored")
            eventually(at.works, "the keyring is in use")


# --- it fails from the start -----------------------------------------------------------------------------------------


@pytest.mark.promise(SHOWN, fault="no D-Bus", short=1, long=6)
def test_no_bus(trial: Trial) -> None:
    for turn in trial.faults:
        address = ("", f"unix:path={trial.desk.root}/nothing", "nonsense")[turn % 3]
        said = trial.start_with(DBUS_SESSION_BUS_ADDRESS=address)
        trial.faults.hold(f"memory only: {NONE}: there is no D-Bus session" in said, said)


@pytest.mark.promise(SHOWN, fault="a bus that accepts and never answers", short=1, long=6)
def test_a_mute_bus(trial: Trial) -> None:
    path = trial.desk.root / "mute"
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(path))
        people.ordinary().own(path)
        mute.listen(128)
        for _ in trial.faults:
            said = trial.start_with(DBUS_SESSION_BUS_ADDRESS=f"unix:path={path}")
            trial.faults.hold("memory only: the D-Bus session does not answer" in said, said)


@pytest.mark.promise(SHOWN, fault="a plaintext backend is installed, and no other", short=1, long=6)
def test_plaintext(trial: Trial) -> None:
    python = others.install(trial.desk.root / "others")
    assert others.PLAINTEXT in trial.desk.run(python, "-m", "keyring", "--list-backends").stdout
    for _ in trial.faults:
        said = trial.start_with(python, "-P", "-m", "dsqltokd", DBUS_SESSION_BUS_ADDRESS="")
        trial.faults.hold(f"memory only: {NONE}" in said, said)
        trial.faults.hold(not (trial.desk.home / "plaintext").exists(), "secrets are in a file")


@pytest.mark.promise(SHOWN, fault="a foreign or damaged entry", short=1, long=12)
def test_an_entry_that_is_not_ours(trial: Trial) -> None:
    with shells(trial.desk) as at:
        at.get("usual")
    good = trial.keyring.entry() or ""
    bad = (
        good[:-20],
        "a password",
        good.replace('"expires_at"', '"ends"'),
        "[" * 10_000,
        '{"version": 1}',
        b"\xff\xfe",
    )
    for turn in trial.faults:
        trial.keyring.put(good)
        with shells(trial.desk) as at:
            trial.usual.append(at.times(at.works))
        trial.keyring.put(bad[turn % len(bad)])
        with shells(trial.desk) as at:
            trial.during.append(at.times(at.works))
            trial.says(USED)
            eventually(lambda: trial.stored("usual"), "a good one is in its place")


# --- nothing is lost -------------------------------------------------------------------------------------------------


@pytest.mark.promise(KEPT, fault="locked until after the start", short=1, long=12)
def test_unlocked_late(trial: Trial) -> None:
    for _ in trial.faults:
        trial.keyring.put("nothing")
        with shells(trial.desk) as at:
            earlier = at.get("earlier")
        with contextlib.ExitStack() as lock:
            lock.enter_context(trial.keyring.locked())
            with shells(trial.desk) as at:
                at.get("later")
                eventually(at.fails, "it is locked")
                lock.close()
                eventually(lambda: trial.stored("later"), "what could not be stored is stored")
                trial.says(USED)
                trial.faults.hold(at.get("earlier") == earlier, "what was stored earlier is not found")
                trial.faults.hold(trial.stored("earlier"), "what was stored earlier is not there any more")


@pytest.mark.promise(KEPT, fault="an entry of a newer version", short=1, long=8)
def test_a_newer_entry(trial: Trial) -> None:
    newer = json.dumps({"version": 2, "until": time.time() + 3600, "of another": "shape"})
    for _ in trial.faults:
        trial.keyring.put(newer)
        with shells(trial.desk) as at:
            at.get("later")
            eventually(at.fails, "it is found")
            trial.says("memory only: the keyring's entry is of a newer version")
        trial.faults.hold(trial.keyring.entry() == newer, "the newer version's entry is lost")
        with shells(trial.desk):
            trial.desk.ok("flush")
            trial.faults.hold(trial.keyring.entry() is None, "a flush leaves something")


# --- nothing is left behind ------------------------------------------------------------------------------------------


def no_more(before: dict[str, int], after: dict[str, int]) -> bool:
    """Tell whether a process has no more than before, but for what comes and goes."""
    return all(after[what] <= before[what] + 2 for what in ("fds", "threads", "children"))


@contextlib.asynccontextmanager
async def jobs(trial: Trial) -> AsyncIterator[Pool]:
    """Give the core's own pool, in this process, and hold that both ends of it have no more at the end."""
    pool = Pool({"PATH": "/usr/bin:/bin"} | trial.desk.environment, linger=PATIENCE)
    await do(pool)
    before = [Process(pid).usage() for pid in (os.getpid(), *workers())]
    yield pool
    after = [Process(pid).usage() for pid in (os.getpid(), *workers())]
    kept = len(after) <= len(before) and all(map(no_more, before, after))
    trial.faults.hold(kept, f"first {before}, then {after}")
    pool.close()


async def do(pool: Pool, deadline: float = PATIENCE) -> bool:
    """Have something stored; tell whether that worked."""
    job = {"op": "store", "value": "x" * 4000, "backend": None}
    try:
        raise_error(await pool.run("keystore", job, deadline=deadline))
    except DsqltokError:
        return False
    return True


needs_root = pytest.mark.skipif(not people.is_root(), reason=NEEDS_ROOT)


@needs_root
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("locked", marks=pytest.mark.promise(FLAT, fault="a job fails: locked", short=100, long=10_000)),
        pytest.param("full", marks=pytest.mark.promise(FLAT, fault="a job fails: full disk", short=30, long=2000)),
        pytest.param("", marks=pytest.mark.promise(FLAT, fault="a job fails: no D-Bus", short=100, long=10_000)),
    ],
)
def test_jobs_that_fail(kind: str, trial: Trial) -> None:
    async def scene() -> None:
        with getattr(trial.keyring, kind)() if kind else contextlib.nullcontext():
            async with jobs(trial) as pool:
                for _ in trial.faults:
                    assert not await do(pool)

    if not kind:
        trial.desk.environment["DBUS_SESSION_BUS_ADDRESS"] = ""
    play(scene(), SOAK)


@needs_root
@pytest.mark.promise(FLAT, fault="a job hangs, and its worker is killed", short=3, long=100)
def test_jobs_that_hang(trial: Trial) -> None:
    async def scene() -> None:
        async with jobs(trial) as pool:
            for _ in trial.faults:
                with trial.keyring.hung():
                    assert not await do(pool, deadline=0.05)
                assert await do(pool)  # by another worker

    play(scene(), SOAK)


@needs_root
@pytest.mark.promise(FLAT, fault="an attempt of the daemon's fails", short=6, long=200)
def test_attempts(trial: Trial) -> None:
    with trial.keyring.locked(), shells(trial.desk) as at:
        daemon = Process(at.pid())
        before: dict[str, int] = {}
        for turn in trial.faults:
            at.flush("usual")
            assert at.fails()
            before = daemon.usage() if turn == 2 else before
        after = daemon.usage()
        trial.faults.hold(no_more(before, after), f"first {before}, then {after}")
