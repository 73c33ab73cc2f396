"""What `dsqltok service install` writes."""

from __future__ import annotations

import plistlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dsqltok import launchd, programs, service

if TYPE_CHECKING:
    import pytest

UNITS = Path(__file__).parents[2] / "systemd"


def test_the_program_is_the_one_beside_the_client() -> None:
    assert programs.installed("dsqltokd") == f"{Path(sys.executable).parent}/dsqltokd"


def test_variables_come_through_systemds_own_reading() -> None:
    text = service.environment({"PATH": '/a b/bin:/usr/bin:/100%/"x"\\', "LANG": "C.UTF-8"})
    assert text.splitlines()[1:] == [
        "[Service]",
        'Environment="PATH=/a b/bin:/usr/bin:/100%%/\\"x\\"\\\\"',
        'Environment="LANG=C.UTF-8"',
    ]
    assert text.startswith("#")


def test_the_agent_of_macos_makes_the_socket_where_clients_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    written = plistlib.loads(plistlib.dumps(launchd.plist("/opt/dsqltokd", {"PATH": "/opt/bin:/usr/bin"})))
    assert written["Label"] == "dsqltokd"
    assert written["ProgramArguments"] == ["/opt/dsqltokd"]
    assert written["EnvironmentVariables"] == {"PATH": "/opt/bin:/usr/bin"}
    (socket,) = written["Sockets"].values()
    assert socket["SockPathMode"] == 0o600
    assert socket["SockPathName"].endswith("/dsqltokd.sock")
    assert written["RunAtLoad"] is True
    assert written["KeepAlive"] == {"SuccessfulExit": False}
    assert written["HardResourceLimits"] == {"Core": 0}
    assert written["StandardErrorPath"].endswith("/dsqltokd.log")
    assert launchd.plist_path() == f"{tmp_path}/Library/LaunchAgents/dsqltokd.plist"


def test_without_systemd_the_word_is_that_none_is_needed(tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "dsqltok", "service", "install"],
        env={"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 7
    assert "no systemd runs for this user" in done.stderr
    assert "hint: none is needed: the first dsqltok command starts the daemon" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_units_are_those_of_the_checkout() -> None:
    installed = Path(service.__file__).parent / "systemd"
    assert {path.name: path.read_text() for path in installed.iterdir()} == {
        path.name: path.read_text() for path in UNITS.iterdir()
    }


def test_that_systemd_cannot_confine_it_is_told_from_any_other_failure() -> None:
    for status, active, told in (("217", "failed", True), ("226", "activating", True), ("1", "failed", False)):
        assert service.cannot_confine({"ExecMainStatus": status, "ActiveState": active}) is told
    assert not service.cannot_confine({"ExecMainStatus": "0", "ActiveState": "active"})
