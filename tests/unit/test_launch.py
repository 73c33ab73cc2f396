"""Starting the daemon, with a shell script in its place that notes how it was started."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import dsqltok
from dsqltok import launch, paths
from dsqltok.errors import CredentialsError, DsqltokError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

OK = "echo ok"


@dataclass
class Stage:
    """A home directory, and a program that is started in place of Python."""

    directory: Path

    def daemon(self, says: str) -> None:
        program = self.directory / "python"
        program.write_text(
            f'#!/bin/sh\ncd "{self.directory}" || exit\n'
            'printf "%s\\n" "$@" >arguments\n'
            "env >environment\n"
            "ls -l /proc/self/fd >descriptors 2>/dev/null\n"
            "ps -o pid=,pgid=,sid= -p $$ >group 2>/dev/null || ps -o pid=,pgid= -p $$ >group\n"
            f"{says}\n"
        )
        program.chmod(0o755)

    def noted(self, what: str) -> list[str]:
        return (self.directory / what).read_text().splitlines()

    @property
    def environment(self) -> dict[str, str]:
        made_by_the_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
        pairs = (line.partition("=") for line in self.noted("environment"))
        return {name: value for name, _, value in pairs if name not in made_by_the_shell}

    def configure(self, text: str) -> None:
        os.makedirs(os.path.dirname(paths.config_file()))
        with open(paths.config_file(), "w", encoding="utf-8") as file:
            file.write(text)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    made = Stage(tmp_path)
    made.daemon(OK)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return made


def test_it_returns_once_the_daemon_says_ok(stage: Stage) -> None:
    launch.start()
    assert stage.noted("arguments") == ["-I", "-m", "dsqltokd"]


def test_the_daemon_gets_of_our_environment_only_what_a_program_of_the_session_needs(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {
        "HOME": os.environ["HOME"],
        "USER": "me",
        "LOGNAME": "me",
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C",
        "LC_TIME": "de_DE.UTF-8",
        "TZ": "UTC",
        "XDG_RUNTIME_DIR": "/run/user/1",
        "XDG_CONFIG_HOME": str(stage.directory / "config"),
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1/bus",
    }
    others = (
        "AWS_PROFILE",
        "AWS_SECRET_ACCESS_KEY",
        "HTTPS_PROXY",
        "PGPASSWORD",
        "PYTHONPATH",
        "LD_PRELOAD_X",
        "SHELL",
    )
    for name, value in (kept | dict.fromkeys(others, "c4n4ry")).items():
        monkeypatch.setenv(name, value)
    launch.start()
    assert stage.environment == kept


def test_the_configuration_adds_variables_to_these(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/agent")  # noqa: S108 - only a value
    monkeypatch.setenv("OTHER", "x")
    stage.configure('pass_environment = ["SSH_AUTH_SOCK", "NOT_SET"]')
    launch.start()
    assert stage.environment.keys() == {"HOME", "PATH", "SSH_AUTH_SOCK"}


@pytest.mark.parametrize(
    "text", ["pass_environment = 5", "pass_environment = [5]", 'pass_environment = "HOME"', "no toml"]
)
def test_what_is_wrong_with_the_configuration_is_for_the_daemon_to_say(stage: Stage, text: str) -> None:
    stage.configure(text)
    launch.start()
    assert stage.environment.keys() == {"HOME", "PATH"}


def test_an_installation_of_the_user_s_own_is_not_hidden_from_the_daemon(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = os.path.join(site.getusersitepackages(), "dsqltok", "__init__.py")
    monkeypatch.setattr(dsqltok, "__file__", inside)
    launch.start()
    assert stage.noted("arguments") == ["-E", "-P", "-m", "dsqltokd"]


def test_the_daemon_has_a_session_and_a_process_group_of_its_own(stage: Stage) -> None:
    launch.start()
    ids = set(stage.noted("group")[0].split())
    assert len(ids) == 1
    assert str(os.getsid(0)) not in ids


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_daemon_inherits_no_descriptor_of_ours(stage: Stage) -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    ours = os.readlink(f"/proc/self/fd/{write}")
    try:
        launch.start()
    finally:
        os.close(read)
        os.close(write)
    links = [line.partition(" -> ")[2] for line in stage.noted("descriptors")]
    assert "/dev/null" in links
    assert ours not in links


def test_what_the_daemon_says_on_stderr_is_in_a_log_that_is_the_user_s_alone(stage: Stage) -> None:
    stage.daemon(f"echo first words >&2; {OK}")
    launch.start()
    launch.start()
    with open(paths.log_file(), encoding="utf-8") as log:
        assert log.read() == "first words\nfirst words\n"
    assert os.stat(paths.log_file()).st_mode & 0o777 == 0o600
    assert os.stat(paths.state_dir()).st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("stage")
def test_a_log_that_has_grown_long_is_put_aside() -> None:
    os.makedirs(paths.state_dir())
    with open(paths.log_file(), "wb") as log:
        log.truncate((1 << 20) + 1)
    launch.start()
    assert os.path.getsize(paths.log_file()) == 0
    assert os.path.getsize(paths.log_file() + ".old") == (1 << 20) + 1


def test_a_log_that_leads_elsewhere_is_not_written_and_keeps_no_daemon_from_starting(stage: Stage) -> None:
    stage.daemon(f"echo words >&2; {OK}")
    os.makedirs(paths.state_dir())
    os.symlink(stage.directory / "elsewhere", paths.log_file())
    launch.start()
    assert not (stage.directory / "elsewhere").exists()


def test_a_home_that_cannot_be_written_to_keeps_no_daemon_from_starting(stage: Stage) -> None:
    (stage.directory / "home").touch()
    stage.daemon(f"echo words >&2; {OK}")
    launch.start()
    assert stage.noted("arguments")


def test_the_error_that_keeps_the_daemon_from_starting_is_raised_here(stage: Stage) -> None:
    error = CredentialsError("no", hint="try this", data={"a": 1})
    (stage.directory / "error").write_text(json.dumps(error.as_data()))
    stage.daemon("cat error; echo; exit 4")
    with pytest.raises(CredentialsError) as caught:
        launch.start()
    assert caught.value.as_data() == error.as_data()


@pytest.mark.parametrize("says", ["exit 1", "echo", "echo Traceback; exit 1", "echo 5", "echo '[1]'", "printf ok?"])
def test_a_daemon_that_ends_without_a_word_is_an_error_that_names_the_log(stage: Stage, says: str) -> None:
    stage.daemon(says)
    with pytest.raises(UnavailableError, match="the daemon could not start") as caught:
        launch.start()
    assert paths.log_file() in caught.value.hint


def test_a_daemon_that_was_killed_at_its_start_is_started_again(stage: Stage) -> None:
    stage.daemon(f"test -e killed || {{ touch killed; kill -9 $$; }}; {OK}")
    launch.start()
    assert (stage.directory / "killed").exists()


def test_an_interpreter_that_is_gone_is_an_error(stage: Stage) -> None:
    (stage.directory / "python").unlink()
    with pytest.raises(DsqltokError, match="cannot start the daemon") as caught:
        launch.start()
    assert caught.value.hint


def test_a_server_with_python_in_it_starts_the_daemon_by_the_python_of_its_installation(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stage.directory / "bin").mkdir()
    (stage.directory / "python").rename(stage.directory / "bin/python3")
    monkeypatch.setattr(sys, "exec_prefix", str(stage.directory))
    monkeypatch.setattr(sys, "executable", "/usr/bin/uwsgi")
    launch.start()
    assert stage.noted("arguments") == ["-I", "-m", "dsqltokd"]


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's ps")
@pytest.mark.usefixtures("stage")
def test_daemons_that_have_ended_are_not_left_to_the_system() -> None:
    for _ in range(8):
        launch.start()
    children = ["ps", "-o", "stat=", "--ppid", str(os.getpid())]
    states = subprocess.run(children, capture_output=True, text=True, check=True).stdout.split()
    assert sum(state.startswith("Z") for state in states) < 4  # the last ones may have been about to end


@pytest.mark.usefixtures("stage")
def test_one_thread_at_a_time_has_its_turn_to_start_the_daemon() -> None:
    inside: list[int] = []
    most: list[int] = []

    def start() -> None:
        with launch.turn():
            inside.append(1)
            most.append(len(inside))
            launch.start()
            inside.pop()

    threads = [threading.Thread(target=start) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 5
