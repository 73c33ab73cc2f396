"""The installed daemon as a service of a real `systemd --user`: activated, watched, restarted, replaced, taken away."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

import loginsession
from desk import ACCESS_KEY_ID, BIN, SECRET_ACCESS_KEY, eventually
from loginsession import DSQLTOK, ROOTS, SERVICE, SOCKET, enabled_proxy
from standin import people

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loginsession import ProxyUnit, Session
    from standin.endpoint import DsqlStandin


@pytest.fixture
def session() -> Iterator[Session]:
    with loginsession.begun() as found:
        yield found


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
    eventually(
        lambda: said in [entry["MESSAGE"] for entry in installed.manager.journal(SERVICE)], "the journal says why"
    )
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

    def counts() -> bool:
        installed.ok("flush")
        return "X-Amz-Expires=321" in installed.ok("get")

    eventually(counts, "the new configuration counts")


def test_the_one_that_a_client_started_makes_way_without_a_failed_get(session: Session) -> None:
    assert is_token(session.ok("get"))
    earlier = json.loads(session.ok("status", "--json"))["pid"]
    session.ok("service", "install")
    for _ in range(10):
        assert is_token(session.ok("get"))
    eventually(lambda: session.show("ActiveState") == "active", "the service has the lock")
    status = json.loads(session.ok("status", "--json"))
    assert str(status["pid"]) == session.pid != str(earlier)
    eventually(lambda: session.manager.run("kill", "-0", str(earlier)).returncode != 0, "the earlier one has ended")


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
    assert len(list(installed.units.rglob("sandbox.conf"))) == 2  # the proxy's, too
    relaxed = installed.pid
    installed.ok("service", "install")
    assert list(installed.units.rglob("sandbox.conf")) == []
    assert installed.pid not in (relaxed, "0")  # that the sandbox can be set up again is seen, not believed
    assert "uninstalled" in installed.ok("service", "uninstall")
    assert list(installed.units.rglob("dsqltokd*")) == []


@pytest.fixture
def proxied(standin: DsqlStandin, login: Callable[..., str]) -> Iterator[ProxyUnit]:
    """Give the proxy of an env, whose socket is enabled."""
    del login  # which has the stand-in know the keys
    with loginsession.begun(people.stranger()) as session:
        yield enabled_proxy(session, standin)


def test_the_proxy_of_an_env_is_started_by_whoever_connects(proxied: ProxyUnit) -> None:
    with proxied.client():
        eventually(lambda: f"127.0.0.1:{proxied.port}" in proxied.session.ok("status"), "the status lists it")
    proxied.session.manager.systemctl("stop", proxied.name)
    assert proxied.shown("Result") == "success"


def test_a_proxy_that_is_reloaded_leaves_its_place_to_another_and_its_sessions_go_on(
    proxied: ProxyUnit,
) -> None:
    with proxied.client() as ask:
        first = proxied.shown("MainPID")
        proxied.reload()
        eventually(lambda: proxied.shown("MainPID") not in ("0", first), "another is the service's process")
        assert ask() == "admin\n"
        with proxied.client() as ask_the_other:
            proxied.session.manager.run("kill", "-KILL", first)
            assert ask() == ""  # the session was the first one's
            assert ask_the_other() == "admin\n"
            second = proxied.shown("MainPID")
            proxied.reload()
            eventually(lambda: proxied.shown("MainPID") not in ("0", second), "and yet another")
    eventually(lambda: proxied.session.manager.run("kill", "-0", second).returncode != 0, "nobody needs it any more")
    assert proxied.shown("ActiveState") == "active"


def test_of_two_reloads_at_once_one_counts_and_a_successor_that_dies_is_noticed(proxied: ProxyUnit) -> None:
    with proxied.client() as ask:
        first = proxied.shown("MainPID")
        proxied.reload()
        # As the unit's own reload does, which must not be the successor's.
        proxied.session.manager.run("kill", "-HUP", first)
        eventually(lambda: proxied.shown("MainPID") not in ("0", first), "another is the service's process")
        second = proxied.shown("MainPID")
        assert ask() == "admin\n"
        with proxied.client() as ask_the_other:
            assert ask_the_other() == "admin\n"
            assert proxied.shown("MainPID") == second
        proxied.session.manager.run("kill", "-KILL", second)
        eventually(lambda: int(proxied.shown("NRestarts")) == 1, "systemd has heard of it")
    with proxied.client() as ask:
        assert ask() == "admin\n"


def test_a_proxy_in_a_terminal_does_not_take_over_from_the_service(proxied: ProxyUnit) -> None:
    with proxied.client() as ask:
        eventually(lambda: f"127.0.0.1:{proxied.port}" in proxied.session.ok("status"), "the status lists it")
        words = ("proxy", "dsql", "--port", str(proxied.port), "--ca", f"/run/home/{ROOTS}")
        done = proxied.session.manager.run(DSQLTOK, *words, cwd="/run/home")
        assert done.returncode == 2
        assert f"127.0.0.1:{proxied.port} is taken by the proxy of env" in done.stderr
        assert ask() == "admin\n"


def test_a_successor_that_cannot_begin_is_told_of_and_changes_nothing(proxied: ProxyUnit) -> None:
    with proxied.client() as ask:
        first = proxied.shown("MainPID")
        (proxied.session.manager.home / ROOTS).unlink()
        proxied.reload()
        told = "no successor takes over: it ended before it took clients"
        eventually(lambda: any(told in line for line in proxied.said()), "the journal says it")
        assert ask() == "admin\n"
        with proxied.client():
            assert proxied.shown("MainPID") == first
