"""`dsqltok init`: a project file that works, for whoever has an endpoint and nothing else."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, BIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk

HOST = "cluster-id.dsql.us-east-1.on.aws"


def test_with_an_endpoint_alone_there_is_a_project_that_logs_in(desk: Desk, login: Callable[..., str]) -> None:
    said = desk.ok("init", HOST)
    assert said == "atlas.hcl is written\nnext: dsqltok get dsql\n"
    assert (desk.work / "atlas.hcl").stat().st_mode & 0o777 == 0o644
    assert login(token=desk.run("sh", "-c", said.splitlines()[1].removeprefix("next: ")).stdout.strip()) == "admin"
    assert login(url=desk.ok("url", "-n")) == "admin"
    assert f"@{HOST}:5432/postgres?sslmode=require" in desk.ok("inspect")


def test_as_another_user_and_with_a_profile(desk: Desk) -> None:
    profile = 'the "one" \\ ${a} %{b}'
    desk.aws(config=f"[profile '{profile}']\nregion = us-east-1\n")
    keys = (desk.home / ".aws/credentials").read_text()
    desk.aws(credentials=keys.replace("[default]", f"[{profile}]"))
    said = desk.ok("init", HOST.upper(), "--user", "app user/é", "--profile", profile, "a b.hcl")
    assert said == "a b.hcl is written\nnext: dsqltok get dsql --config 'a b.hcl'\n"
    found = json.loads(desk.ok("get", "dsql", "--config", "a b.hcl", "--json"))
    assert (found["user"], found["host"], found["region"]) == ("app user/é", HOST, "us-east-1")
    assert ACCESS_KEY_ID in found["token"]


def test_an_endpoint_without_a_region_in_it_leaves_that_to_the_aws_configuration(desk: Desk) -> None:
    desk.ok("init", "db.example.com")
    assert json.loads(desk.ok("get", "--json", env={"AWS_REGION": "eu-west-1"}))["region"] == "eu-west-1"


@pytest.mark.parametrize("kind", ["file", "dangling", "directory"])
def test_what_is_there_is_left_as_it_is(kind: str, desk: Desk) -> None:
    path = desk.work / "atlas.hcl"
    if kind == "file":
        desk.project("mine")
    elif kind == "dangling":
        path.symlink_to("elsewhere")
    else:
        path.mkdir()
    done = desk.dsqltok("init", HOST)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: atlas.hcl is there already\nhint: edit it, or name another file\n"
    assert not (desk.work / "elsewhere").exists()
    assert kind != "file" or path.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the endpoint is empty"),
        ([""], "the endpoint is empty"),
        ([f"dsql://{HOST}/postgres"], "the endpoint has a scheme"),
        ([f"{HOST}:5432"], "the endpoint has a port"),
        ([f"admin@{HOST}"], "the endpoint has a user"),
        (["cluster-id"], "the endpoint is not a full host name"),
        (["10.0.0.1"], "the endpoint is an address, not a host name"),
        (["${file(x)}.on.aws"], "the endpoint is not a host name"),
        ([HOST, "--user", ""], "the user is empty or holds control characters"),
        ([HOST, "--user", "a\nb"], "the user is empty or holds control characters"),
        ([HOST, "--profile", "\x1b"], "the profile is empty or holds control characters"),
    ],
)
def test_a_project_that_could_not_work_is_not_written(words: list[str], message: str, desk: Desk) -> None:
    done = desk.dsqltok("init", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}\nhint: ")
    assert not any(desk.work.iterdir())


def test_where_nothing_can_be_written_that_is_told(desk: Desk) -> None:
    done = desk.dsqltok("init", HOST, "nowhere/atlas.hcl")
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.startswith("error: cannot write nowhere/atlas.hcl: no such file or directory\nhint: ")
    done = desk.run("sh", "-c", f"ulimit -f 0; dsqltok init {HOST}")
    assert (done.returncode, done.stdout) == (7, "")
    assert "cannot write atlas.hcl: file too large" in done.stderr
    assert not any(desk.work.iterdir())


def test_a_crash_leaves_no_part_of_a_project(desk: Desk) -> None:
    program = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL); from dsqltok import cli; cli.main()"
    done = desk.run("sh", "-c", f"ulimit -f 0; exec {BIN}/python -c '{program}' init {HOST}")
    assert done.returncode == -signal.SIGXFSZ
    assert not (desk.work / "atlas.hcl").exists()


def test_whatever_the_umask_others_may_not_write_to_it(desk: Desk) -> None:
    desk.run("sh", "-c", f"umask 0; dsqltok init {HOST}")
    desk.run("sh", "-c", f"umask 077; dsqltok init {HOST} private.hcl")
    assert [(desk.work / name).stat().st_mode & 0o777 for name in ("atlas.hcl", "private.hcl")] == [0o644, 0o600]
