"""`dsqltok exec`: it becomes the program, which then connects by its environment, and is as a shell would start it."""

from __future__ import annotations

import json
import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, BIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk

QUERY = "select current_user"
PSYCOPG = f"import psycopg; print(psycopg.connect('').execute('{QUERY}').fetchone()[0])"
NOT_EXECUTABLE = 126
NOT_FOUND = 127


@pytest.fixture
def project(desk: Desk, example: Callable[[str], str]) -> Desk:
    example("admin")
    return desk


def test_psql_connects_with_nothing_but_the_name_of_the_env(reachable: Desk) -> None:
    if shutil.which("psql") is None:
        pytest.skip("psql not found")
    astray = {"PGSERVICE": "nowhere", "PGSERVICEFILE": "/nowhere", "PGHOST": "nowhere", "PGUSER": "nobody"}
    assert reachable.ok("exec", "dsql", "--", "psql", "-Atc", QUERY, env=astray) == "admin\n"


def test_psycopg_connects_with_nothing_but_the_name_of_the_env(reachable: Desk) -> None:
    assert reachable.ok("exec", "dsql", "--", str(BIN / "python"), "-c", PSYCOPG) == "admin\n"


def test_the_program_has_the_process_and_its_signals_are_its_own(project: Desk) -> None:
    with project.conversation(str(BIN / "dsqltok"), "exec", "--", "sh", "-c", "read _; echo $$; exec cat") as child:
        assert child.ask() == str(child.process.pid)
        child.process.send_signal(signal.SIGTERM)
        assert child.process.wait(30) == -signal.SIGTERM


def test_the_program_gets_the_words_the_input_and_the_descriptors_and_its_exit_code_is_passed_on(project: Desk) -> None:
    inner = 'printf "%s|" "$@"; cat; echo kept >&3; exit 42'
    whole = "exec 3> kept; echo input | dsqltok exec dsql -- sh -c '" + inner + "' name '' 'a b' -- --env -h '{token}'"
    done = project.run("sh", "-c", whole)
    assert (done.returncode, done.stdout) == (42, "|a b|--|--env|-h|{token}|input\n")
    assert (project.work / "kept").read_text() == "kept\n"


def test_the_environment_is_the_callers_with_the_variables_on_top(project: Desk) -> None:
    dump = [str(BIN / "python"), "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
    mine = {"PGHOSTADDR": "::1", "PGSERVICE": "x", "PGREQUIRESSL": "1", "PGHOST": "x", "PGPASSWORD": "x", "A": "b\n c"}
    plain = json.loads(project.run(*dump, env=mine).stdout)
    found = json.loads(project.ok("exec", "--", *dump, env=mine))
    password = found.pop("PGPASSWORD")
    assert ACCESS_KEY_ID in password
    ours = {
        "PGHOST": "cluster-id.dsql.us-east-1.on.aws",
        "PGPORT": "5432",
        "PGUSER": "admin",
        "PGDATABASE": "postgres",
        "PGSSLMODE": "require",
        "DSQLTOK_SET": "PGHOST PGPORT PGUSER PGDATABASE PGSSLMODE PGPASSWORD",
    }
    theirs = {name: value for name, value in plain.items() if name not in ("PGSERVICE", "PGREQUIRESSL", "PGPASSWORD")}
    assert found == theirs | ours


@pytest.mark.parametrize("name", ["PIPE", "XFSZ"])
def test_a_signal_that_python_ignores_ends_the_program_as_ever(name: str, project: Desk) -> None:
    done = project.dsqltok("exec", "--", "sh", "-c", f"kill -s {name} $$; echo alive")
    assert (done.returncode, done.stdout) == (-getattr(signal, f"SIG{name}"), "")


def test_placeholders_stand_for_the_token_and_the_url_only_where_that_is_asked_for(project: Desk) -> None:
    words = ("echo", "--url={url}", "{token}{token}")
    assert project.ok("exec", "--", *words) == "--url={url} {token}{token}\n"
    token, url = project.ok("get", "-n"), project.ok("url", "-n")
    assert project.ok("exec", "--placeholders", "dsql", "--", *words) == f"--url={url} {token}{token}\n"


def test_an_env_of_several_urls_has_none_to_stand_for(desk: Desk, example: Callable[[str], str]) -> None:
    text = example("admin").replace('env "dsql" {', 'env "dsql" {\n  for_each = toset(["a", "b"])')
    desk.project(text)
    done = desk.dsqltok("exec", "--placeholders", "--", "echo", "{url}")
    assert (done.returncode, done.stdout) == (3, "")
    assert "the env has several urls, and {url} stands for one" in done.stderr
    assert ACCESS_KEY_ID in desk.ok("exec", "--placeholders", "--", "echo", "{token}")


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("nowhere", NOT_FOUND, 'there is no program "nowhere"\nhint: it is looked for in the directories of PATH'),
        ("./nowhere", NOT_FOUND, 'there is no program "./nowhere"'),
        ("atlas.hcl/x", NOT_FOUND, 'there is no program "atlas.hcl/x"'),
        ("", NOT_FOUND, 'there is no program ""'),
        ("./atlas.hcl", NOT_EXECUTABLE, "cannot run ./atlas.hcl: permission denied"),
        ("./bare", NOT_EXECUTABLE, "cannot run ./bare: exec format error\nhint: a script without a #! line"),
        ("./orphan", NOT_EXECUTABLE, "cannot run ./orphan: the interpreter in its first line is not there"),
        ("./", NOT_EXECUTABLE, "cannot run ./: it is a directory"),
    ],
)
def test_a_program_that_cannot_be_run_is_told_with_the_exit_code_of_a_shell(
    name: str, code: int, message: str, project: Desk
) -> None:
    project.write(project.work / "bare", "echo x\n", mode=0o700)
    project.write(project.work / "orphan", "#!/nowhere\n", mode=0o700)
    done = project.dsqltok("exec", "--", name)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.splitlines()[-1].startswith("hint: ")


def test_the_path_is_searched_on_where_a_file_cannot_be_run(project: Desk) -> None:
    project.write(project.work / "first/tool", "no program", mode=0o600)
    path = f"{project.work}/nowhere:{project.work}/first:{project.environment['PATH']}"
    done = project.dsqltok("exec", "--", "tool", env={"PATH": path})
    assert done.returncode == NOT_EXECUTABLE
    project.write(project.work / "second/tool", "#!/bin/sh\necho second\n", mode=0o700)
    assert project.ok("exec", "--", "tool", env={"PATH": f"{path}:{project.work}/second"}) == "second\n"
    assert project.ok("exec", "--", "true", env={"PATH": None}) == ""


def test_no_command_is_a_usage_error(project: Desk) -> None:
    for words in ([], ["dsql"], ["dsql", "--"], ["--"]):
        done = project.dsqltok("exec", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert "there is no command to run" in done.stderr
        assert "put it after --" in done.stderr


def test_where_there_is_no_token_nothing_is_run(project: Desk) -> None:
    (project.home / ".aws/credentials").unlink()
    done = project.dsqltok("exec", "--", "touch", "ran", env={"AWS_EC2_METADATA_DISABLED": "true"})
    assert done.returncode == 5
    assert "no AWS credentials" in done.stderr
    assert os.listdir(project.work) == ["atlas.hcl"]
