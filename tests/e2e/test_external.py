"""`data "external"`: a program that a project names runs when the user has allowed it, and something depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY, eventually

if TYPE_CHECKING:
    from desk import Desk

PROJECT = """
variable "cluster" {
  type    = string
  default = "abc"
}
data "external" "host" {
  program = ["./host.sh", var.cluster]
}
locals {
  host = trimspace(data.external.host)
}
data "aws_dsql_token" "db" {
  endpoint = local.host
}
data "aws_dsql_token" "other" {
  endpoint = "other.dsql.us-east-1.on.aws"
}
env "dsql" {
  url = "dsql://app:${urlescape(data.aws_dsql_token.db)}@${local.host}/postgres?sslmode=require"
}
env "other" {
  url = "dsql://app:${urlescape(data.aws_dsql_token.other)}@other.dsql.us-east-1.on.aws/postgres?sslmode=require"
}
"""
ECHO = "#!/bin/sh\necho run >> ran\necho $1.dsql.us-east-1.on.aws\n"
IMPATIENT = 'keyring = "none"\nprogram_timeout = 2\n'  # for programs that hang
KEYS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
DENIED = 6


@pytest.fixture
def project(desk: Desk) -> Desk:
    desk.configure('keyring = "none"\n')
    desk.environment |= KEYS
    desk.project(PROJECT)
    script(desk, ECHO)
    return desk


def script(desk: Desk, text: str) -> None:
    desk.write(desk.work / "host.sh", text, mode=0o700)


def runs(desk: Desk) -> int:
    ran = desk.work / "ran"
    return len(ran.read_text().splitlines()) if ran.exists() else 0


def host(desk: Desk, *arguments: str) -> str:
    return desk.ok("get", "dsql", *arguments).partition("/")[0]


def is_asked_again(desk: Desk, *arguments: str) -> bool:
    done = desk.dsqltok("get", "dsql", *arguments)
    return done.returncode == DENIED and "data.external.host runs a program that you have not allowed" in done.stderr


def test_a_program_runs_only_after_it_was_allowed(project: Desk) -> None:
    done = project.dsqltok("get", "dsql")
    assert (done.returncode, done.stdout) == (DENIED, "")
    assert "atlas.hcl:7:13: data.external.host runs a program that you have not allowed" in done.stderr
    assert 'program = ["./host.sh", var.cluster]' in done.stderr
    assert f"dsqltok projects allow {project.work / 'atlas.hcl'} --env dsql" in done.stderr
    assert runs(project) == 0
    allowed = project.ok("projects", "allow")
    assert allowed == f"data.external.host runs in {project.work}: ./host.sh abc\n"
    assert runs(project) == 0
    assert host(project) == "abc.dsql.us-east-1.on.aws"
    assert runs(project) == 1


def test_an_env_that_does_not_depend_on_the_program_does_not_run_it(project: Desk) -> None:
    project.ok("projects", "allow")
    assert project.ok("get", "other").startswith("other.dsql")
    assert project.ok("url", "other").startswith("dsql://app:other")
    assert runs(project) == 0


def test_what_it_printed_serves_every_get_and_url_of_the_next_minute(project: Desk) -> None:
    project.ok("projects", "allow")
    assert host(project) == host(project) == "abc.dsql.us-east-1.on.aws"
    assert "@abc.dsql.us-east-1.on.aws/" in project.ok("url", "dsql")
    assert runs(project) == 1


def test_an_edit_of_the_project_asks_the_user_again(project: Desk) -> None:
    project.ok("projects", "allow")
    host(project)
    project.project(PROJECT + "# as it was, but for this line\n")
    eventually(lambda: is_asked_again(project), "the edit counts")
    project.ok("projects", "allow")
    assert host(project) == "abc.dsql.us-east-1.on.aws"


def test_an_edit_of_the_program_asks_the_user_again(project: Desk) -> None:
    project.ok("projects", "allow")
    host(project)
    script(project, ECHO.replace("$1", "evil"))
    eventually(lambda: is_asked_again(project), "the edit counts")
    assert runs(project) == 1


def test_other_words_for_the_program_ask_the_user_again(project: Desk) -> None:
    project.ok("projects", "allow")
    assert is_asked_again(project, "--var", "cluster=xyz")
    project.ok("projects", "allow", "--var", "cluster=xyz")
    assert host(project, "--var", "cluster=xyz") == "xyz.dsql.us-east-1.on.aws"


def test_what_was_allowed_outlives_the_daemon_and_ends_with_the_project(project: Desk) -> None:
    project.ok("projects", "allow")
    project.ok("stop")
    assert host(project) == "abc.dsql.us-east-1.on.aws"
    project.ok("projects", "remove")
    assert is_asked_again(project)
    project.ok("stop")
    assert is_asked_again(project)


def test_the_program_has_the_callers_aws_variables_and_no_input(project: Desk) -> None:
    script(project, "#!/bin/sh\nread line\necho $AWS_PROFILE$line.dsql.us-east-1.on.aws\n")
    project.ok("projects", "allow")
    project.aws(config="[profile one]\n[profile two]\n")
    for profile in ("one", "two"):
        token = project.ok("get", "dsql", env={"AWS_PROFILE": profile})
        assert token.startswith(f"{profile}.dsql")


def test_a_program_that_fails_explains_itself(project: Desk) -> None:
    script(project, "#!/bin/sh\necho 'vault is sealed' >&2\nexit 3\n")
    project.ok("projects", "allow")
    done = project.dsqltok("get", "dsql")
    assert (done.returncode, done.stdout) == (7, "")
    assert "data.external.host: the program ended with exit code 3" in done.stderr
    assert "vault is sealed" in done.stderr
    assert "vault is sealed" not in project.log.read_text()
    assert "vault is sealed" not in project.ok("status", "--json")


def test_a_program_that_hangs_is_ended_with_all_that_it_started_and_hangs_no_other_get(project: Desk) -> None:
    project.configure(IMPATIENT)
    script(project, "#!/bin/sh\nsleep 1000 &\necho $! > pid\nwait\n")
    project.ok("projects", "allow")
    done = project.dsqltok("get", "dsql")
    assert done.returncode == 8
    assert "data.external.host: the program takes more than 2 s" in done.stderr
    assert "env -i, waits for itself" in done.stderr  # where the daemon cannot see that it is a circle
    assert project.ok("get", "other").startswith("other.dsql")
    pid = (project.work / "pid").read_text().strip()
    eventually(lambda: project.run("kill", "-0", pid).returncode != 0, "what the program started is gone")


def test_while_a_program_hangs_its_last_output_serves_and_not_every_get_waits_for_it(project: Desk) -> None:
    project.configure(IMPATIENT)
    script(project, "#!/bin/sh\necho run >> ran\n[ ! -e hang ] || sleep 1000\necho abc.dsql.us-east-1.on.aws\n")
    project.ok("projects", "allow")
    assert host(project) == "abc.dsql.us-east-1.on.aws"
    (project.work / "hang").touch()
    project.ok("projects", "allow")  # after which the project is looked at anew
    for _ in range(2):
        done = project.dsqltok("get", "dsql")
        assert done.stdout.startswith("abc.dsql.us-east-1.on.aws")
        assert "warning: data.external.host: the program takes more than 2 s" in done.stderr
    assert runs(project) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\nprintf '\\377'\n", "the program's output is not utf-8 text"),
        ("#!/bin/sh\nyes\n", "the program prints more than 1 MiB"),
        ("no program", "running ./host.sh: exec format error"),
    ],
)
def test_a_program_that_is_of_no_use_is_named(project: Desk, text: str, said: str) -> None:
    script(project, text)
    project.ok("projects", "allow")
    done = project.dsqltok("get", "dsql")
    assert done.returncode == 4
    assert f"data.external.host: {said}" in done.stderr


def test_allowing_what_names_no_program_says_so(desk: Desk) -> None:
    desk.project('env "e" {\n  url = "x"\n}\n')
    done = desk.dsqltok("projects", "allow")
    assert (done.returncode, done.stdout) == (0, "")
    assert "names no program to run" in done.stderr
