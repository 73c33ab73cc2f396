"""What is suggested where a project names something that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dsqltokd.atlas import INSTEAD, project_functions
from dsqltokd.hcl import evaluate as evaluate_text

if TYPE_CHECKING:
    from unit.atlas.conftest import Evaluate

HOST = 'endpoint = "abc.dsql.us-east-1.on.aws"'
OF_OTHER_TOOLS = """
coalesce lookup tomap one sum base64encode base64decode md5 sha1 sha256 sha512 timestamp uuid templatefile basename
abspath sensitive env
"""


def read(path: str) -> str:
    if path != "dir/a.txt":
        raise FileNotFoundError(2, "No such file or directory")
    return "NAME=1"


FUNCTIONS = project_functions(lambda name: "/home/me" if name == "HOME" else "", read)
TABLE = {"a": "1"}


def advised(name: str, variables: dict[str, object]) -> Any:
    """Evaluate what is to be written in place of a function, with these values for the names in it."""
    expression = INSTEAD[name].removeprefix("write ").partition(": ")[0]
    return evaluate_text(expression, variables, functions=FUNCTIONS)


@pytest.mark.parametrize("name", OF_OTHER_TOOLS.split())
def test_there_is_advice_for_what_other_tools_have(name: str) -> None:
    assert name in INSTEAD


def test_no_advice_is_about_a_function_that_there_is() -> None:
    assert not INSTEAD.keys() & FUNCTIONS.keys()


@pytest.mark.parametrize(
    ("name", "variables", "expected"),
    [
        ("anytrue", {"list": [False, True]}, True),
        ("anytrue", {"list": []}, False),
        ("basename", {"path": "/dir/a.txt"}, "a.txt"),
        ("basename", {"path": "a.txt"}, "a.txt"),
        ("coalesce", {"a": None, "b": "x"}, "x"),
        ("coalesce", {"a": "", "b": "x"}, "x"),
        ("dirname", {"path": "/dir/a.txt"}, "/dir"),
        ("env", {"name": "HOME"}, "/home/me"),
        ("fileexists", {"path": "dir/a.txt"}, True),
        ("fileexists", {"path": "nope"}, False),
        ("lookup", {"map": TABLE, "key": "a", "default": "d"}, "1"),
        ("lookup", {"map": TABLE, "key": "b", "default": "d"}, "d"),
        ("one", {"x": ["a"]}, "a"),
        ("one", {"x": []}, None),
        ("strcontains", {"text": "banana", "part": "nan"}, True),
        ("strcontains", {"text": "banana", "part": "x"}, False),
        ("sum", {"a": 1, "b": 2}, 3),
        ("templatefile", {"path": "dir/a.txt", "value": "x"}, "x=1"),
        ("urlencode", {"text": "a/b"}, "a%2Fb"),
    ],
)
def test_what_is_advised_does_what_the_function_would(
    name: str, variables: dict[str, object], expected: object
) -> None:
    assert advised(name, variables) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = lcoal.a", '1:5: Unknown variable; There is no variable named "lcoal". Did you mean "local"?'),
        ("x = atals.env", '1:5: Unknown variable; There is no variable named "atals". Did you mean "atlas"?'),
        ("x = atlas.evn", 'named "evn". Did you mean "env"?'),
        ('variable "host" {\n  type = string\n  default = "h"\n}\nx = var.hots', 'named "hots". Did you mean "host"?'),
        (f'data "aws_dsql_token" "t" {{\n  {HOST}\n}}\nx = data.aws_dsq_token.t', 'Did you mean "aws_dsql_token"?'),
        (f'data "aws_dsq_token" "t" {{\n  {HOST}\n}}\nx = data.aws_dsql_token.t', '"aws_dsql_token" in line 1?'),
        (f'\ndta "aws_dsql_token" "t" {{\n  {HOST}\n}}\nx = data.aws_dsql_token.t', 'Did you mean "data" in line 2?'),
        ("local {\n  a = 1\n}\nx = local.a", "4:10: Unsupported attribute; This object does not have an attribute"),
        ("local {\n  a = 1\n}\nx = local.a", 'named "a". Did you mean "locals" in line 1?'),
        ('varible "v" {\n  default = 1\n}\nx = var.v', 'named "v". Did you mean "variable" in line 1?'),
        ('variable "v" {\n  type = strng\n}', 'Did you mean "string"?'),
        ('variable "v" {\n  type = lst(string)\n}', 'Did you mean "list"?'),
        ('variable "v" {\n  type = (list(numbr))\n}', 'Did you mean "number"?'),
    ],
)
def test_the_name_that_was_meant_is_told(evaluate: Evaluate, text: str, said: str) -> None:
    assert said in evaluate.error(text)


@pytest.mark.parametrize(
    "text",
    [
        'variable "v" {\n  type = string\n  default = "x"\n}\nx = var.v.nope',
        'variables "w" {}\nx = var.v',
        'variable "v" {\n  type = frob\n}',
        'dta "aws_dsql_token" "u" {}\nx = data.aws_dsql_token.t',
    ],
)
def test_nothing_is_suggested_where_nothing_is_near(evaluate: Evaluate, text: str) -> None:
    assert "Did you mean" not in evaluate.error(text)


def test_a_misspelt_data_source_that_is_needed_is_told_what_it_could_be(evaluate: Evaluate) -> None:
    said = evaluate.error(
        f'data "aws_dsq_token" "t" {{\n  {HOST}\n}}\nenv "e" {{\n  for_each = data.aws_dsq_token.t\n}}', "e"
    )
    assert said.startswith('1:1: Unsupported data source; dsqltok does not run data "aws_dsq_token"')
    assert 'Did you mean "aws_dsql_token"?' in said


def test_a_block_that_is_called_like_a_root_is_kept_like_any_other(evaluate: Evaluate) -> None:
    assert len(evaluate("local {\n  a = 1\n}\nlocal {\n  a = 2\n}").project.blocks) == 2
