"""Nobody but the user gets at the daemon: not through its directory, not through its memory or what it leaves."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from desk import BIN, eventually
from footprint import children
from standin import people

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk

# Each tries, as whoever runs it, to look into a process; it prints what it got at.
ATTEMPTS = {
    "attach, as a debugger does": """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
if libc.ptrace(16, int(sys.argv[1]), 0, 0) == 0:
    print("attached")
""",
    "read its memory": 'import sys; open(f"/proc/{sys.argv[1]}/mem", "rb"); print("opened")',
    "read its memory by its other door": """
import ctypes, sys
class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(8)
ours = IoVec(ctypes.addressof(buffer), 8)
theirs = IoVec(id(None), 8)
if ctypes.CDLL(None).process_vm_readv(int(sys.argv[1]), ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0) > 0:
    print("read")
""",
    "read its environment": 'import sys; print(open(f"/proc/{sys.argv[1]}/environ", "rb").read())',
    "see its descriptors": 'import os, sys; print(os.listdir(f"/proc/{sys.argv[1]}/fd"))',
    "take its descriptors": """
import ctypes, os, sys
if ctypes.CDLL(None).syscall(438, os.pidfd_open(int(sys.argv[1])), 0, 0) >= 0:
    print("taken")
""",
}


@pytest.fixture
def processes(desk: Desk, example: Callable[[str], str]) -> list[int]:
    """Give the process ids of a daemon that has served a token, and of its workers."""
    if why := people.why_no_stranger():
        pytest.skip(why)
    example("admin")
    desk.ok("get")
    pid = desk.status()["pid"]
    workers = children(pid)
    assert workers
    return [pid, *workers]


@pytest.mark.parametrize("attempt", ATTEMPTS)
@pytest.mark.parametrize("who", ["the user's other programs", "another user"])
def test_core_and_workers_are_closed_to(
    who: str, attempt: str, processes: list[int], desk: Desk, stranger: people.Person
) -> None:
    person = people.ordinary() if who.startswith("the user") else stranger
    for pid in processes:
        command = person.argv(sys.executable, "-c", ATTEMPTS[attempt], str(pid))
        done = subprocess.run(command, cwd="/", env=desk.environment, capture_output=True, text=True, check=False)
        assert done.stdout == "", (pid, attempt)


def test_the_attempts_succeed_where_nothing_forbids_them(desk: Desk) -> None:
    """See that each of the attempts is a real one: it works on a process of the same user that is not protected."""
    with desk.begin(sys.executable, "-c", "import sys; print('here', flush=True); sys.stdin.read()") as open_one:
        assert open_one.stdout is not None
        assert open_one.stdout.readline() == "here\n"
        got = {
            attempt: subprocess.run(
                people.ordinary().argv(sys.executable, "-c", program, str(open_one.pid)),
                cwd="/",
                env=desk.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=False,
            ).stdout
            for attempt, program in ATTEMPTS.items()
        }
        open_one.kill()
    assert all(got[attempt] for attempt in ATTEMPTS), got


def test_a_crash_leaves_no_core_file(processes: list[int], desk: Desk) -> None:
    for pid in processes:
        limits = Path(f"/proc/{pid}/limits").read_text()
        line = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert line.split()[4:6] == ["0", "0"]
    before = {directory: set(os.listdir(directory)) for directory in ("/", desk.work, desk.home)}
    for pid in reversed(processes):
        os.kill(pid, signal.SIGABRT)
    eventually(lambda: not Path(f"/proc/{processes[0]}").exists(), "the daemon is gone")
    for directory, names in before.items():
        assert not [name for name in set(os.listdir(directory)) - names if "core" in name]
    assert desk.ok("get")


def test_directory_and_socket_are_the_users_alone_from_the_first_instant_on(desk: Desk) -> None:
    seen: dict[str, set[int]] = {"directory": set(), "socket": set(), "lock": set()}
    over = threading.Event()
    paths = {
        "directory": desk.socket.parent,
        "socket": desk.socket,
        "lock": desk.socket.with_name("dsqltokd.lock"),
    }

    def sample() -> None:
        while not over.is_set():
            for name, path in paths.items():
                try:
                    seen[name].add(stat.S_IMODE(os.lstat(path).st_mode))
                except FileNotFoundError:
                    pass

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        for _ in range(2):
            with desk.daemon():
                eventually(lambda: all(seen.values()), "all of them were looked at")
            desk.run("rm", "-r", str(desk.socket.parent))
    finally:
        over.set()
        sampler.join()
    assert seen["directory"] == {0o700}
    assert seen["lock"] == {0o600}
    assert seen["socket"]
    assert not any(mode & 0o077 for mode in seen["socket"])


def test_a_runtime_directory_that_is_a_link_is_refused(desk: Desk) -> None:
    elsewhere = desk.root / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    people.ordinary().own(elsewhere)
    desk.socket.parent.symlink_to(elsewhere)
    done = desk.run(str(BIN / "dsqltokd"))
    assert done.returncode == 4
    assert "is not a directory of yours alone" in done.stderr
    assert list(elsewhere.iterdir()) == []


def test_a_runtime_directory_of_somebody_else_is_refused(desk: Desk, stranger: people.Person) -> None:
    desk.socket.parent.mkdir(mode=0o700)
    stranger.own(desk.socket.parent)
    done = desk.run(str(BIN / "dsqltokd"))
    assert done.returncode == 4
