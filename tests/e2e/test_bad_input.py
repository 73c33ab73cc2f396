"""Every mistake is explained, with a hint and an exit code of its own, and the daemon goes on."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from cloud import SSO_ROLE, SSO_SESSION
from desk import eventually
from standin import people
from standin.sts import BlackHole, RefusingSts

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from desk import Desk
    from standin.sts import Sts

GOOD = 'data "aws_dsql_token" "db" {\n  endpoint = "abc.dsql.us-east-1.on.aws"\n}\n'


def block(*lines: str) -> str:
    body = "".join(f"  {line}\n" for line in lines)
    return f'data "aws_dsql_token" "db" {{\n{body}}}\n'


def complain(done: CompletedProcess[str], code: int, *words: str) -> None:
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.splitlines()[-1].startswith("hint: "), done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


ENDPOINT = 'endpoint = "abc.dsql.us-east-1.on.aws"'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (block(ENDPOINT, "admin = ="), ["atlas.hcl:3:", "  admin = =", "^"]),
        (block(ENDPOINT, 'admin = "perhaps"'), ["atlas.hcl:3:", "^", "bool"]),
        (block(ENDPOINT, "admim = true"), ["atlas.hcl:3:", "admin"]),
        (block('region = "us-east-1"'), ["atlas.hcl:1:", "endpoint"]),
        (block('endpoint = "https://abc.dsql.us-east-1.on.aws"'), ["atlas.hcl:2:", "scheme"]),
        (block('endpoint = "abc.dsql.us-east-1.on.aws:5432"'), ["atlas.hcl:2:", "port"]),
        (block("endpoint = local.nowhere"), ["atlas.hcl:2:", "nowhere"]),
        (block(ENDPOINT, 'region = "eu-west-1"'), ["atlas.hcl:3:", "contradicts"]),
        (block('endpoint = "db.example.com"'), ["no region is known for db.example.com"]),
        (block(ENDPOINT, 'profile = "nobody"'), ['no profile "nobody"']),
    ],
)
def test_a_mistake_in_the_project_is_a_configuration_error(text: str, words: list[str], desk: Desk) -> None:
    desk.project(text)
    complain(desk.dsqltok("get", "--data", "db"), 4, *words)
    desk.project(GOOD, "good.hcl")
    desk.ok("get", "-c", "good.hcl", "--data", "db")


def test_a_missing_project_file_is_not_found(desk: Desk) -> None:
    complain(desk.dsqltok("get"), 3, "there is no atlas.hcl")
    complain(desk.dsqltok("get", "-c", "nowhere.hcl"), 3, f"{desk.work}/nowhere.hcl")


def test_no_credentials_is_a_credentials_error(desk: Desk) -> None:
    desk.project(GOOD)
    (desk.home / ".aws/credentials").unlink()
    complain(desk.dsqltok("get", "--data", "db", env={"AWS_EC2_METADATA_DISABLED": "true"}), 5, "no AWS credentials")


def test_half_a_key_is_a_credentials_error(desk: Desk) -> None:
    desk.project(GOOD)
    desk.aws(credentials="[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n")
    complain(desk.dsqltok("get", "--data", "db"), 5, "half of an access key is missing")


def test_a_role_that_sts_refuses_is_denied(desk: Desk) -> None:
    desk.project(block(ENDPOINT, 'role_arn = "arn:aws:iam::123456789012:role/No"'))
    with RefusingSts() as sts:
        done = desk.dsqltok("get", "--data", "db", env={"AWS_ENDPOINT_URL_STS": sts.url})
        complain(done, 6, "role arn:aws:iam::123456789012:role/No", "AccessDenied")
        asked = sts.refused
        complain(desk.dsqltok("get", "--data", "db", env={"AWS_ENDPOINT_URL_STS": sts.url}), 6)
        assert sts.refused == asked


def test_aws_that_cannot_be_reached_is_unavailable(desk: Desk) -> None:
    desk.project(block(ENDPOINT, 'role_arn = "arn:aws:iam::123456789012:role/No"'))
    done = desk.dsqltok("get", "--data", "db", env={"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"})
    complain(done, 7, "AWS cannot be reached")


def test_aws_that_never_answers_is_a_timeout_and_hangs_nobody_else(desk: Desk) -> None:
    desk.configure("aws_timeout = 2\n")
    desk.project(block(ENDPOINT, 'role_arn = "arn:aws:iam::123456789012:role/No"'))
    desk.project(GOOD, "good.hcl")
    with BlackHole() as hole:
        done = desk.dsqltok("get", "--data", "db", env={"AWS_ENDPOINT_URL_STS": hole.url})
        complain(done, 8)
    desk.ok("get", "-c", "good.hcl", "--data", "db")


def test_a_project_that_others_may_write_is_denied(desk: Desk) -> None:
    desk.project(GOOD).chmod(0o666)
    complain(desk.dsqltok("get", "--data", "db"), 6, "world-writable", "chmod o-w")
    (desk.work / "atlas.hcl").chmod(0o644)
    desk.work.chmod(0o777)
    complain(desk.dsqltok("get", "--data", "db"), 6, "world-writable")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gett"], ['there is no command "gett"', "did you mean get?"]),
        (["get", "--jsn"], ["no option --jsn", "did you mean --json?"]),
        (["get", "one", "two"], ['no use for "two"']),
        (["get", "--config"], ["--config needs a value"]),
        (["projects", "ad"], ['there is no action "ad"']),
        (["status", "now"], ['no use for "now"']),
    ],
)
def test_misuse_is_explained_and_starts_nothing(arguments: list[str], words: list[str], desk: Desk) -> None:
    complain(desk.dsqltok(*arguments), 2, *words)
    assert not desk.socket.exists()


def test_an_environment_that_is_too_large_is_a_usage_error(desk: Desk) -> None:
    desk.project(GOOD)
    complain(desk.dsqltok("get", "--data", "db", env={"AWS_NOISE": "x" * 70_000}), 2, "65536 bytes", "AWS_")
    desk.ok("get", "--data", "db")


def test_a_url_that_leads_elsewhere_is_refused(desk: Desk, example: Callable[[str], str]) -> None:
    text = example("admin")
    desk.project(text.replace("@${local.endpoint}", "@evil.example.com"))
    complain(desk.dsqltok("url"), 4, "atlas.hcl:12:")
    desk.project(text.replace("?sslmode=require", ""))
    complain(desk.dsqltok("url"), 4, "sslmode")


def test_a_url_may_lead_to_a_host_that_the_configuration_allows(desk: Desk, example: Callable[[str], str]) -> None:
    desk.configure('allow_hosts = ["localhost"]\n')
    desk.project(example("admin").replace("@${local.endpoint}", "@localhost"))
    assert "@localhost:5432/" in desk.ok("url")


def test_a_login_elsewhere_counts_at_once(desk: Desk) -> None:
    """The sso token itself is of no use here: what matters is that the old verdict is not repeated."""
    desk.project(GOOD)
    profile = f"[profile sso]\nsso_session = corp\n{SSO_ROLE}endpoint_url = http://127.0.0.1:9\n"
    desk.aws(config=SSO_SESSION + profile)
    complain(desk.dsqltok("get", "--data", "db", env={"AWS_PROFILE": "sso"}), 5, "sso session", "dsqltok login")
    cache = desk.home / ".aws/sso/cache" / (hashlib.sha1(b"corp").hexdigest() + ".json")  # noqa: S324 - a file name
    desk.write(cache, json.dumps({"accessToken": "t", "expiresAt": "2999-01-01T00:00:00Z"}))
    eventually(
        lambda: "sso session" not in desk.dsqltok("get", "--data", "db", env={"AWS_PROFILE": "sso"}).stderr,
        "another verdict",
    )


def test_a_helper_that_may_ask_a_person_runs_only_for_a_get(desk: Desk) -> None:
    desk.configure("token_ttl = 3\n")
    desk.project(GOOD)
    runs = desk.write(desk.root / "runs", "")
    keys = '{"Version": 1, "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "x"}'
    helper = desk.write(desk.root / "helper", f"#!/bin/sh\necho ran >> {runs}\necho '{keys}'\n", mode=0o700)
    desk.aws(config=f"[profile helped]\ncredential_process = {helper}\n")
    profile = {"AWS_PROFILE": "helped"}
    token = desk.ok("get", "--data", "db", env=profile)
    eventually(lambda: desk.status()["tokens"][0]["state"] == "expired", "the token is over")
    assert runs.read_text() == "ran\n"
    assert desk.ok("get", "--data", "db", env=profile) != token
    assert runs.read_text() == "ran\nran\n"


def test_what_the_terminal_would_obey_is_written_out(desk: Desk) -> None:
    desk.project(block(ENDPOINT, 'admin = "\x1b]0;mine\x07"'))
    done = desk.dsqltok("get", "--data", "db")
    assert "\x1b" not in done.stderr
    assert "\\x1b]0;mine\\x07" in done.stderr
    assert "\x1b" not in desk.log.read_text()


def test_a_path_that_is_relative_means_the_callers_directory(desk: Desk) -> None:
    desk.project(GOOD)
    for name in ("one", "two"):
        keys = f"[default]\naws_access_key_id = AKIAIOSFODNN7{name.upper()}\naws_secret_access_key = x\n"
        desk.write(desk.work / name / "credentials", keys)
        token = desk.ok(
            "get",
            "-c",
            "../atlas.hcl",
            "--data",
            "db",
            cwd=desk.work / name,
            env={"AWS_SHARED_CREDENTIALS_FILE": "credentials"},
        )
        assert f"AKIAIOSFODNN7{name.upper()}%2F" in token


def test_the_region_of_the_shell_serves_a_profiles_own_role(desk: Desk, sts: Sts) -> None:
    desk.project('data "aws_dsql_token" "db" {\n  endpoint = "db.example.com"\n}\n')
    role = "role_arn = arn:aws:iam::123456789012:role/Own\nsource_profile = default\n"
    desk.aws(config=f"[profile role]\n{role}endpoint_url = {sts.url}\n")
    desk.ok("get", "--data", "db", env={"AWS_PROFILE": "role", "AWS_REGION": "eu-west-1"})


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_an_output_that_cannot_be_written_is_no_bug(redirection: str, desk: Desk) -> None:
    desk.project(GOOD)
    done = desk.run("sh", "-c", f"dsqltok get --data db {redirection}")
    assert done.returncode == 7
    assert "cannot write to stdout" in done.stderr


def test_a_home_that_cannot_be_written_to_is_no_obstacle(desk: Desk) -> None:
    desk.project(GOOD)
    desk.home.chmod(0o500)
    try:
        desk.ok("get", "--data", "db")
    finally:
        desk.home.chmod(0o700)


def test_a_damaged_list_of_added_projects_harms_only_those(desk: Desk) -> None:
    desk.project(GOOD)
    desk.write(desk.log.parent / "projects.json", "{")
    desk.ok("get", "--data", "db")
    complain(desk.dsqltok("projects"), 4, "projects.json cannot be read")


def test_a_file_that_cannot_be_read_is_no_missing_file(desk: Desk) -> None:
    if people.ordinary().uid == 0:
        pytest.skip(people.why_no_stranger())
    desk.project(GOOD).chmod(0o200)
    complain(desk.dsqltok("get", "--data", "db"), 4, "permission denied")


def test_a_url_takes_no_data(desk: Desk) -> None:
    desk.project(GOOD)
    complain(desk.dsqltok("url", "--data", "db"), 2, "no option --data")
