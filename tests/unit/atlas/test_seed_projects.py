"""The three project files of the user's own guide, as they stand there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dsqltokd.atlas import TokenRequest

if TYPE_CHECKING:
    from unit.atlas.conftest import Evaluate

ADMIN = """
locals {
  endpoint = "cluster-id.dsql.us-east-1.on.aws"
}

data "aws_dsql_token" "db" {
  endpoint = local.endpoint
  region   = "us-east-1"
  admin    = true
}

env "dsql" {
  url = "dsql://admin:${urlescape(data.aws_dsql_token.db)}@${local.endpoint}:5432/postgres?sslmode=require"
  dev = "docker://dsql/16/dev"
}
"""

CUSTOM_ROLE = """
locals {
  endpoint = "cluster-id.dsql.us-east-1.on.aws"
  username = "atlas_migrations"
}

data "aws_dsql_token" "db" {
  endpoint = local.endpoint
  region   = "us-east-1"
}

env "dsql" {
  url = "dsql://${local.username}:${urlescape(data.aws_dsql_token.db)}@${local.endpoint}:5432/postgres?sslmode=require"
}
"""

PROFILE_AND_ROLE = """
data "aws_dsql_token" "db" {
  endpoint = "cluster-id.dsql.us-east-1.on.aws"
  region   = "us-east-1"
  profile  = "prod"
  role_arn = "arn:aws:iam::123456789012:role/AtlasDSQLConnect"
  admin    = true
}
"""

HOST = "cluster-id.dsql.us-east-1.on.aws"
AT_HOST = f"TOKEN%28db%29@{HOST}:5432/postgres?sslmode=require"


def test_an_admin_token_in_a_url(evaluate: Evaluate) -> None:
    found = evaluate(ADMIN, "dsql")
    assert found.url == f"dsql://admin:{AT_HOST}"
    assert found.env.text("dev") == "docker://dsql/16/dev"
    assert found.requests == {"db": TokenRequest("db", HOST, "us-east-1", admin=True, profile=None, role_arn=None)}
    assert found.requests["db"].action == "DbConnectAdmin"


def test_a_token_for_a_custom_database_role(evaluate: Evaluate) -> None:
    found = evaluate(CUSTOM_ROLE, "dsql")
    assert found.url == f"dsql://atlas_migrations:{AT_HOST}"
    assert found.requests["db"].action == "DbConnect"


def test_a_token_by_profile_and_assumed_role_needs_no_env(evaluate: Evaluate) -> None:
    found = evaluate(PROFILE_AND_ROLE, token="db")
    assert found.project.envs == ()
    assert found.requests["db"] == TokenRequest(
        "db", HOST, "us-east-1", admin=True, profile="prod", role_arn="arn:aws:iam::123456789012:role/AtlasDSQLConnect"
    )


def test_the_third_file_works_with_the_locals_and_env_of_the_first(evaluate: Evaluate) -> None:
    locals_and_env = ADMIN[: ADMIN.index("data ")] + ADMIN[ADMIN.index("env ") :]
    found = evaluate(PROFILE_AND_ROLE + locals_and_env, "dsql")
    assert found.url == f"dsql://admin:{AT_HOST}"
    assert found.requests["db"].profile == "prod"


@pytest.mark.parametrize("text", [ADMIN, CUSTOM_ROLE, PROFILE_AND_ROLE])
def test_nothing_runs_that_nothing_asks_for(evaluate: Evaluate, text: str) -> None:
    assert evaluate(text).requests == {}
