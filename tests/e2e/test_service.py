"""The installed daemon as a service of a real `systemd --user`: activated, watched, restarted, replaced, taken away."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, BIN, SECRET_ACCESS_KEY, eventually
from standin import people, systemd
from standin.systemd import SystemdUser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import CompletedProcess

    from standin.endpoint import DsqlStandin

EXAMPLE = Path(__file__).parents[2] / "examples" / "admin" / "atlas.hcl"
SERVICE, SOCKET = "dsqltokd.service", "dsqltokd.socket"
PROXY = "dsqltokd-proxy@dsql"
ROOTS = "work/roots.pem"
DSQLTOK = str(BIN / "dsqltok")


class Session:
    """A login session with systemd, and a project and keys in its home."""

    def __init__(self, manager: SystemdUser) -> None:
        self.manager = manager
        self.write(
            ".aws/credentials",
            f"[default]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n",
        )
        self.write("work/atlas.hcl", EXAMPLE.read_text())

    @property
    def units(self) -> Path:
        return self.manager.home / ".config/systemd/user"

    def write(self, name: str, text: str) -> None:
        path = self.manager.home / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text)
        for each in (path.parent, path):
            self.manager.person.own(each)

    def write_unit(self, name: str, text: str) -> None:
        self.manager.person.own(self.manager.unit(name, text).parent)

    def dsqltok(self, *words: str) -> CompletedProcess[str]:
        return self.manager.run(DSQLTOK, *words, cwd="/run/home/work")

    def ok(self, *words: str) -> str:
        done = self.dsqltok(*words)
        assert done.returncode == 0, done.stderr + json.dumps(self.manager.journal(SERVICE), indent=1)
        return done.stdout

    def show(self, name: str) -> str:
        return self.manager.show(SERVICE)[name]

    @property
    def pid(self) -> str:
        return self.show("MainPID")


@pytest.fixture
def session() -> Iterator[Session]:
    if lacking := systemd.missing():
        pytest.skip(lacking)
    with SystemdUser() as manager:
        yield Session(manager)


@pytest.fixture
def installed(session: Session) -> Session:
    session.ok("service", "install")
    return session


def is_token(text: str) -> bool:
    return "X-Amz-Signature=" in text


def test_install_starts_it_and_has_it_start_with_each_login(session: Session, login: Callable[..., str]) -> None:
    session.ok("service", "install")
    assert session.manager.show(SOCKET)["UnitFileState"] == session.show("UnitFileState") == "enabled"
    eventually(lambda: session.show("ActiveState") == "active", "it is ready")
    assert "keyring" in session.show("StatusText")
    assert login(token=session.ok("get", "-n")) == "admin"
    status = json.loads(session.ok("status", "--json"))
    assert str(status["pid"]) == session.pid
    eventually(lambda: session.show("StatusText").startswith("1 of 1 tokens good"), "systemd shows it in words")
    assert f"{SERVICE}: enabled, active (running), process " in session.ok("service", "status")


def test_installing_again_changes_nothing_and_puts_right_what_differs(installed: Session) -> None:
    before = {path.name: path.read_text() for path in installed.units.rglob("*.*") if path.is_file()}
    pid = installed.pid
    (installed.units / SERVICE).write_text("[Service]\nExecStart=/bin/false\n")
    installed.ok("service", "install")
    assert {path.name: path.read_text() for path in installed.units.rglob("*.*") if path.is_file()} == before
    assert installed.pid == pid
    assert f'ExecStart="{BIN}/dsqltokd"\n' in before[SERVICE]


def test_the_first_get_activates_it(installed: Session) -> None:
    installed.manager.systemctl("stop", SERVICE)
    assert installed.show("ActiveState") == "inactive"
    assert (installed.manager.runtime / "dsqltok/dsqltokd.sock").is_socket()
    assert is_token(installed.ok("get"))
    assert installed.show("ActiveState") == "active"
    assert not (installed.manager.home / ".local/state/dsqltok/dsqltokd.log").exists()  # none was started by a client


def test_it_is_there_again_after_a_crash_and_a_get_in_between_waits_for_it(installed: Session) -> None:
    is_token(installed.ok("get"))
    for _ in range(3):
        before = installed.pid
        installed.manager.run("kill", "-KILL", before)
        assert is_token(installed.ok("get"))
        assert installed.pid != before
    assert installed.manager.show(SOCKET)["ActiveState"] == "active"


def test_a_daemon_that_hangs_is_replaced(installed: Session) -> None:
    installed.manager.unit(f"{SERVICE}.d/test.conf", "[Service]\nWatchdogSec=2s\n")
    installed.manager.systemctl("restart", SERVICE)
    before = installed.pid
    eventually(lambda: installed.show("WatchdogTimestampMonotonic") != "0", "the loop that serves answers the watchdog")
    installed.manager.run("kill", "-STOP", before)
    eventually(lambda: installed.pid not in (before, "0"), "another is there")
    said = f"{SERVICE}: Failed with result 'watchdog'."
    assert said in [entry["MESSAGE"] for entry in installed.manager.journal(SERVICE)]
    assert is_token(installed.ok("get"))


def test_the_journal_has_priorities_and_fields(installed: Session) -> None:
    installed.ok("get")
    installed.write("work/atlas.hcl", "env {")
    installed.dsqltok("get")

    def entries() -> dict[str, dict[str, str]]:
        return {
            entry["MESSAGE"]: entry
            for entry in installed.manager.journal(SERVICE)
            if entry.get("SYSLOG_IDENTIFIER") == "dsqltokd"
        }

    eventually(lambda: any(message.startswith("project: ") for message in entries()), "the mistake is in the journal")
    found = entries()
    serving = next(entry for message, entry in found.items() if message.startswith("serving at "))
    assert (serving["PRIORITY"], serving["LOGGER"]) == ("6", "dsqltokd.service")
    assert next(entry for message, entry in found.items() if message.startswith("project: "))["PRIORITY"] == "4"
    assert SECRET_ACCESS_KEY not in json.dumps(found)


def test_reload_reads_the_configuration_again(installed: Session) -> None:
    installed.write(".config/dsqltok/config.toml", "token_ttl = 321\n")
    installed.manager.systemctl("reload", SERVICE)
    installed.ok("flush")
    assert "X-Amz-Expires=321" in installed.ok("get")


def test_the_one_that_a_client_started_makes_way_without_a_failed_get(session: Session) -> None:
    assert is_token(session.ok("get"))
    earlier = json.loads(session.ok("status", "--json"))["pid"]
    session.ok("service", "install")
    for _ in range(10):
        assert is_token(session.ok("get"))
    eventually(lambda: session.show("ActiveState") == "active", "the service has the lock")
    status = json.loads(session.ok("status", "--json"))
    assert str(status["pid"]) == session.pid != str(earlier)
    assert session.manager.run("kill", "-0", str(earlier)).returncode != 0


def test_restart_hands_over_without_a_failed_get(installed: Session) -> None:
    for _ in range(5):
        before = installed.pid
        told = installed.ok("restart")
        assert is_token(installed.ok("get"))
        assert installed.pid != before
        assert f"process {installed.pid}" in told
    assert installed.manager.show(SOCKET)["ActiveState"] == "active"


def test_uninstall_leaves_what_the_daemon_keeps_and_purge_does_not(installed: Session) -> None:
    installed.ok("get")
    installed.ok("projects", "add")
    state = installed.manager.home / ".local/state/dsqltok"
    assert (state / "projects.json").exists()
    installed.ok("service", "uninstall")
    assert list(installed.units.rglob("dsqltokd*")) == []
    assert not (installed.manager.runtime / "dsqltok/dsqltokd.sock").exists()
    assert (state / "projects.json").exists()
    assert f"{SERVICE}: not installed" in installed.ok("service", "status")
    assert "it was not installed" in installed.ok("service", "uninstall", "--purge")
    assert not state.exists()


def test_a_project_and_a_helper_work_in_the_sandbox(installed: Session, login: Callable[..., str]) -> None:
    installed.write(".aws/config", "[profile helped]\nregion = us-east-1\ncredential_process = /run/home/helper\n")
    given = {"Version": 1, "AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": SECRET_ACCESS_KEY}
    installed.write("helper", f"#!/bin/sh\ndate >/run/home/ran\necho '{json.dumps(given)}'\n")
    (installed.manager.home / "helper").chmod(0o755)
    done = installed.manager.run(DSQLTOK, "get", "-n", cwd="/run/home/work", env={"AWS_PROFILE": "helped"})
    assert login(token=done.stdout) == "admin", done.stderr
    assert (installed.manager.home / "ran").exists()


def test_a_passfile_is_kept_in_the_sandbox_and_uninstall_takes_it_back(session: Session) -> None:
    passfile = session.manager.home / ".pgpass"
    session.ok("pgpass", "enable", "dsql", "--service")
    assert is_token(passfile.read_text())
    session.ok("service", "install")  # the daemon that a client started makes way
    eventually(lambda: session.show("ActiveState") == "active", "the service has the lock")
    eventually(lambda: passfile.exists() and is_token(passfile.read_text()), "it is the service's")
    session.manager.systemctl("stop", SERVICE)
    assert not passfile.exists()
    session.manager.systemctl("start", SERVICE)
    eventually(lambda: passfile.exists() and is_token(passfile.read_text()), "it is fresh again")
    session.manager.run("kill", "-KILL", session.pid)
    eventually(lambda: json.loads(session.ok("pgpass", "list", "--json"))[0]["state"] == "fresh", "again")
    session.ok("service", "uninstall")
    assert not passfile.exists()
    assert not (session.manager.home / ".pg_service.conf").exists()
    state = ".local/state/dsqltok/pgpass.json"
    assert not (session.manager.home / state).exists()
    session.write(state, '{"version": 2}')
    told = session.ok("service", "uninstall")
    assert "is of a newer dsqltok: what dsqltok has in passfiles could not all be taken out" in told


def test_a_passfile_where_the_sandbox_lets_nobody_write_is_refused_with_a_hint_that_helps(installed: Session) -> None:
    installed.manager.run("mount", "-t", "tmpfs", "-o", "mode=1777", "none", "/mnt", person=people.Person(0, 0))
    installed.manager.systemctl("restart", SERVICE)
    done = installed.manager.run(
        DSQLTOK, "pgpass", "enable", "dsql", cwd="/run/home/work", env={"PGPASSFILE": "/mnt/passfile"}
    )
    assert "cannot write /mnt/passfile: read-only file system" in done.stderr
    assert "as a service" in done.stderr
    installed.manager.unit(f"{SERVICE}.d/override.conf", "[Service]\nReadWritePaths=/mnt\n")
    installed.ok("restart")
    done = installed.manager.run(
        DSQLTOK, "pgpass", "enable", "dsql", cwd="/run/home/work", env={"PGPASSFILE": "/mnt/passfile"}
    )
    assert done.stdout == "/mnt/passfile is kept fresh for dsql\n", done.stderr


def test_sigterm_ends_it_cleanly(installed: Session) -> None:
    installed.manager.systemctl("kill", "--signal=SIGTERM", SERVICE)
    eventually(lambda: installed.show("ActiveState") == "inactive", "it has ended")
    assert installed.show("Result") == "success"
    assert is_token(installed.ok("get"))


def test_where_users_may_make_no_namespaces_the_rest_of_the_sandbox_is_left(installed: Session) -> None:
    done = installed.manager.run(sys.executable, "-c", "from dsqltok import service; service.relax()")
    assert done.returncode == 0, done.stderr
    installed.manager.systemctl("start", SERVICE)
    assert is_token(installed.ok("get"))
    seen = [
        installed.manager.run("readlink", f"/proc/{pid}/ns/user", person=people.Person(0, 0)).stdout
        for pid in (installed.pid, "self")
    ]
    assert seen[0] == seen[1] != ""
    status = installed.manager.run("cat", f"/proc/{installed.pid}/status").stdout
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    installed.ok("service", "install")
    assert not (installed.units / "dsqltokd.service.d/sandbox.conf").exists()


@pytest.fixture
def proxied(installed: Session, standin: DsqlStandin, login: Callable[..., str]) -> tuple[Session, int]:
    """Give a session where the socket of an env's proxy is enabled, and its port."""
    del login  # which has the stand-in know the keys
    place = f":{standin.port}/postgres?sslmode=verify-full&hostaddr={standin.address}"
    text = EXAMPLE.read_text().replace(":5432/postgres?sslmode=require", place)
    installed.write("work/atlas.hcl", text)
    installed.ok("projects", "add", "atlas.hcl")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    installed.write_unit(f"{PROXY}.socket.d/port.conf", f"[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n")
    installed.write(ROOTS, standin.ca_file.read_text())
    roots = f"[Service]\nExecStart=\nExecStart={DSQLTOK} proxy %i --ca %h/{ROOTS}\n"
    installed.write_unit(f"{PROXY}.service.d/roots.conf", roots)
    installed.manager.systemctl("daemon-reload")
    installed.manager.systemctl("enable", "--now", f"{PROXY}.socket")
    return installed, port


