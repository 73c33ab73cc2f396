"""The systemd units, as an installer writes them: systemd understands all of them, and what they set up holds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from desk import BIN, eventually
from standin import systemd
from standin.systemd import SystemdUser

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
UNITS = ("dsqltokd.socket", "dsqltokd.service")
PROXY = ("dsqltokd-proxy@.socket", "dsqltokd-proxy@.service")
DEPUTY = ROOT / "tests/standin/deputy.py"
CONNECTS = """
import socket, sys
there = socket.socket(socket.AF_UNIX)
there.connect(sys.argv[1])
there.sendall(b'["true"]\\n')
sys.exit(not there.makefile().readline())
"""


def installed(name: str) -> str:
    """Return a unit's text with the program where it is installed, as `service install` would write it."""
    return (ROOT / "systemd" / name).read_text().replace("%h/.local/bin", str(BIN))


@pytest.fixture
def manager() -> Iterator[SystemdUser]:
    """Run a user manager of the test's own, with the units."""
    if lacking := systemd.missing():
        pytest.skip(lacking)
    with SystemdUser() as bed:
        for name in UNITS:
            bed.unit(name, installed(name))
        yield bed


def analyze(tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze (of Debian's systemd) to look at the units with")
    for name in (*UNITS, *PROXY):
        (tmp_path / name).write_text(installed(name))
    environment = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = ("systemd-analyze", "--user", *command)
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


def test_systemd_understands_every_line_of_the_units(tmp_path: Path) -> None:
    # What it does not understand it only warns of.
    done = analyze(tmp_path, "verify", "--man=no", *(f"./{name}" for name in (*UNITS, *PROXY)))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_service_is_as_little_exposed_as_it_can_be(tmp_path: Path) -> None:
    units = ("./dsqltokd.service", "./dsqltokd-proxy@.service")
    done = analyze(tmp_path, "security", "--offline=true", "--no-pager", "--threshold=20", *units)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout


def test_enabled_once_socket_and_service_are_there_after_each_login(manager: SystemdUser) -> None:
    manager.systemctl("enable", *UNITS)
    wanted = {str(path.relative_to(manager.home)) for path in manager.home.glob(".config/systemd/user/*.wants/*")}
    there = ".config/systemd/user"
    assert wanted == {f"{there}/sockets.target.wants/{UNITS[0]}", f"{there}/default.target.wants/{UNITS[1]}"}


def test_a_service_that_fails_again_and_again_leaves_its_socket_alone(manager: SystemdUser) -> None:
    dropin = "dsqltokd.service.d/test.conf"
    manager.unit(dropin, "[Service]\nRestartSec=20ms\nExecStart=\nExecStart=/bin/false\n")
    manager.systemctl("start", "dsqltokd.socket")
    address = manager.environment["XDG_RUNTIME_DIR"] + "/dsqltok/dsqltokd.sock"
    client = subprocess.Popen(
        manager.argv(sys.executable, "-c", CONNECTS, address), env=manager.environment, stderr=subprocess.PIPE
    )
    with client:
        eventually(lambda: int(manager.show("dsqltokd.service")["NRestarts"]) > 10, "it has failed ten times")
        assert manager.show("dsqltokd.socket")["ActiveState"] == "active"
        assert (manager.runtime / "dsqltok/dsqltokd.sock").is_socket()
        manager.unit(dropin, f"[Service]\nRestartSec=20ms\nExecStart=\nExecStart={sys.executable} {DEPUTY}\n")
        _, complaint = client.communicate(timeout=60)
    assert (client.returncode, complaint) == (0, b"")  # it has waited all the time, and is served now


def test_a_service_that_is_killed_or_silent_is_started_again(manager: SystemdUser) -> None:
    manager.unit(
        "dsqltokd.service.d/test.conf",
        f"[Service]\nRestartSec=20ms\nWatchdogSec=300ms\nExecStart=\nExecStart={sys.executable} {DEPUTY}\n",
    )
    manager.systemctl("start", "dsqltokd.service")
    first = manager.show("dsqltokd.service")["MainPID"]
    manager.run("kill", "-KILL", first)
    eventually(lambda: int(manager.show("dsqltokd.service")["NRestarts"]) > 0, "it runs again")
    said = "dsqltokd.service: Failed with result 'watchdog'."
    eventually(lambda: said in [entry["MESSAGE"] for entry in manager.journal("dsqltokd.service")], "it was silent")
    assert manager.show("dsqltokd.socket")["ActiveState"] == "active"
