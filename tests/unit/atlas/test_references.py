"""What refers to what: laziness, cycles, data sources that do not run here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dsqltokd.atlas import Unavailable
from dsqltokd.hcl import from_python, string

if TYPE_CHECKING:
    from unit.atlas.conftest import Evaluate

TOKEN = """
data "aws_dsql_token" "db" {
  endpoint = "abc.dsql.us-east-1.on.aws"
}
"""


def test_locals_may_stand_in_any_order_and_in_several_blocks(evaluate: Evaluate) -> None:
    found = evaluate('locals { a = "${local.b}c" }\nlocals {\n  b = local.d[0]\n  d = ["x"]\n}')
    assert found.project.locals == {"a": string("xc"), "b": string("x"), "d": from_python(["x"])}


def test_the_last_of_two_locals_of_one_name_wins(evaluate: Evaluate) -> None:
    assert evaluate('locals { a = "1" }\nlocals { a = "2" }').project.locals == {"a": string("2")}


def test_the_last_of_two_data_blocks_of_one_name_wins(evaluate: Evaluate) -> None:
    found = evaluate(TOKEN + TOKEN.replace("abc", "xyz"), token="db")
    assert found.requests["db"].host == "xyz.dsql.us-east-1.on.aws"


def test_a_long_chain_of_locals_is_no_trouble(evaluate: Evaluate) -> None:
    chain = "\n".join(f"  a{number} = local.a{number + 1}" for number in range(3000))
    found = evaluate(f'locals {{\n{chain}\n  a3000 = "end"\n}}')
    assert found.project.locals["a0"] == string("end")


def test_a_cycle_is_named_where_it_begins(evaluate: Evaluate) -> None:
    text = "locals {\n  x = local.a\n  a = local.b\n  b = local.c\n  c = local.a\n}"
    said = evaluate.error(text)
    assert said.startswith('3:3: cyclic reference to "local.a"')
    assert "local.a → local.b → local.c → local.a" in said


def test_a_cycle_through_a_data_source_is_one_too(evaluate: Evaluate) -> None:
    text = 'locals {\n  a = data.aws_dsql_token.db\n}\ndata "aws_dsql_token" "db" {\n  endpoint = local.a\n}'
    assert 'cyclic reference to "local.a"' in evaluate.error(text)


def test_a_broken_local_breaks_every_env_even_if_unused(evaluate: Evaluate) -> None:
    assert evaluate.error('locals {\n  a = nope\n}\nenv "e" { url = "x" }', "e").startswith("2:7: Unknown var")


def test_a_local_that_names_a_data_source_runs_it_once(evaluate: Evaluate) -> None:
    found = evaluate(TOKEN + "locals {\n  a = data.aws_dsql_token.db\n  b = data.aws_dsql_token.db\n}")
    assert list(found.requests) == ["db"]


def test_both_arms_of_a_conditional_count_as_references(evaluate: Evaluate) -> None:
    assert list(evaluate(TOKEN + 'locals { a = true ? "x" : data.aws_dsql_token.db }').requests) == ["db"]


def test_a_data_source_that_fails_inside_try_fails_all(evaluate: Evaluate) -> None:
    text = 'data "aws_dsql_token" "db" {\n  endpoint = ""\n}\nlocals {\n  a = try(data.aws_dsql_token.db, "x")\n}'
    assert "the endpoint is empty" in evaluate.error(text)


def test_a_top_level_attribute_or_block_runs_what_it_names(evaluate: Evaluate) -> None:
    assert list(evaluate(TOKEN + "x = data.aws_dsql_token.db").requests) == ["db"]
    assert list(evaluate(TOKEN + "lint {\n  git {\n    dir = data.aws_dsql_token.db\n  }\n}").requests) == ["db"]


def test_an_env_that_is_not_selected_runs_nothing_and_need_not_make_sense(evaluate: Evaluate) -> None:
    text = TOKEN + 'env "a" { url = nope(data.aws_dsql_token.db) }\nenv "b" { url = "x" }'
    assert evaluate(text, "b").requests == {}


def test_the_untaken_arm_may_name_what_does_not_exist(evaluate: Evaluate) -> None:
    assert evaluate('env "e" { url = true ? "x" : local.nope }', "e").url == "x"


def test_an_unknown_local_is_pointed_at_with_the_name_that_was_meant(evaluate: Evaluate) -> None:
    said = evaluate.error('locals {\n  endpoint = "h"\n}\nenv "e" {\n  url = local.endpiont\n}', "e")
    assert said.startswith("5:14: Unsupported attribute")
    assert 'Did you mean "endpoint"?' in said


def test_an_unknown_data_source_is_pointed_at_with_the_name_that_was_meant(evaluate: Evaluate) -> None:
    said = evaluate.error(TOKEN + 'env "e" {\n  url = data.aws_dsql_token.bd\n}', "e")
    assert said.startswith("6:9: Unknown data source; data.aws_dsql_token.bd does not exist.")
    assert 'Did you mean "db"?' in said


@pytest.mark.parametrize("reference", ['local["a"]', "local", 'data.aws_dsql_token["db"]', "data.aws_dsql_token"])
def test_between_locals_a_reference_names_what_it_means(evaluate: Evaluate, reference: str) -> None:
    said = evaluate.error(TOKEN + f'locals {{\n  a = "x"\n  b = {reference}\n}}')
    assert said.startswith("7:7: Unsupported reference")


def test_an_env_may_look_a_local_up_by_key(evaluate: Evaluate) -> None:
    assert evaluate('locals { a = "x" }\nenv "e" { url = local["a"] }', "e").url == "x"


EXTERNAL = 'data "external" "x" {\n  program = ["cat"]\n}\n'


def test_a_data_source_that_does_not_run_here_hurts_only_what_depends_on_it(evaluate: Evaluate) -> None:
    text = TOKEN + EXTERNAL + 'locals {\n  a = data.external.x\n  b = [local.a]\n}\nenv "e" {\n'
    text += "  url = data.aws_dsql_token.db\n  src = local.b[0]\n  dev = docker.postgres.dev.url\n}\n"
    found = evaluate(text + 'docker "postgres" "dev" {\n  image = "postgres:15"\n}\n', "e")
    assert found.url == "TOKEN(db)"
    assert isinstance(found.project.locals["b"], Unavailable)
    assert isinstance(found.env.attributes["src"], Unavailable)
    assert isinstance(found.env.text("dev"), Unavailable)


def test_a_url_that_depends_on_such_a_data_source_has_its_block_to_blame(evaluate: Evaluate) -> None:
    url = evaluate(EXTERNAL + 'locals {\n  a = data.external.x\n}\nenv "e" {\n  url = local.a\n}', "e").env.text("url")
    assert isinstance(url, Unavailable)
    assert url.reason.diagnostics[0].subject.start.line == 1
    assert 'dsqltok does not run data "external"' in str(url.reason)


def test_a_token_that_depends_on_such_a_data_source_is_an_error_when_it_is_asked_for(evaluate: Evaluate) -> None:
    text = EXTERNAL + 'data "aws_dsql_token" "db" {\n  endpoint = data.external.x\n}'
    assert evaluate(text).requests == {}
    assert "does not run data" in evaluate.error(text, token="db")


@pytest.mark.parametrize("labels", ["", '"aws_dsql_token"', '"aws_dsql_token" "db" "x"'])
def test_a_data_block_has_a_type_and_a_name(evaluate: Evaluate, labels: str) -> None:
    assert evaluate.error(f"data {labels} {{}}").startswith("1:1: Invalid data block")


@pytest.mark.parametrize(
    "text",
    [
        f'variable "v" {{\n  type = {"list(" * 160}string{")" * 160}\n  default = []\n}}',
        "locals {\n  a0 = 1\n" + "".join(f"  a{n + 1} = [local.a{n}]\n" for n in range(160)) + "}",
        "locals {\n  a0 = 1\n" + "".join(f"  a{n + 1} = [local.a{n}]\n" for n in range(149)) + "}\nx = local",
    ],
)
def test_values_that_nest_without_end_are_an_error_like_any_other(evaluate: Evaluate, text: str) -> None:
    assert "Value too deep" in evaluate.error(text)
