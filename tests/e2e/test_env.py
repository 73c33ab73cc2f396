"""`dsqltok env`: a connection in the words of a shell or a program, with which real clients connect."""

from __future__ import annotations

import json
import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, BIN, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from desk import Desk

QUERY = "select current_user"
NAMES = {"PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSSLMODE", "PGPASSWORD", "DSQLTOK_SET"}
PSYCOPG = f"import psycopg; print(psycopg.connect('').execute('{QUERY}').fetchone()[0])"


def needs(program: str) -> str:
    if shutil.which(program) is None:
        pytest.skip(f"{program} not found")
    return program


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_psql_connects_in_a_shell_that_took_it(shell: str, reachable: Desk) -> None:
    script = f'eval "$(dsqltok env dsql)" && {needs("psql")} -Atc "{QUERY}"'
    astray = {"PGSERVICE": "nowhere", "PGSERVICEFILE": "/nowhere", "PGREQUIRESSL": "0"}
    done = reachable.run(needs(shell), "-euc", script, env=astray)
    assert (done.stdout, done.stderr) == ("admin\n", "")


def test_psql_connects_in_a_fish_that_took_it(reachable: Desk) -> None:
    script = f'dsqltok env dsql --shell fish | source; and {needs("psql")} -Atc "{QUERY}"'
    done = reachable.run(needs("fish"), "-c", script, env={"PGSERVICE": "nowhere"})
    assert (done.stdout, done.stderr) == ("admin\n", "")


def test_a_program_connects_with_the_object(reachable: Desk) -> None:
    found = json.loads(reachable.ok("env", "--env", "dsql", "--shell", "json"))
    assert set(found) == NAMES
    assert ACCESS_KEY_ID in found["PGPASSWORD"]
    assert reachable.run(str(BIN / "python"), "-c", PSYCOPG, env=found).stdout == "admin\n"


def written(desk: Desk) -> Path:
    desk.run("sh", "-c", "umask 077; dsqltok env --shell dotenv > .env")
    return desk.work / ".env"


def test_python_dotenv_reads_the_env_file(reachable: Desk) -> None:
    load = f"import dotenv; assert dotenv.load_dotenv('{written(reachable)}'); "
    done = reachable.run(str(BIN / "python"), "-c", load + PSYCOPG)
    assert (done.stdout, done.stderr) == ("admin\n", "")


def test_node_reads_the_env_file_alike(reachable: Desk) -> None:
    found = json.loads(reachable.ok("env", "--shell", "json"))
    program = f"console.log(JSON.stringify({json.dumps(sorted(NAMES))}.map(name => process.env[name])))"
    done = reachable.run(needs("node"), f"--env-file={written(reachable)}", "-e", program)
    if "bad option" in done.stderr:
        pytest.skip("node 20.6 or newer not found")
    assert json.loads(done.stdout) == [found[name] for name in sorted(NAMES)]


def test_what_the_url_says_comes_along_whatever_it_is(desk: Desk, example: Callable[[str], str]) -> None:
    name = 'it\'s $(touch ran) \\ "`touch ran`"'
    escaped = "it%27s%20%24%28touch%20ran%29%20%5C%20%22%60touch%20ran%60%22"
    desk.project(example("admin").replace("sslmode=require", f"sslmode=require&application_name={escaped}"))
    done = desk.run("sh", "-c", 'eval "$(dsqltok env dsql)"; printenv PGAPPNAME PGHOSTADDR', env={"PGHOSTADDR": "::1"})
    assert done.stdout == f"{name}\n::1\n"  # a tunnel of the user's, of which the url says nothing
    assert not (desk.work / "ran").exists()
    done = desk.dsqltok("env", "--shell", "dotenv")
    assert (done.returncode, done.stdout) == (4, "")
    assert "PGAPPNAME has characters that readers of .env files do not agree on" in done.stderr


def test_a_variable_that_the_project_reads_is_asked_for(desk: Desk, example: Callable[[str], str]) -> None:
    desk.project(example("admin").replace("//admin:", '//${getenv("DBUSER")}:'))
    assert "export PGUSER='somebody'\n" in desk.ok("env", env={"DBUSER": "somebody"})


def test_a_broken_edit_is_told_beside_the_last_good_variables(desk: Desk, example: Callable[[str], str]) -> None:
    text = example("admin")
    good = desk.ok("env")
    desk.project(text + "}")
    warning = "the last good version of the project is used"
    eventually(lambda: warning in desk.dsqltok("env").stderr, "the edit was seen")
    assert desk.dsqltok("env").stdout == good


def test_a_shell_that_is_not_known_is_told_with_those_that_are(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    done = desk.dsqltok("env", "--shell", "csh")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'error: there is no shell "csh"\nhint: use dotenv, fish, json or sh\n'


def told(desk: Desk, message: str) -> bool:
    return message in desk.dsqltok("env").stderr


def test_an_env_without_a_token_or_a_user_or_with_another_host_prints_nothing(desk: Desk) -> None:
    source = 'data "aws_dsql_token" "db" {\n  endpoint = "abc.dsql.us-east-1.on.aws"\n}\n'
    token = "${urlescape(data.aws_dsql_token.db)}"
    for url, code, message in [
        ("postgres://app@abc.dsql.us-east-1.on.aws/", 3, 'env "e" has no aws_dsql_token in its url'),
        (f"postgres://:{token}@abc.dsql.us-east-1.on.aws/?sslmode=require", 3, "no url says as which user"),
        (f"postgres://a:{token}@evil.example/?sslmode=require", 4, "a host that is not its endpoint"),
    ]:
        desk.project(f'{source}env "e" {{\n  url = "{url}"\n}}\n')
        eventually(partial(told, desk, message), f"the edit was seen: {message}")
        for command in (["env"], ["exec", "--", "touch", "ran"]):
            done = desk.dsqltok(*command)
            assert (done.returncode, done.stdout) == (code, ""), done.stderr
            assert message in done.stderr
            assert done.stderr.splitlines()[-1].startswith("hint: ")
    assert not (desk.work / "ran").exists()


def test_psql_connects_with_a_url_of_its_own_scheme(reachable: Desk) -> None:
    query = "select current_user, current_setting('application_name')"
    words = "dsqltok url --scheme postgresql --param application_name='a b' --param sslmode=require"
    done = reachable.run("sh", "-c", f'{needs("psql")} "$({words})" -Atc "{query}"')
    assert (done.stdout, done.stderr) == ("admin|a b\n", "")


def test_a_url_changes_only_where_that_is_asked_for(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    url = desk.ok("url", "-n")
    assert desk.ok("url", "-n", "--scheme", "postgres") == url.replace("dsql://", "postgres://", 1)
    assert json.loads(desk.ok("url", "--json", "--param", "sslmode=verify-full")) == [
        url.replace("sslmode=require", "sslmode=verify-full")
    ]
    for option, value, message in [
        ("--scheme", "mysql", 'there is no scheme "mysql"'),
        ("--scheme", "jdbc:postgresql", "a jdbc url has no user"),
        ("--param", "sslmode", "--param takes NAME=VALUE"),
    ]:
        done = desk.dsqltok("url", option, value)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
        assert done.stderr.splitlines()[-1].startswith("hint: ")
