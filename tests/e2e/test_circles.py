"""A program that a project runs may ask for another project's token, and is refused at once where that is its own."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

    from desk import Desk

PLAIN_HOST = "plain.dsql.us-east-1.on.aws"
PLAIN = """
data "aws_dsql_token" "db" {
  endpoint = "plain.dsql.us-east-1.on.aws"
}
env "dsql" {
  url = "dsql://app:${urlescape(data.aws_dsql_token.db)}@plain.dsql.us-east-1.on.aws/postgres?sslmode=require"
}
"""
UNAVAILABLE = 7
HINT = "hint: have the program ask for another project file by --config, or the project use the data source itself"
DEADLINE = 30  # seconds that a program may take here; one that waits for itself would take them all


@pytest.fixture
def caller(desk: Desk) -> Desk:
    desk.configure(f'keyring = "none"\nprogram_timeout = {DEADLINE}\n')
    desk.environment |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
    return desk


def asking(desk: Desk, name: str, *program: str) -> Path:
    """Write a project whose endpoint is the host in a token that a program gets, and allow the program."""
    text = PLAIN.replace(f'"{PLAIN_HOST}"', "local.host").replace(PLAIN_HOST, "${local.host}")
    block = f'data "external" "host" {{\n  program = {json.dumps(program)}\n}}\n'
    path = desk.project(block + 'locals {\n  host = split("/", data.external.host)[0]\n}\n' + text, name)
    desk.ok("projects", "allow", str(path))
    return path


def refused(done: CompletedProcess[str], begin: float) -> str:
    assert time.monotonic() - begin < DEADLINE
    assert (done.returncode, done.stdout) == (UNAVAILABLE, ""), done.stderr
    assert "data.external.host: the program ended with exit code 4" in done.stderr
    assert HINT in done.stderr
    return done.stderr


def test_a_program_may_ask_for_the_token_of_another_project(caller: Desk) -> None:
    caller.project(PLAIN, "plain.hcl")
    asking(caller, "atlas.hcl", "dsqltok", "get", "dsql", "--config", "plain.hcl")
    assert caller.ok("get", "dsql").startswith("plain.dsql.us-east-1.on.aws/")
    assert caller.ok("url", "dsql").startswith("dsql://app:plain.dsql.us-east-1.on.aws")


@pytest.mark.parametrize("command", ["get", "url", "inspect", "env"])
def test_a_program_that_asks_for_its_own_project_is_refused_at_once(caller: Desk, command: str) -> None:
    path = asking(caller, "atlas.hcl", "dsqltok", command)
    begin = time.monotonic()
    said = refused(caller.dsqltok("get", "dsql"), begin)
    assert f"a program that {path} runs asks for {path}, which cannot be evaluated until that program has ended" in said


def test_so_is_one_that_a_script_starts_in_another_directory(caller: Desk) -> None:
    text = f"#!/bin/sh\ncd /\nexec dsqltok get dsql --config file://{caller.work}/./atlas.hcl\n"
    caller.write(caller.work / "host.sh", text, mode=0o700)
    asking(caller, "atlas.hcl", "./host.sh")
    begin = time.monotonic()
    refused(caller.dsqltok("get", "dsql"), begin)


def test_so_are_two_projects_that_ask_for_each_other(caller: Desk) -> None:
    one = asking(caller, "one.hcl", "dsqltok", "get", "-c", "two.hcl")
    two = asking(caller, "two.hcl", "dsqltok", "get", "-c", "one.hcl")
    caller.ok("projects", "allow", str(one))  # with the other file as it is now
    for first, second in ((one, two), (two, one)):
        begin = time.monotonic()
        said = refused(caller.dsqltok("get", "-c", str(first)), begin)
        assert f"a program that {second} runs asks for {first}, which cannot be evaluated" in said


def test_so_is_one_that_asks_for_an_added_project(caller: Desk) -> None:
    caller.project(PLAIN)
    caller.ok("projects", "add")
    path = asking(caller, "atlas.hcl", "sh", "-c", "cd / && dsqltok get dsql")
    begin = time.monotonic()
    assert f"asks for {path}" in refused(caller.dsqltok("get", "dsql"), begin)


def test_a_path_of_any_bytes_is_told_to_the_program(caller: Desk) -> None:
    path = asking(caller, 'a:b "c"\n\udcff.hcl', "sh", "-c", 'dsqltok get -c "$(printf \'a:b "c"\\n\\377.hcl\')"')
    begin = time.monotonic()
    refused(caller.dsqltok("get", "-c", str(path)), begin)


def test_what_says_who_waits_makes_sense_or_is_refused(caller: Desk) -> None:
    caller.project(PLAIN)
    for text in ("atlas.hcl", '["atlas.hcl"]', "[1]", "{}", "[" * 5000):
        done = caller.dsqltok("get", "dsql", env={"DSQLTOK_WITHIN": text})
        assert (done.returncode, done.stdout) == (2, "")
        assert "within must be what DSQLTOK_WITHIN says" in done.stderr
    assert caller.ok("get", "dsql", env={"DSQLTOK_WITHIN": ""}) == caller.ok("get", "dsql")


def test_who_waits_changes_nothing_of_whose_token_it_is(caller: Desk) -> None:
    caller.project(PLAIN)
    token = caller.ok("get", "dsql")
    assert caller.ok("get", "dsql", env={"DSQLTOK_WITHIN": '["/other/atlas.hcl"]'}) == token
    assert len(caller.status()["tokens"]) == 1
