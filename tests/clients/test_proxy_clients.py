"""Clients as they are, through `dsqltok proxy` to a real PostgreSQL: with a host and a port, and nothing else.

A client that is given `localhost` and a port, and does without TLS, stands for the old libpq that knows no SNI as well:
the name of the endpoint is the proxy's to say. What psycopg does, test_proxy.py holds.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import recipes
from desk import BIN, eventually
from standin import people, postgres
from standin.leash import bed_directory
from viaproxy import Proxy, proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Desk
    from standin.endpoint import DsqlStandin

PROGRAMS = Path(__file__).parent / "proxied"
MODULE = Path(__file__).parent / "go"
LONGER_THAN_A_TOKEN = 1000.0  # seconds
ANSWERS = {
    "prepared": "9900",
    "copy": "2000000",
    "listen": "hello",
    "error": "42601",
    "cancel": "cancelled",
    "many": "200",
}
SHELF = (
    "create schema shelf; create table shelf.books (id int primary key, title text);"
    "insert into shelf.books select n, repeat('x', 1000) from generate_series(1, 5000) n"
)


@pytest.fixture
def running(reachable: Desk, standin: DsqlStandin) -> Iterator[Proxy]:
    with proxy(reachable, standin.ca_file, "dsql") as found:
        yield found


@pytest.fixture
def psql(running: Proxy) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run psql to its end, with a host and a port."""
    program = recipes.program("psql", "apt install postgresql-client")
    where = ("-X", "-At", "-h", "localhost", "-p", str(running.port))
    return lambda *words, sslmode="prefer": running.desk.run(program, *where, *words, env={"PGSSLMODE": sslmode})


def asyncpg_client(_desk: Desk, _built: Path) -> list[str]:
    return [str(BIN / "python"), str(PROGRAMS / "asyncpg_client.py")]


def jdbc_client(_desk: Desk, built: Path) -> list[str]:
    java, compiler = (recipes.program(name, "apt install default-jdk-headless") for name in ("java", "javac"))
    driver = str(recipes.fetched("java", "mvn") / "lib" / "*")
    build(compiler, "-Xlint:all", "-Werror", "-cp", driver, "-d", str(built), str(PROGRAMS / "Client.java"))
    return [java, "-cp", f"{built}:{driver}", "Client"]


def node_client(desk: Desk, built: Path) -> list[str]:
    node = recipes.program("node", "apt install nodejs npm")
    (built / "node_modules").symlink_to(recipes.fetched("node", "npm") / "node_modules")
    return [node, str(desk.write(built / "client.mjs", (PROGRAMS / "client.mjs").read_text(), 0o644))]


def pgx_client(_desk: Desk, built: Path) -> list[str]:
    go = recipes.program("go", "version 1.25 or later")
    packages = recipes.fetched("go", "Go 1.25 or later")
    module = shutil.copytree(MODULE, built / "module")
    shutil.copy(PROGRAMS / "client.go", module)
    places = {"GOPATH": packages, "GOCACHE": packages / "cache", "GOTOOLCHAIN": "local"}
    build("env", *(f"{name}={value}" for name, value in places.items()), go, "build", "-o", "client", ".", cwd=module)
    return [str(module / "client")]


def build(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("client", "without"),
    [(asyncpg_client, ()), (jdbc_client, ()), (node_client, ("copy",)), (pgx_client, ())],
    ids=["asyncpg", "pgJDBC", "node-postgres", "pgx"],
)
def test_a_driver_does_what_it_does_elsewhere_and_connects_again_after_the_token_died(
    client: Callable[[Desk, Path], list[str]],
    without: tuple[str, ...],
    reachable: Desk,
    standin: DsqlStandin,
    sleeps: Callable[[], None],
) -> None:
    with (
        bed_directory("client-") as built,
        proxy(reachable, standin.ca_file, "dsql") as running,
        reachable.conversation(*client(reachable, built), str(running.port)) as program,
    ):
        assert program.ask("connect") == "admin"
        first = standin.logins[-1]
        deeds = {deed: answer for deed, answer in ANSWERS.items() if deed not in without}
        assert {deed: program.ask(deed) for deed in deeds} == deeds
        sleeps()
        assert program.ask("connect") == "admin"
        assert standin.logins[-1].signed_at >= first.signed_at + LONGER_THAN_A_TOKEN


@pytest.mark.parametrize("sslmode", ["disable", "prefer"])
def test_psql_connects_and_connects_again_by_its_own_command(
    psql: Callable[..., subprocess.CompletedProcess[str]], sslmode: str
) -> None:
    who = ("-c", "select current_user || ':' || pg_backend_pid()")
    done = psql("-q", *who, "-c", r"\c", *who, sslmode=sslmode)
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first.startswith("admin:")
    assert second.startswith("admin:")
    assert first != second


def test_psql_is_told_why_another_user_is_not_let_in(psql: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = psql("-c", r"\c - atlas_migrations")
    assert "Wrong user to action mapping" in done.stderr
    assert "HINT:" in done.stderr
    assert "dsqltok: " in done.stderr


def test_a_psql_that_insists_on_tls_is_told_no_by_itself(
    psql: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = psql("-c", "select 1", sslmode="require")
    assert done.returncode == 2
    assert "server does not support SSL" in done.stderr


def test_ctrl_c_in_psql_cancels_its_query(
    running: Proxy, psql: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    sleeping = "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'"
    where = ("-X", "-h", "localhost", "-p", str(running.port))
    with running.desk.begin(shutil.which("psql") or "psql", *where, "-c", "select pg_sleep(60)") as process:
        eventually(lambda: psql("-c", sleeping).stdout == "1\n", "the query runs")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 1
    assert psql("-c", sleeping).stdout == "0\n"


def test_a_dump_is_made_and_restored_through_the_proxy(
    running: Proxy, psql: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    with bed_directory("dump-") as directory:
        # The server's own: one that is older than the server refuses, as pg_dump always does.
        pg_dump = str(postgres.programs(directory, people.ordinary()) / "pg_dump")
        dump = (pg_dump, "-h", "localhost", "-p", str(running.port), "--schema=shelf", "--no-owner")
        try:
            assert psql("-c", SHELF).stderr == ""
            schema = running.desk.run(*dump, "--schema-only")
            assert "CREATE TABLE shelf.books" in schema.stdout
            assert "COPY" not in schema.stdout
            whole = running.desk.run(*dump)
            assert whole.stdout.count("x" * 1000) == 5000
            assert psql("-c", "drop schema shelf cascade").returncode == 0
            script = str(running.desk.write(directory / "dump.sql", whole.stdout, 0o644))
            restored = psql("-q", "-v", "ON_ERROR_STOP=1", "-f", script)
            assert (restored.returncode, restored.stderr) == (0, "")
            assert psql("-c", "select sum(length(title)) from shelf.books").stdout == "5000000\n"
        finally:
            psql("-c", "drop schema if exists shelf cascade")
