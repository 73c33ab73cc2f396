"""Which project, which env, which token: named, or the only one; where it is open, the candidates are listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desk import eventually

if TYPE_CHECKING:
    from desk import Desk

TWO = """
data "aws_dsql_token" "one" {
  endpoint = "one.dsql.us-east-1.on.aws"
}
data "aws_dsql_token" "two" {
  endpoint = "two.dsql.us-east-1.on.aws"
}
env "first" {
  url = "dsql://app:${urlescape(data.aws_dsql_token.one)}@one.dsql.us-east-1.on.aws:5432/postgres?sslmode=require"
}
env "second" {
  url = "dsql://app:${urlescape(data.aws_dsql_token.two)}@two.dsql.us-east-1.on.aws:5432/postgres?sslmode=require"
}
env "none" {
  url = "sqlite://file"
}
env "both" {
  url = "x${data.aws_dsql_token.one}y${data.aws_dsql_token.two}"
}
"""
VARIABLE = """
variable "cluster" {
  type    = string
  default = "usual"
}
data "aws_dsql_token" "db" {
  endpoint = "${var.cluster}.dsql.us-east-1.on.aws"
}
env "dsql" {
  url = "dsql://app:${urlescape(data.aws_dsql_token.db)}@${var.cluster}.dsql.us-east-1.on.aws/postgres?sslmode=require"
}
"""


def host_of(token: str) -> str:
    return token.partition(".")[0]


def test_an_env_is_named_by_an_argument_or_an_option(desk: Desk) -> None:
    desk.project(TWO)
    assert host_of(desk.ok("get", "first")) == "one"
    assert host_of(desk.ok("get", "--env", "second")) == "two"
    assert host_of(desk.ok("get", "--env=second", "second")) == "two"
    done = desk.dsqltok("get", "first", "--env", "second")
    assert done.returncode == 2
    assert 'two envs are named: "first" and --env "second"' in done.stderr


def test_without_a_name_several_envs_are_listed(desk: Desk) -> None:
    desk.project(TWO)
    done = desk.dsqltok("get")
    assert done.returncode == 3
    assert all(name in done.stderr for name in ("first", "second", "none", "both"))


def test_an_unknown_env_is_not_found_and_the_known_ones_are_listed(desk: Desk) -> None:
    desk.project(TWO)
    done = desk.dsqltok("get", "third")
    assert done.returncode == 3
    assert 'env "third" is not defined' in done.stderr
    assert all(name in done.stderr for name in ("first", "second"))


def test_a_data_source_is_chosen_by_its_name(desk: Desk) -> None:
    desk.project(TWO)
    assert host_of(desk.ok("get", "--data", "two")) == "two"
    assert host_of(desk.ok("get", "both", "--data", "two")) == "two"
    done = desk.dsqltok("get", "--data", "three")
    assert done.returncode == 3
    assert all(name in done.stderr for name in ('"three"', "one", "two"))


def test_an_env_with_several_tokens_or_none_says_so(desk: Desk) -> None:
    desk.project(TWO)
    several = desk.dsqltok("get", "both")
    assert several.returncode == 3
    assert "--data one" in several.stderr
    none = desk.dsqltok("get", "none")
    assert none.returncode == 3
    assert 'env "none" has no aws_dsql_token in its url' in none.stderr


def test_the_project_file_is_a_path_or_a_file_url(desk: Desk) -> None:
    path = desk.project(VARIABLE, "other.hcl")
    for given in (str(path), f"file://{path}", "other.hcl", "file://other.hcl"):
        assert host_of(desk.ok("get", "-c", given)) == "usual"
        assert host_of(desk.ok("get", f"--config={given}")) == "usual"
    done = desk.dsqltok("get", "--config", "s3://bucket/atlas.hcl")
    assert done.returncode == 2


def test_the_nearest_project_upward_is_taken(desk: Desk) -> None:
    desk.project(VARIABLE)
    inner = desk.work / "services" / "api"
    desk.write(inner / "keep", "")
    assert host_of(desk.ok("get", cwd=inner)) == "usual"
    desk.write(inner / "atlas.hcl", VARIABLE.replace("usual", "nearer"))
    assert host_of(desk.ok("get", cwd=inner)) == "nearer"


def test_the_search_ends_at_the_home_directory(desk: Desk) -> None:
    desk.write(desk.root / "atlas.hcl", VARIABLE)
    below = desk.home / "project"
    desk.write(below / "keep", "")
    done = desk.dsqltok("get", cwd=below)
    assert done.returncode == 3
    assert "there is no atlas.hcl at or above this directory" in done.stderr


def test_the_nearest_project_alone_decides_though_it_be_broken(desk: Desk) -> None:
    desk.project(VARIABLE)
    desk.ok("projects", "add")
    below = desk.work / "below"
    desk.write(below / "atlas.hcl", "env {")
    assert desk.dsqltok("get", cwd=below).returncode == 4


def test_an_added_project_is_known_everywhere(desk: Desk) -> None:
    path = desk.project(VARIABLE)
    desk.ok("projects", "add", str(path), "--var", "cluster=added")
    assert desk.ok("projects", "list") == f"{path} --var cluster=…\n"
    assert host_of(desk.ok("get", "dsql", cwd=desk.home)) == "added"
    assert host_of(desk.ok("get", cwd=desk.home)) == "added"
    desk.ok("stop")
    assert host_of(desk.ok("get", "dsql", cwd=desk.home)) == "added"
    desk.ok("projects", "remove", str(path))
    assert desk.ok("projects") == ""
    assert desk.dsqltok("get", "dsql", cwd=desk.home).returncode == 3
    assert desk.dsqltok("projects", "remove", str(path)).returncode == 3


def test_among_several_added_projects_the_env_decides_or_they_are_listed(desk: Desk) -> None:
    one = desk.write(desk.work / "one" / "atlas.hcl", TWO)
    two = desk.write(desk.work / "two" / "atlas.hcl", VARIABLE)
    desk.ok("projects", "add", cwd=one.parent)
    desk.ok("projects", "add", cwd=two.parent)
    assert host_of(desk.ok("get", "first", cwd=desk.home)) == "one"
    assert host_of(desk.ok("get", "dsql", cwd=desk.home)) == "usual"
    unnamed = desk.dsqltok("get", cwd=desk.home)
    assert unnamed.returncode == 3
    assert all(str(path) in unnamed.stderr for path in (one, two))
    desk.write(two, VARIABLE.replace('env "dsql"', 'env "first"'))
    eventually(lambda: desk.dsqltok("get", "first", cwd=desk.home).returncode == 3, "both have it")


def test_a_project_that_cannot_be_read_is_not_added(desk: Desk) -> None:
    assert desk.dsqltok("projects", "add", "nowhere.hcl").returncode == 3
    desk.project("env {")
    assert desk.dsqltok("projects", "add").returncode == 4
    assert desk.ok("projects") == ""


def test_variables_are_given_on_the_command_line(desk: Desk) -> None:
    desk.project(VARIABLE)
    assert host_of(desk.ok("get")) == "usual"
    assert host_of(desk.ok("get", "--var", "cluster=mine")) == "mine"
    assert host_of(desk.ok("get", "--var=cluster=ours,unknown=1")) == "ours"
    assert "@mine.dsql" in desk.ok("url", "--var", "cluster=mine")


def test_what_the_project_reads_by_getenv_comes_from_the_callers_shell(desk: Desk) -> None:
    desk.project(VARIABLE.replace('"usual"', 'getenv("CLUSTER")').replace("var.cluster}", 'getenv("CLUSTER")}'))
    assert host_of(desk.ok("get", env={"CLUSTER": "here"})) == "here"
    assert host_of(desk.ok("get", env={"CLUSTER": "there"})) == "there"
    assert host_of(desk.ok("get", env={"CLUSTER": "here"})) == "here"
    assert "@there.dsql" in desk.ok("url", env={"CLUSTER": "there"})


def test_two_shells_with_different_profiles_get_different_tokens(desk: Desk) -> None:
    keys = "aws_access_key_id = AKIAIOSFODNN7{0}\naws_secret_access_key = x\n"
    desk.aws(credentials="".join(f"[{name}]\n{keys.format(name.upper())}" for name in ("alpha", "beta")))
    desk.project(VARIABLE)
    for name in ("alpha", "beta", "alpha"):
        assert f"AKIAIOSFODNN7{name.upper()}%2F" in desk.ok("get", env={"AWS_PROFILE": name})
