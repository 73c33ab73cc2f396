"""Every mistake is explained, with a hint and an exit code of its own, and the daemon goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from standin.sts import BlackHole, RefusingSts

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from desk import Desk

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
