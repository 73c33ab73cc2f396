"""A canary goes through every path, and everything that is written down is searched for it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from standin import people
from standin.sts import RefusingSts

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
from footprint import children

CANARY = "CanaryCanaryCanaryCanaryCanaryCanary4242"
PASSWORD = "proxy-canary-4242"


@pytest.fixture
def canary(desk: Desk, example: Callable[[str], str]) -> dict[str, str]:
    """Put secrets wherever a user may have some, and log all there is; return an environment that has some too."""
    desk.configure("")
    example("admin")
    desk.write(desk.work / "secret.txt", CANARY)
    desk.aws(credentials=f"[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {CANARY}\n")
    return {
        "AWS_ACCESS_KEY_ID": "AKIAI44QH8DHBEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": CANARY,
        "AWS_SESSION_TOKEN": CANARY,
        "HTTPS_PROXY": f"http://me:{PASSWORD}@127.0.0.1:9",
    }


def everything_written(desk: Desk, *outputs: str) -> str:
    log = desk.log.read_text()
    told = [desk.ok(*command) for command in (["status"], ["metrics"], ["config", "show"])]
    assert " DEBUG " in log
    return "\n".join([*outputs, log, json.dumps(desk.status()), *told, *processes(desk)])


def processes(desk: Desk) -> list[str]:
    """Return the arguments, and where /proc shows it the starting environment, of this desk's daemon and workers."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            argv = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes() if people.is_root() else b""
        except OSError:
            continue
        if b"dsqltokd" in argv and (not environment or str(desk.home).encode() in environment):
            found.append((argv + environment).decode(errors="replace"))
    assert found
    return found


def test_secrets_show_nowhere_on_the_good_path(desk: Desk, canary: dict[str, str]) -> None:
    token = desk.ok("get", env=canary)
    signature = re.search(r"X-Amz-Signature=(\w+)", token)
    assert signature
    desk.ok("url", env=canary)
    desk.ok("get", "--var", f"password={CANARY}")
    desk.ok("projects", "add", "--var", f"password={CANARY}")
    written = everything_written(desk, desk.ok("projects"))
    for secret in (CANARY, PASSWORD, signature[1]):
        assert secret not in written


@pytest.mark.parametrize(
    "endpoint",
    ['file("secret.txt")', 'getenv("AWS_SECRET_ACCESS_KEY")', '"${file("secret.txt")}.dsql.us-east-1.on.aws:5432"'],
)
def test_secrets_show_nowhere_where_a_project_puts_them_in_the_wrong_place(
    endpoint: str, desk: Desk, canary: dict[str, str]
) -> None:
    desk.project(f'data "aws_dsql_token" "db" {{\n  endpoint = {endpoint}\n  region = {endpoint}\n}}\n')
    done = desk.dsqltok("get", "--data", "db", env=canary)
    assert CANARY not in everything_written(desk, done.stderr)


def test_secrets_show_nowhere_where_aws_refuses(desk: Desk, canary: dict[str, str]) -> None:
    desk.project(
        'data "aws_dsql_token" "db" {\n  endpoint = "abc.dsql.us-east-1.on.aws"\n'
        '  role_arn = "arn:aws:iam::123456789012:role/No"\n}\n'
    )
    with RefusingSts() as sts:
        done = desk.dsqltok("get", "--data", "db", env={**canary, "AWS_ENDPOINT_URL_STS": sts.url, "HTTPS_PROXY": ""})
        assert done.returncode == 6
    unreachable = desk.dsqltok("get", "--data", "db", env={**canary, "AWS_ENDPOINT_URL_STS": "https://127.0.0.1:9"})
    assert unreachable.returncode == 7
    written = everything_written(desk, done.stderr, unreachable.stderr)
    assert CANARY not in written
    assert PASSWORD not in written


@pytest.mark.usefixtures("canary")
def test_what_a_helper_program_says_shows_nowhere(desk: Desk) -> None:
    helper = desk.write(desk.root / "helper", f"#!/bin/sh\necho {CANARY} >&2\nexit 1\n", mode=0o700)
    desk.aws(config=f"[profile helped]\ncredential_process = {helper}\n")
    done = desk.dsqltok("get", env={"AWS_PROFILE": "helped"})
    assert done.returncode == 5
    assert CANARY not in everything_written(desk, done.stderr)


@pytest.mark.usefixtures("canary")
def test_core_and_workers_cannot_be_looked_into_by_other_processes_of_the_user(desk: Desk) -> None:
    if not people.is_root() or people.ordinary().is_me:
        pytest.skip(people.why_no_stranger())
    desk.ok("get")
    pid = desk.status()["pid"]
    for process in (pid, *children(pid)):
        assert desk.run("cat", f"/proc/{process}/environ").returncode != 0, process


def test_a_request_without_a_home_is_that_of_the_same_user(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    token = desk.ok("get", "-n")
    with desk.connection() as connection:
        assert connection.ask("token.get", config=str(desk.work / "atlas.hcl"))["result"]["token"] == token


def test_a_token_made_with_keys_of_an_environment_is_not_given_to_another(desk: Desk, canary: dict[str, str]) -> None:
    assert "AKIAI44QH8DHBEXAMPLE" in desk.ok("get", env=canary)
    assert "AKIAI44QH8DHBEXAMPLE" not in desk.ok("get")
    assert "AKIAI44QH8DHBEXAMPLE" not in desk.ok("get", env={**canary, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7OTHERS0"})
