"""`dsqltok psql`: a session with psql that outlives its token."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import recipes
from desk import ACCESS_KEY_ID, BIN, eventually, secrets_in
from dsqltok import passfile
from standin.steps import PASSED_ON
from terminal import at_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

DSQLTOK = str(BIN / "dsqltok")
PAST_ITS_DEATH = 1000.0  # seconds
NOT_FOUND = 127
needs_psql = pytest.mark.skipif(shutil.which("psql") is None, reason="psql not found: postgresql-client")


def passfiles(desk: Desk) -> list[Path]:
    return sorted(desk.runtime.glob("dsqltok/sessions/*/pgpass"))


def said(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


@pytest.fixture
def fake(desk: Desk, example: Callable[[str], str]) -> Callable[..., None]:
    """Put a program of the test's own in the place of psql, or of another."""
    example("admin")
    desk.environment["PATH"] = f"{desk.root / 'bin'}:{desk.environment['PATH']}"

    def put(program: str, name: str = "psql") -> None:
        desk.write(desk.root / "bin" / name, f"#!/bin/sh\nPATH=/usr/bin:/bin\n{program}\n", 0o755)

    return put


def alone(desk: Desk, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the client where there are no programs but the test's own."""
    return desk.run("env", f"PATH={desk.root / 'bin'}", DSQLTOK, *arguments)


@contextmanager
def session(desk: Desk, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run the client until the block ends, beside a daemon that is not a child of it."""
    desk.ok("get", "dsql")
    process = subprocess.Popen(
        desk.argv(DSQLTOK, *command), cwd=desk.work, env=desk.environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


# With the real psql


@needs_psql
def test_the_name_of_an_env_is_all_it_takes(reachable: Desk) -> None:
    done = reachable.run("sh", "-c", recipes.code("psql", "sh"))
    assert (done.stdout, done.stderr, done.returncode) == ("admin\n", "", 0)
    assert not passfiles(reachable)


@needs_psql
def test_a_session_connects_again_when_its_first_token_is_dead(
    reachable: Desk, stepped: Steps, standin: DsqlStandin
) -> None:
    reachable.configure(PASSED_ON)
    before = len(standin.logins)
    with reachable.conversation(DSQLTOK, "psql", "dsql", "-AtqX") as psql:
        assert psql.ask("select current_user;") == "admin"
        (path,) = passfiles(reachable)
        first = said(path)
        stepped.suspend(PAST_ITS_DEATH)
        eventually(lambda: said(path) not in ("", first), "a new token")
        psql.process.stdin.write(recipes.code("psql", "sql"))  # type: ignore[union-attr]  # a conversation has one
        assert psql.ask("select 'again';") == "again"
        assert psql.ask("\\c template1\nselect current_database();") == "template1"
    old, new, _other = standin.logins[before:]
    assert new.signed_at >= old.signed_at + PAST_ITS_DEATH


@needs_psql
def test_a_session_connects_again_by_another_daemon(reachable: Desk, stepped: Steps) -> None:
    reachable.configure(PASSED_ON)
    with reachable.conversation(DSQLTOK, "psql", "dsql", "-AtqX") as psql:
        assert psql.ask("select 1;") == "1"
        (path,) = passfiles(reachable)
        first = said(path)
        reachable.kill()
        stepped.suspend(PAST_ITS_DEATH)
        eventually(lambda: said(path) not in ("", first), "a new token")
        assert psql.ask("\\c\nselect 'again';") == "again"


@needs_psql
def test_psql_can_be_stopped_and_goes_on_in_the_terminal(reachable: Desk) -> None:
    with at_terminal(reachable, "bash", "--norc", "-i") as terminal:
        terminal.answer("$ ", f"{DSQLTOK} psql dsql -X -P pager=off")
        terminal.answer("postgres=", "\x1a")
        terminal.answer("Stopped", "fg")
        terminal.answer("dsql -X -P pager=off", "select 'go' || 'es on';")
        terminal.answer("goes on", "\\q")
        terminal.answer("$ ", "exit $?")
        assert terminal.end() == 0
    assert not passfiles(reachable)


@needs_psql
def test_it_ends_as_psql_ends(reachable: Desk) -> None:
    failed = reachable.dsqltok("psql", "dsql", "-X", "-v", "ON_ERROR_STOP=1", "-c", "select 1/0")
    assert (failed.returncode, "division by zero" in failed.stderr) == (1, True)
    assert reachable.dsqltok("psql", "dsql", "--version").stdout.startswith("psql ")


# What psql is given


def test_the_token_is_in_a_private_file_and_nowhere_else(desk: Desk, fake: Callable[..., None]) -> None:
    fake("echo ready; sleep 60")  # not `exec`, in the middle of which a process has no environment to look at
    desk.environment |= {"PGPASSWORD": "old", "PGSERVICE": "other", "PGHOSTADDR": "127.0.0.1"}
    with session(desk, "psql", "dsql", "--", "word") as process:
        (path,) = passfiles(desk)
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)]
        assert modes == [0o600, 0o700, 0o700]
        assert ACCESS_KEY_ID in said(path)
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        environment = dict(
            each.split("=", 1) for each in Path(f"/proc/{child}/environ").read_text().split("\0") if each
        )
        assert environment["PGPASSFILE"] == str(path)
        assert environment["PGHOSTADDR"] == "127.0.0.1"
        assert environment["PGSSLMODE"] == "require"
        assert environment.keys().isdisjoint({"PGPASSWORD", "PGSERVICE"})
        for program in (child, str(process.pid)):
            assert not secrets_in(Path(f"/proc/{program}/environ").read_text())
            assert not secrets_in(Path(f"/proc/{program}/cmdline").read_text())


def test_a_line_holds_whatever_a_user_is_called() -> None:
    line = passfile.line({"host": "h", "port": "5432", "user": "a:b\\c"}, "token")
    assert line == "h:5432:*:a\\:b\\\\c:token\n"


def test_pgcli_serves_where_it_was_asked_for_or_is_alone(desk: Desk, fake: Callable[..., None]) -> None:
    fake('echo "pgcli $* $PYTHON_KEYRING_BACKEND"', "pgcli")
    assert alone(desk, "psql", "dsql", "word").stdout == "pgcli word keyring.backends.null.Keyring\n"
    fake('echo "psql $* $PYTHON_KEYRING_BACKEND"')
    assert alone(desk, "psql", "dsql", "word").stdout == "psql word \n"
    assert alone(desk, "psql", "--pgcli", "dsql").stdout.startswith("pgcli ")


def test_what_is_not_installed_is_named(desk: Desk, fake: Callable[..., None]) -> None:
    fake("", "another")
    done = alone(desk, "psql", "dsql")
    assert (done.returncode, done.stdout) == (NOT_FOUND, "")
    assert done.stderr.startswith("error: psql is not installed\nhint: install PostgreSQL's client")
    done = alone(desk, "psql", "--pgcli", "dsql")
    assert (done.returncode, done.stderr.partition("\n")[0]) == (NOT_FOUND, "error: pgcli is not installed")


# Its end


@pytest.mark.parametrize(("program", "code"), [("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)])
def test_the_end_of_psql_is_ours(program: str, code: int, desk: Desk, fake: Callable[..., None]) -> None:
    fake(program)
    assert desk.dsqltok("psql", "dsql").returncode == code
    assert not passfiles(desk)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_us_is_passed_on(number: signal.Signals, desk: Desk, fake: Callable[..., None]) -> None:
    fake("trap 'exit 9' TERM HUP; echo ready; while :; do sleep 0.1; done")
    with session(desk, "psql", "dsql") as process:
        process.send_signal(number)
        assert process.wait(60) == 9
    assert not passfiles(desk)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
def test_ctrl_c_is_the_business_of_psql(number: signal.Signals, desk: Desk, fake: Callable[..., None]) -> None:
    fake("trap 'echo heard' INT QUIT; trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done")
    with session(desk, "psql", "dsql") as process:
        process.send_signal(number)
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), number)
        assert process.stdout is not None
        assert process.stdout.readline() == "heard\n"
        process.terminate()
        assert process.wait(60) == 9  # the session went on


def test_what_a_killed_session_left_goes_when_the_next_begins(desk: Desk, fake: Callable[..., None]) -> None:
    fake("echo ready; exec sleep 60")
    with session(desk, "psql", "dsql") as living:
        with session(desk, "psql", "dsql") as killed:
            own = passfiles(desk)
            assert len(own) == 2
            killed.kill()
            killed.wait()
        assert passfiles(desk) == own
        fake("echo over")
        desk.ok("psql", "dsql")
        assert len(passfiles(desk)) == 1
        assert living.poll() is None


def test_a_place_that_takes_no_passfile_is_explained(desk: Desk, fake: Callable[..., None]) -> None:
    fake("echo it is run")
    desk.ok("get", "dsql")
    desk.write(desk.runtime / "dsqltok/sessions", "in the way")
    done = desk.dsqltok("psql", "dsql")
    assert (done.returncode, done.stdout) == (7, "")
    assert "cannot keep a passfile in" in done.stderr
