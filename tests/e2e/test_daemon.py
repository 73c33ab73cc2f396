"""The daemon starts by itself, once, and ends cleanly; it steals nothing and leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from desk import BIN, eventually
from standin import people

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from standin.steps import Steps


def test_the_first_get_starts_the_daemon_and_later_ones_use_it(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    assert not desk.socket.exists()
    desk.ok("get")
    pid = desk.status()["pid"]
    desk.ok("get")
    assert desk.status()["pid"] == pid


def test_many_first_gets_at_once_start_one_daemon(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    with ThreadPoolExecutor(12) as crowd:
        tokens = list(crowd.map(lambda _: desk.ok("get"), range(12)))
    assert len(set(tokens)) == 1
    assert desk.log.read_text().count("INFO serving at") == 1


@pytest.mark.parametrize(("keyring", "second"), [("none", "aws"), ("", "keystore")])
def test_the_workers_that_a_waiting_client_needs_start_before_the_daemon_serves(
    desk: Desk, keyring: str, second: str
) -> None:
    desk.configure(f'keyring = "{keyring}"\n')
    with desk.daemon() as process:
        assert worker_kinds(process)[:2] == ["project", second]


def test_where_no_client_waits_no_worker_starts_for_what_nobody_asked(desk: Desk) -> None:
    desk.configure('keyring = "none"\n')
    with subprocess.Popen(
        desk.argv(str(BIN / "dsqltokd")), cwd=desk.work, env=desk.environment, stdout=subprocess.DEVNULL
    ) as process:
        eventually(lambda: worker_kinds(process) != [], "a worker is there")
        eventually(lambda: desk.dsqltok("status").returncode == 0, "it serves")
        assert worker_kinds(process) == ["project"]
        process.terminate()


def worker_kinds(daemon: subprocess.Popen[str] | subprocess.Popen[bytes]) -> list[str]:
    """Return the kinds of a daemon's workers, oldest first."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(maxsplit=2) for line in listing.stdout.splitlines()]
    ours = [(int(pid), args) for pid, parent, args in rows if parent == str(daemon.pid)]
    return [args.split()[-1] for _, args in sorted(ours) if "dsqltokd.worker" in args]


def test_the_daemon_is_in_a_session_of_its_own_at_the_root_with_a_clean_environment(
    desk: Desk, example: Callable[[str], str]
) -> None:
    example("admin")
    desk.ok("get", env={"MY_SECRET": "not for the daemon", "AWS_PROFILE": "default", "LC_ALL": "C.UTF-8"})
    pid = desk.status()["pid"]
    assert os.getsid(pid) == pid
    if not people.is_root():
        return  # /proc tells the rest to root only: the daemon is not dumpable
    assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
    names = {pair.partition(b"=")[0] for pair in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if pair}
    assert names <= {b"HOME", b"XDG_RUNTIME_DIR", b"PATH", b"LANG", b"LC_ALL", b"LC_CTYPE"}


def test_variables_that_the_configuration_passes_on_reach_the_daemon(desk: Desk, example: Callable[[str], str]) -> None:
    if not people.is_root():
        pytest.skip("needs root, to see the environment of a process that is not dumpable")
    desk.configure('pass_environment = ["SSH_AUTH_SOCK"]\n')
    example("admin")
    desk.ok("get", env={"SSH_AUTH_SOCK": "/somewhere"})
    assert b"SSH_AUTH_SOCK=/somewhere" in Path(f"/proc/{desk.status()['pid']}/environ").read_bytes()


