"""The user's three project files, unchanged, through the installed programs to an accepted login."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk
    from standin.endpoint import DsqlStandin
    from standin.sts import Sts

HOST = "cluster-id.dsql.us-east-1.on.aws"
ROLE = "arn:aws:iam::123456789012:role/AtlasDSQLConnect"


@pytest.mark.parametrize(("name", "user"), [("admin", "admin"), ("custom-role", "atlas_migrations")])
def test_get_and_url_of_an_env_log_in(
    name: str, user: str, desk: Desk, example: Callable[[str], str], login: Callable[..., str]
) -> None:
    example(name)
    assert login(token=desk.ok("get", "dsql").removesuffix("\n"), user=user) == user
    assert login(url=desk.ok("url", "dsql").removesuffix("\n")) == user


@pytest.fixture
def prod(desk: Desk, sts: Sts) -> None:
    """Give the profile `prod`, whose roles STS knows."""
    desk.aws(
        config=f"[profile prod]\nregion = us-east-1\nendpoint_url = {sts.url}\n",
        credentials=f"[prod]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n",
    )


@pytest.mark.usefixtures("prod")
def test_a_token_of_an_assumed_role_logs_in_without_an_env(
    desk: Desk, sts: Sts, standin: DsqlStandin, example: Callable[[str], str], login: Callable[..., str]
) -> None:
    example("profile-and-role")
    assert login(token=desk.ok("get", "--data", "db", "-n")) == "admin"
    assert standin.logins[-1].access_key_id != ACCESS_KEY_ID
    assert sts.issued()[-1].role_arn == ROLE


@pytest.mark.usefixtures("prod")
def test_the_assumed_role_works_with_locals_and_an_env_appended(
    desk: Desk, example: Callable[[str], str], login: Callable[..., str]
) -> None:
    first = example("admin")
    third = example("profile-and-role")
    locals_and_env = first.replace(first[first.index("data ") : first.index("env ")], "")
    desk.project(f"{third}\n{locals_and_env}")
    assert login(token=desk.ok("get", "dsql", "-n")) == "admin"
    assert login(url=desk.ok("url", "-n")) == "admin"


def test_a_role_is_assumed_from_keys_of_the_environment_too(
    desk: Desk, sts: Sts, example: Callable[[str], str], login: Callable[..., str]
) -> None:
    text = example("profile-and-role").replace('  profile  = "prod"\n', "")
    desk.project(text)
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
    token = desk.ok("get", "--data", "db", "-n", env={"AWS_ENDPOINT_URL_STS": sts.url, **keys})
    assert login(token=token) == "admin"


def test_get_prints_the_token_and_nothing_else(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    first = desk.dsqltok("get", "dsql")
    again = desk.dsqltok("get")
    bare = desk.dsqltok("get", "--env", "dsql", "-n")
    assert first.stdout.startswith(HOST + "/?Action=DbConnectAdmin&")
    assert first.stdout.count("\n") == 1
    assert again.stdout == first.stdout == bare.stdout + "\n"
    assert first.stderr == again.stderr == bare.stderr == ""


def test_get_as_json_tells_what_the_token_is_for(desk: Desk, example: Callable[[str], str]) -> None:
    example("custom-role")
    answer = json.loads(desk.ok("get", "dsql", "--json"))
    assert sorted(answer) == ["expires_at", "host", "region", "token", "user"]
    assert (answer["host"], answer["user"], answer["region"]) == (HOST, "atlas_migrations", "us-east-1")
    left = datetime.fromisoformat(answer["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)


@pytest.mark.usefixtures("prod")
def test_the_expiry_is_that_of_the_role_where_it_ends_first(
    desk: Desk, sts: Sts, example: Callable[[str], str]
) -> None:
    desk.configure("token_ttl = 86400\n")
    example("profile-and-role")
    answer = json.loads(desk.ok("get", "--data", "db", "--json"))
    ends = sts.issued()[-1].credentials.expires_at
    assert ends is not None
    assert datetime.fromisoformat(answer["expires_at"]).timestamp() == int(ends)


@pytest.mark.parametrize(
    ("block_region", "endpoint", "environment", "region"),
    [
        ('region = "eu-west-1"', "db.example.com", {}, "eu-west-1"),
        ("", "abc.dsql.ap-south-1.on.aws", {"AWS_REGION": "eu-west-1"}, "ap-south-1"),
        ("", "db.example.com", {"AWS_REGION": "eu-central-1"}, "eu-central-1"),
        ("", "db.example.com", {"AWS_DEFAULT_REGION": "eu-north-1"}, "eu-north-1"),
    ],
)
def test_the_region_is_the_blocks_or_the_endpoints_or_the_configurations(
    block_region: str, endpoint: str, environment: dict[str, str], region: str, desk: Desk
) -> None:
    desk.project(f'data "aws_dsql_token" "db" {{\n  endpoint = "{endpoint}"\n  {block_region}\n}}\n')
    answer = json.loads(desk.ok("get", "--data", "db", "--json", env=environment))
    assert answer["region"] == region
    assert f"%2F{region}%2Fdsql%2F" in answer["token"]
