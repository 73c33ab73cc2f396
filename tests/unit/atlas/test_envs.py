"""Which env is meant, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dsqltokd.atlas import names
from dsqltokd.hcl import TRUE, number, parse, string

if TYPE_CHECKING:
    from unit.atlas.conftest import Evaluate


def test_an_env_is_chosen_by_its_one_label(evaluate: Evaluate) -> None:
    text = 'env "a" { url = "1" }\nenv "b" { url = "2" }\nenv "b" "c" { url = "3" }\nenv c { url = "4" }'
    assert evaluate(text, "b").url == "2"
    assert evaluate(text, "c").url == "4"
    assert evaluate(text, "d").project.envs == ()


def test_an_env_without_a_label_takes_any_name_its_expression_gives(evaluate: Evaluate) -> None:
    text = 'env {\n  name = atlas.env\n  url = "x-${atlas.env}"\n}'
    assert evaluate(text, "any").url == "x-any"
    assert evaluate('env {\n  name = atlas.env == "a" ? "b" : atlas.env\n}', "a").project.envs == ()


def test_a_labelled_env_comes_before_one_without(evaluate: Evaluate) -> None:
    text = 'env {\n  name = atlas.env\n  url = nope\n}\nenv "a" { url = "1" }'
    assert evaluate(text, "a").url == "1"


@pytest.mark.parametrize("name", ['"a"', "local.a", "atlas.nope"])
def test_an_env_without_a_label_counts_only_if_its_own_name_mentions_atlas_env(evaluate: Evaluate, name: str) -> None:
    assert evaluate(f"locals {{ a = atlas.env }}\nenv {{ name = {name} }}", "a").project.envs == ()


def test_envs_of_one_name_are_all_loaded(evaluate: Evaluate) -> None:
    found = evaluate('env "a" { url = "1" }\nenv "a" { url = "2" }', "a")
    assert [env.text("url") for env in found.project.envs] == ["1", "2"]


@pytest.mark.parametrize("name", ['atlas.env == "x" ? "x" : null', 'atlas.env == "x" ? "x" : ""'])
def test_an_env_must_have_a_name(evaluate: Evaluate, name: str) -> None:
    assert "all envs must have names" in evaluate.error(f"env {{\n  name = {name}\n}}", "a")


def test_no_env_is_looked_at_where_none_is_asked_for(evaluate: Evaluate) -> None:
    assert evaluate('env "" { url = nope }\nenv {\n  name = atlas.env\n  x = nope\n}').project.envs == ()


def test_attributes_and_blocks_that_nobody_knows_are_kept_and_evaluated(evaluate: Evaluate) -> None:
    env = evaluate('env "a" {\n  n = 1 + 1\n  gone = null\n  b "l" {\n    c {\n      d = "x"\n    }\n  }\n}', "a").env
    assert env.attributes == {"n": number(2)}
    assert env.blocks[0].source.labels == ("l",)
    assert env.blocks[0].blocks[0].attributes == {"d": string("x")}


@pytest.mark.parametrize("attribute", ["url", "dev"])
@pytest.mark.parametrize("value", ["5", '"${local.port}"', '["x"]', "true"])
def test_url_and_dev_must_be_strings(evaluate: Evaluate, attribute: str, value: str) -> None:
    said = evaluate.error(f'locals {{ port = 5432 }}\nenv "a" {{\n  {attribute} = {value}\n}}', "a")
    assert said.startswith("3:9: ")
    assert f'"{attribute}" must be a string' in said


@pytest.mark.parametrize("text", ['env "a" {}', 'env "a" { url = null }'])
def test_a_url_that_is_not_there_is_empty(evaluate: Evaluate, text: str) -> None:
    assert evaluate(text, "a").url == ""


def test_for_each_makes_an_env_for_each_element(evaluate: Evaluate) -> None:
    of_tuple = evaluate('env "a" {\n  for_each = ["x", "y"]\n  url = "${each.key}-${each.value}"\n}', "a")
    assert [env.text("url") for env in of_tuple.project.envs] == ["0-x", "1-y"]
    of_object = evaluate('env "a" {\n  for_each = { k = "v", j = "w" }\n  url = "${each.key}-${each.value}"\n}', "a")
    assert [env.text("url") for env in of_object.project.envs] == ["j-w", "k-v"]
    assert "for_each" not in of_object.project.envs[0].attributes
    assert evaluate('env "a" {\n  for_each = []\n}', "a").project.envs == ()


def test_for_each_walks_a_set_in_order(evaluate: Evaluate) -> None:
    text = 'variable "v" {\n  type = set(string)\n  default = ["b", "a", "b"]\n}\n'
    found = evaluate(text + 'env "a" {\n  for_each = var.v\n  url = each.value\n  k = each.key\n}', "a")
    assert [env.text("url") for env in found.project.envs] == ["a", "b"]
    assert [env.text("k") for env in found.project.envs] == ["a", "b"]


@pytest.mark.parametrize("kind", ["list(string)", "map(string)"])
def test_for_each_takes_no_list_or_map(evaluate: Evaluate, kind: str) -> None:
    default = '["x"]' if "list" in kind else '{ a = "x" }'
    text = f'variable "v" {{\n  type = {kind}\n  default = {default}\n}}\nenv "a" {{\n  for_each = var.v\n}}'
    said = evaluate.error(text, "a")
    assert said.startswith(f"6:14: for_each does not support {kind[:-8]} of string type")


def test_for_each_takes_no_null(evaluate: Evaluate) -> None:
    assert "for_each does not support null" in evaluate.error('env "a" {\n  for_each = null\n}', "a")


def test_for_each_over_what_nobody_knows_is_an_error(evaluate: Evaluate) -> None:
    text = 'data "sql" "t" {}\nenv "a" {\n  for_each = data.sql.t\n}'
    assert "does not run data" in evaluate.error(text, "a")


def test_other_blocks_are_evaluated_and_their_mistakes_are_errors(evaluate: Evaluate) -> None:
    found = evaluate("diff {\n  skip {\n    drop_table = !false\n  }\n}\nx = 1")
    assert found.project.blocks[0].blocks[0].attributes == {"drop_table": TRUE}
    assert found.project.attributes == {"x": number(1)}
    assert evaluate.error("diff {\n  skip = local.nope\n}").startswith("2:15: ")


def test_a_bare_name_in_a_block_about_other_matters_is_a_keyword_of_atlas(evaluate: Evaluate) -> None:
    found = evaluate('lint {\n  review = ERROR\n}\nenv "a" {\n  lint {\n    review = WARNING\n  }\n}', "a")
    assert found.project.blocks[0].attributes == {"review": string("ERROR")}
    assert found.env.blocks[0].attributes == {"review": string("WARNING")}


def test_a_dynamic_block_is_kept_and_not_looked_into(evaluate: Evaluate) -> None:
    dynamic = '  dynamic "schema" {\n    for_each = ["a"]\n    content {\n      name = schema.value\n    }\n  }\n'
    found = evaluate(f'{dynamic}env "a" {{\n{dynamic}  url = "x"\n}}', "a")
    assert (found.url, [block.source.type for block in found.env.blocks]) == ("x", ["dynamic"])
    assert [block.source.type for block in found.project.blocks] == ["dynamic"]


def test_a_bare_name_in_the_env_itself_has_to_be_defined(evaluate: Evaluate) -> None:
    assert evaluate.error('env "a" {\n  driver = MYSQL\n}', "a").startswith("2:12: Unknown variable")


def test_blocks_can_be_referred_to_by_type_and_label(evaluate: Evaluate) -> None:
    text = 'account "main" {\n  host = "h"\n}\naccount "x" "y" {\n  host = "i"\n  inner {\n    a = "j"\n  }\n}\n'
    text += (
        'env "a" {\n  url = "${account.main.host}${account.x.y.host}${account.x.y.inner["0"].a}${account.main.name}"\n}'
    )
    assert evaluate(text, "a").url == "hijmain"


def test_a_block_cannot_pose_as_what_every_project_has(evaluate: Evaluate) -> None:
    said = evaluate.error('var "url" {\n  type = string\n}\nenv "a" {\n  url = var.url\n}', "a")
    assert said.startswith("5:12: Unsupported attribute")


def test_the_names_of_a_project_are_read_without_evaluating_it() -> None:
    text = 'env "a" { url = nope }\nenv "b" {}\nenv "a" {}\nenv "c" "d" {}\nenv { name = atlas.env }\n'
    text += 'data "aws_dsql_token" "t" {}\ndata "sql" "u" {}\ndata "aws_dsql_token" "t" {}'
    found = names(parse(text.encode(), "atlas.hcl"))
    assert (found.envs, found.any_env, found.tokens) == (("a", "b"), True, ("t",))
    assert not names(parse(b'env { name = "x" }', "atlas.hcl")).any_env


def test_the_outside_is_asked_only_through_functions(evaluate: Evaluate) -> None:
    evaluate.environment["DB_HOST"] = "h"
    evaluate.files["db.txt"] = "postgres\n"
    assert (
        evaluate('env "a" { url = "${getenv("DB_HOST")}${getenv("X")}/${file("db.txt")}" }', "a").url == "h/postgres\n"
    )


def test_a_file_that_is_not_there_is_pointed_at_and_not_named(evaluate: Evaluate) -> None:
    evaluate.environment["F"] = "s3cret"
    said = evaluate.error('env "a" {\n  url = file(getenv("F"))\n}', "a")
    assert said.startswith("2:9: Error in function call")
    assert "no such file or directory" in said
    assert "s3cret" not in said