def test_it_outlives_the_terminal_it_was_started_from(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    desk.ok("get")
    pid = desk.status()["pid"]
    os.kill(pid, signal.SIGHUP)
    desk.ok("get")
    assert desk.status()["pid"] == pid


def test_socket_log_and_state_are_the_users_alone(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    desk.ok("get")
    desk.ok("projects", "add")
    for path in (desk.socket, desk.socket.parent, desk.log, desk.log.parent, desk.log.parent / "projects.json"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_stop_ends_it_and_removes_its_socket(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    desk.ok("get")
    desk.ok("stop")
    assert not desk.socket.exists()
    assert desk.dsqltok("status").returncode == 7
    again = desk.dsqltok("stop")
    assert (again.returncode, again.stdout) == (0, "")


def test_sigterm_drains_and_removes_the_socket(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    with desk.daemon() as process:
        desk.ok("get")
        process.terminate()
        assert process.wait(30) == 0
        assert not desk.socket.exists()


def test_a_request_that_is_being_worked_on_is_answered_before_the_end(
    desk: Desk, example: Callable[[str], str]
) -> None:
    desk.project(example("admin").replace('"cluster-id.', '"${getenv("CLUSTER")}.'))
    asked = {"config": str(desk.work / "atlas.hcl")}
    with desk.daemon() as process, desk.connection() as connection:
        connection.ask("token.get", **asked, environment={"CLUSTER": "first"})  # whose workers are there from now on
        connection.request(1, "token.get", **asked, environment={"CLUSTER": "second"})
        connection.request(2, "daemon.stop")
        answers = {answer["id"]: answer for answer in (connection.receive(), connection.receive())}
        assert answers[1]["result"]["token"]
        assert answers[2]["result"] == {"stopped": True}
        assert process.wait(30) == 0


def test_a_daemon_that_leaves_changes_no_projects_any_more(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    with desk.daemon() as process, desk.connection() as connection:
        project = {"config": str(desk.work / "atlas.hcl")}
        lines = [
            json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) + "\n"
            for number, method, params in ((1, "daemon.stop", {}), (2, "projects.add", project))
        ]
        connection.send("".join(lines).encode())  # in one piece, or it may have left when the second one comes
        answers = {answer["id"]: answer for answer in (connection.receive(), connection.receive())}
        assert answers[1]["result"] == {"stopped": True}
        assert answers[2]["error"]["code"] == -32001
        assert process.wait(30) == 0
    assert "atlas.hcl" not in desk.ok("projects")


def test_a_second_daemon_finds_the_first_and_leaves(desk: Desk) -> None:
    with desk.daemon() as first:
        second = desk.run(str(BIN / "dsqltokd"))
        assert (second.returncode, second.stdout) == (0, "ok\n")
        assert desk.status()["pid"] == first.pid


def test_a_stale_socket_is_recovered_from(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    desk.ok("get")
    desk.kill()
    assert desk.socket.exists()
    desk.ok("get")


def test_a_live_socket_of_something_else_is_never_stolen(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    desk.socket.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(desk.socket))
        other.listen()
        people.ordinary().own(desk.socket.parent)
        done = desk.run(str(BIN / "dsqltokd"))
        assert done.returncode == 7
        assert "something else serves" in done.stderr
        assert stat.S_ISSOCK(desk.socket.stat().st_mode)
    desk.socket.unlink()


def test_a_socket_that_was_removed_is_made_again(desk: Desk) -> None:
    with desk.daemon() as process:
        desk.socket.unlink()
        eventually(desk.socket.exists, "the socket is back")
        assert desk.status()["pid"] == process.pid


def test_a_daemon_whose_lock_was_removed_leaves(desk: Desk) -> None:
    with desk.daemon() as process:
        desk.socket.with_name("dsqltokd.lock").unlink()
        assert process.wait(30) == 0
        assert not desk.socket.exists()


def test_a_machine_that_wakes_up_and_a_clock_that_is_set_are_noticed_at_once(desk: Desk, stepped: Steps) -> None:
    def noticed() -> int:
        return desk.log.read_text().count("the machine slept, or its clock was set")

    with desk.daemon():
        eventually(lambda: desk.dsqltok("health").stdout == "ready\n", "it is at rest")
        stepped.suspend(100.0)
        eventually(lambda: noticed() == 1, "the log tells")
        stepped.set(-100.0)
        eventually(lambda: noticed() == 2, "the log tells again")


def test_a_daemon_whose_socket_was_replaced_leaves_it_alone(desk: Desk) -> None:
    with desk.daemon() as process, socket.socket(socket.AF_UNIX) as other:
        desk.socket.unlink()
        other.bind(str(desk.socket))
        assert process.wait(30) == 0
        assert desk.socket.exists()


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda desk: desk.configure("token_tll = 5\n"), 4, 'there is no setting "token_tll"'),
        (lambda desk: desk.configure("token_ttl = 0\n"), 4, "token_ttl must be a whole number of seconds"),
        (lambda desk: desk.configure("token_ttl =\n"), 4, "config.toml:1:12: invalid value"),
        (lambda desk: (desk.runtime / "dsqltok").mkdir(mode=0o755), 4, "is not a directory of yours alone"),
    ],
)
def test_a_daemon_that_cannot_start_says_why_through_the_client(
    spoil: Callable[[Desk], object], code: int, words: str, desk: Desk, example: Callable[[str], str]
) -> None:
    example("admin")
    spoil(desk)
    people.ordinary().own(desk.runtime)
    done = desk.dsqltok("get")
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "\nhint: " in done.stderr


def test_a_hung_daemon_does_not_hang_the_client(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    desk.ok("get")
    pid = desk.status()["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        done = desk.dsqltok("get")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert done.returncode == 8
    assert f"(process {pid}) does not answer" in done.stderr


def test_the_programs_tell_their_version_and_their_use(desk: Desk) -> None:
    assert desk.ok("--version").startswith("dsqltok 0.")
    assert "usage: dsqltok" in desk.ok("--help")
    assert desk.run(str(BIN / "dsqltokd"), "--version").stdout.startswith("dsqltokd 0.")
    assert subprocess.run([BIN / "dsqltokd", "--help"], capture_output=True, check=True).stdout
    assert not desk.socket.exists()
