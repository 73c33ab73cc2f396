"""`dsqltok inspect`: what Atlas would see in a project, with no token in it unless that is asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY

if TYPE_CHECKING:
    from desk import Desk

PROJECT = """
variable "size" {
  type    = number
  default = 2
}
locals {
  host  = "abc.dsql.us-east-1.on.aws"
  third = 0.1 + 0.2
  token = data.aws_dsql_token.db
}
data "aws_dsql_token" "db" {
  endpoint = local.host
  admin    = true
}
data "sql" "tenants" {
  url = "sqlite://file"
}
data "external" "sizes" {
  program = ["touch", "ran"]
}
env "dsql" {
  url     = "dsql://admin:${urlescape(local.token)}@${local.host}:5432/postgres?sslmode=require"
  dev     = "docker://postgres/16/dev"
  sizes   = [for n in range(var.size) : n]
  tenants = data.sql.tenants.values
}
env "external" {
  url = data.external.sizes
}
"""


@pytest.fixture
def project(desk: Desk) -> Desk:
    desk.configure('keyring = "none"\n')
    desk.environment |= {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
    desk.project(PROJECT)
    return desk


def inspected(desk: Desk, *arguments: str) -> Any:
    return json.loads(desk.ok("inspect", "--json", *arguments))


def test_an_env_is_shown_with_all_that_it_rests_on_and_its_tokens_redacted(project: Desk) -> None:
    assert inspected(project, "dsql", "--var", "size=3") == {
        "envs": [
            {
                "name": "dsql",
                "url": "dsql://admin:<token:db>@abc.dsql.us-east-1.on.aws:5432/postgres?sslmode=require",
                "dev": "docker://postgres/16/dev",
                "attributes": {"sizes": [0, 1, 2], "tenants": "<not run: data.sql.tenants>"},
            }
        ],
        "local": {"host": "abc.dsql.us-east-1.on.aws", "third": 0.3, "token": "<token:db>"},
        "var": {"size": 3},
        "sources": ["data.aws_dsql_token.db"],
    }


def test_a_person_sees_the_same(project: Desk) -> None:
    done = project.dsqltok("inspect", "dsql")
    assert done.stdout == (
        'env "dsql"\n'
        '  url     = "dsql://admin:<token:db>@abc.dsql.us-east-1.on.aws:5432/postgres?sslmode=require"\n'
        '  dev     = "docker://postgres/16/dev"\n'
        "  sizes   = [0, 1]\n"
        '  tenants = "<not run: data.sql.tenants>"\n\n'
        "local\n"
        '  host  = "abc.dsql.us-east-1.on.aws"\n'
        "  third = 0.3\n"
        '  token = "<token:db>"\n\n'
        "var\n"
        "  size = 2\n\n"
        "sources\n"
        "  data.aws_dsql_token.db\n"
    )
    assert done.stderr == "warning: data.sql.tenants was not run: dsqltok does not run this kind\n"


def test_a_token_is_shown_where_it_is_asked_for(project: Desk) -> None:
    token = project.ok("get", "dsql").strip()
    found = inspected(project, "dsql", "--reveal")
    assert found["local"]["token"] == token
    assert found["envs"][0]["url"] == project.ok("url", "dsql").strip()


def test_no_aws_is_needed_to_look_at_a_project(project: Desk) -> None:
    nobody = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    done = project.dsqltok("inspect", "dsql", env=nobody)
    assert (done.returncode, done.stdout.startswith('env "dsql"')) == (0, True)


def test_without_a_name_the_only_env_is_shown_or_none(desk: Desk) -> None:
    desk.project('env "only" {\n  url = "sqlite://${atlas.env}"\n}\n')
    assert [env["url"] for env in inspected(desk)["envs"]] == ["sqlite://only"]
    desk.project('env "a" {\n}\nenv "b" {\n}\nlocals {\n  x = [atlas.env]\n}\n', "two.hcl")
    found = inspected(desk, "--config", "two.hcl")
    assert found == {"envs": [], "local": {"x": [""]}, "var": {}, "sources": []}


def test_every_element_of_a_for_each_is_an_env(desk: Desk) -> None:
    desk.project('env "e" {\n  for_each = toset(["b", "a"])\n  url = "sqlite://${each.value}"\n}\n')
    assert [env["url"] for env in inspected(desk, "e")["envs"]] == ["sqlite://a", "sqlite://b"]


def test_a_program_that_was_not_allowed_is_not_run_for_it(project: Desk) -> None:
    done = project.dsqltok("inspect", "external")
    assert done.returncode == 0
    assert 'url = "<not run: data.external.sizes>"' in done.stdout
    assert "data.external.sizes was not run: see what it runs, then allow it: dsqltok projects allow" in done.stderr
    assert not (project.work / "ran").exists()
    project.ok("projects", "allow")
    assert inspected(project, "external")["envs"][0]["url"] == ""
    assert (project.work / "ran").exists()


def test_independent_mistakes_are_told_in_one_go(desk: Desk) -> None:
    desk.project('locals {\n  a = lcoal.b\n  b = uper("x")\n}\nenv "e" {\n  url = var.nope\n  dev = 1 +\n}\n')
    done = desk.dsqltok("inspect", "e")
    assert done.returncode == 4
    assert "atlas.hcl:7:" in done.stderr  # while a text does not parse, nothing else is known of it
    desk.project('locals {\n  a = lcoal.b\n  b = uper("x")\n}\nenv "e" {\n  url = var.nope\n  dev = true\n}\n')
    done = desk.dsqltok("inspect", "e")
    assert done.returncode == 4
    for said in (
        'atlas.hcl:2:7: unknown variable: there is no variable named "lcoal". did you mean "local"?\n',
        "\n  a = lcoal.b\n      ^^^^^\n",
        'atlas.hcl:3:7: call to unknown function: there is no function named "uper". did you mean "upper"?',
        "atlas.hcl:6:12: unsupported attribute",
    ):
        assert said in done.stderr.lower()
