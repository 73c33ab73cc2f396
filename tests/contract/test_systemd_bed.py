"""The bed of systemd keeps its promises: what a user's own manager does with units, sockets and the journal."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from desk import eventually
from standin import people
from standin.systemd import SystemdUser

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTIFIES = """
import os, socket, time
there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
there.connect(os.environ["NOTIFY_SOCKET"])
there.send(b"READY=1\\nSTATUS=serving two envs")
time.sleep(600)
"""
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + NOTIFIES
ANSWERS = """
import socket
listener = socket.socket(fileno=3)
connection, _ = listener.accept()
connection.sendall(b"activated")
connection.close()
"""
ASKS = """
import socket, sys
there = socket.socket(socket.AF_UNIX)
there.connect(sys.argv[1])
sys.stdout.write(there.recv(64).decode())
"""


@pytest.fixture
def manager(user_manager: SystemdUser) -> Iterator[SystemdUser]:
    yield user_manager
    for verb in ("stop", "reset-failed"):
        user_manager.systemctl(verb, "example*")


def python(manager: SystemdUser, name: str, program: str) -> str:
    """Save a program in the user's home, and return the command that runs it there."""
    path = manager.home / name
    path.write_text(program)
    manager.person.own(path)
    return f"{sys.executable} %h/{name}"


def test_the_manager_is_the_users_and_has_nothing_but_systemds_own_units(manager: SystemdUser) -> None:
    assert manager.systemctl("is-system-running", "--wait") == "running\n"
    assert manager.run("id", "-u").stdout == f"{people.ordinary().uid}\n"
    running = manager.systemctl("list-units", "--state=active", "--type=service", "--plain", "--no-legend")
    assert set(running.splitlines()) <= {line for line in running.splitlines() if line.startswith("dbus")}
    assert manager.version >= 252


def test_a_unit_runs_as_the_user_and_what_it_prints_is_in_the_journal(manager: SystemdUser) -> None:
    # Of a program that has ended the journal can no longer find out which unit it was of.
    command = python(manager, "prints.py", "import os, time\nprint(os.getuid(), flush=True)\ntime.sleep(600)\n")
    manager.unit("example.service", f"[Service]\nExecStart={command}\n")
    manager.systemctl("start", "example.service")

    def found(message: str) -> list[dict[str, Any]]:
        return [entry for entry in manager.journal("example.service") if entry["MESSAGE"] == message]

    uid = str(people.ordinary().uid)
    eventually(lambda: bool(found(uid)), "the journal has what the program printed")
    assert (found(uid)[0]["_SYSTEMD_USER_UNIT"], found(uid)[0]["_UID"]) == ("example.service", uid)
    eventually(lambda: bool(found("Started example.service.")), "the journal has what the manager says")


def test_a_service_is_started_once_it_says_that_it_is_ready(manager: SystemdUser) -> None:
    command = python(manager, "notifies.py", NOTIFIES)
    manager.unit("example-notify.service", f"[Service]\nType=notify\nExecStart={command}\n")
    manager.systemctl("start", "example-notify.service")
    shown = manager.show("example-notify.service")
    assert (shown["ActiveState"], shown["StatusText"]) == ("active", "serving two envs")


def test_a_service_that_never_says_so_fails(manager: SystemdUser) -> None:
    manager.unit("example-silent.service", "[Service]\nType=notify\nExecStart=/bin/true\n")
    with pytest.raises(RuntimeError, match=r"example-silent\.service"):
        manager.systemctl("start", "example-silent.service")
    assert manager.show("example-silent.service")["Result"] == "protocol"


def test_the_first_connection_to_a_socket_activates_its_service(manager: SystemdUser) -> None:
    command = python(manager, "answers.py", ANSWERS)
    manager.unit("example-socket.service", f"[Service]\nExecStart={command}\n")
    manager.unit("example-socket.socket", "[Socket]\nListenStream=%t/example.sock\n")
    manager.systemctl("start", "example-socket.socket")
    assert manager.show("example-socket.service")["ActiveState"] == "inactive"
    address = manager.environment["XDG_RUNTIME_DIR"] + "/example.sock"
    assert manager.run(sys.executable, "-c", ASKS, address).stdout == "activated"


def test_homes_and_runtime_directories_are_the_same_inside_and_outside(manager: SystemdUser) -> None:
    assert manager.run("sh", "-c", 'echo one >"$HOME/a" && echo two >"$XDG_RUNTIME_DIR/b"').returncode == 0
    assert ((manager.home / "a").read_text(), (manager.runtime / "b").read_text()) == ("one\n", "two\n")


def test_another_bed_knows_nothing_of_the_first(manager: SystemdUser, stranger: people.Person) -> None:
    manager.unit("example-loop.service", "[Service]\nExecStart=/usr/bin/sleep 600\n")
    manager.systemctl("start", "example-loop.service")
    with SystemdUser(stranger) as other:
        assert other.run("id", "-u").stdout == f"{stranger.uid}\n"
        assert other.show("example-loop.service")["LoadState"] == "not-found"


def test_nothing_outlives_the_bed() -> None:
    with SystemdUser() as bed:
        directory = bed.home.parent
        command = python(bed, "stubborn.py", STUBBORN)
        bed.unit("example-stubborn.service", f"[Service]\nType=notify\nExecStart={command} {directory}\n")
        bed.systemctl("start", "example-stubborn.service")
        assert any("stubborn.py" in words for words in told_of(directory))
    assert told_of(directory) == []
    assert not directory.exists()
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    trees = [Path(where) for _, where, kind, *_ in mounts if kind == "cgroup2"]
    assert [left for tree in trees for left in tree.glob(f"{directory.name}*")] == []


def told_of(directory: Path) -> list[str]:
    """Return the command lines of all processes of the machine that name a directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [words for words in found if str(directory) in words]