# Connects, and asks again for each line that it is given.
ASKS = """
import itertools, psycopg, sys
there = psycopg.connect(sys.argv[1], autocommit=True)
for _ in itertools.chain([""], sys.stdin):
    print(there.execute("select current_user").fetchone()[0], flush=True)
"""


@contextlib.contextmanager
def client(session: Session, port: int) -> Iterator[Callable[[], str]]:
    """Connect to the proxy; give a function that asks who one is there."""
    argv = session.manager.argv(
        "timeout", "60", str(BIN / "python"), "-c", ASKS, f"postgresql://127.0.0.1:{port}/?sslmode=disable"
    )
    with subprocess.Popen(
        argv, env=session.manager.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        keys, screen = process.stdin, process.stdout
        first = screen.readline()
        said = [line["MESSAGE"] for line in session.manager.journal(f"{PROXY}.service")]
        assert first == "admin\n", json.dumps(said, indent=1)

        def ask() -> str:
            print(file=keys, flush=True)
            return screen.readline()

        yield ask


def test_the_proxy_of_an_env_is_started_by_whoever_connects(proxied: tuple[Session, int]) -> None:
    session, port = proxied
    with client(session, port):
        eventually(lambda: f"127.0.0.1:{port}" in session.ok("status"), "the status lists it")
    session.manager.systemctl("stop", f"{PROXY}.service")
    assert session.manager.show(f"{PROXY}.service")["Result"] == "success"


def test_a_proxy_that_is_reloaded_leaves_its_place_to_another_and_its_sessions_go_on(
    proxied: tuple[Session, int],
) -> None:
    session, port = proxied
    unit = f"{PROXY}.service"
    with client(session, port) as ask:
        first = session.manager.show(unit)["MainPID"]
        session.manager.systemctl("reload", unit)
        eventually(
            lambda: session.manager.show(unit)["MainPID"] not in ("0", first), "another is the service's process"
        )
        assert ask() == "admin\n"
        with client(session, port) as ask_the_other:
            session.manager.run("kill", "-KILL", first)
            assert ask() == ""  # the session was the first one's
            assert ask_the_other() == "admin\n"
            second = session.manager.show(unit)["MainPID"]
            session.manager.systemctl("reload", unit)
            eventually(lambda: session.manager.show(unit)["MainPID"] not in ("0", second), "and yet another")
    eventually(lambda: session.manager.run("kill", "-0", second).returncode != 0, "nobody needs it any more")
    assert session.manager.show(unit)["ActiveState"] == "active"


def test_of_two_reloads_at_once_one_counts_and_a_successor_that_dies_is_noticed(proxied: tuple[Session, int]) -> None:
    session, port = proxied
    unit = f"{PROXY}.service"
    with client(session, port) as ask:
        first = session.manager.show(unit)["MainPID"]
        session.manager.systemctl("reload", unit)
        session.manager.systemctl("reload", unit)
        eventually(
            lambda: session.manager.show(unit)["MainPID"] not in ("0", first), "another is the service's process"
        )
        second = session.manager.show(unit)["MainPID"]
        assert ask() == "admin\n"
        with client(session, port) as ask_the_other:
            assert ask_the_other() == "admin\n"
            assert session.manager.show(unit)["MainPID"] == second
        session.manager.run("kill", "-KILL", second)
        eventually(lambda: int(session.manager.show(unit)["NRestarts"]) == 1, "systemd has heard of it")
    with client(session, port) as ask:
        assert ask() == "admin\n"


def test_a_proxy_in_a_terminal_does_not_take_over_from_the_service(proxied: tuple[Session, int]) -> None:
    session, port = proxied
    with client(session, port) as ask:
        eventually(lambda: f"127.0.0.1:{port}" in session.ok("status"), "the status lists it")
        words = ("proxy", "dsql", "--port", str(port), "--ca", f"/run/home/{ROOTS}")
        done = session.manager.run(DSQLTOK, *words, cwd="/run/home")
        assert done.returncode == 2
        assert f"127.0.0.1:{port} is taken by the proxy of env" in done.stderr
        assert ask() == "admin\n"


def test_a_successor_that_cannot_begin_is_told_of_and_changes_nothing(proxied: tuple[Session, int]) -> None:
    session, port = proxied
    unit = f"{PROXY}.service"
    with client(session, port) as ask:
        first = session.manager.show(unit)["MainPID"]
        (session.manager.home / ROOTS).unlink()
        session.manager.systemctl("reload", unit)
        told = "no successor takes over: it ended before it took clients"
        eventually(
            lambda: any(told in line["MESSAGE"] for line in session.manager.journal(unit)), "the journal says it"
        )
        assert ask() == "admin\n"
        with client(session, port):
            assert session.manager.show(unit)["MainPID"] == first
