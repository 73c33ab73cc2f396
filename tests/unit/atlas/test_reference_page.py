"""`docs/atlas-hcl.md` is true: its example, every function's example, and what it says dsqltok does otherwise."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dsqltokd import hcl
from dsqltokd.atlas import INSTEAD, project_functions
from dsqltokd.atlas.functions import Directory
from dsqltokd.hcl import HclError

if TYPE_CHECKING:
    from unit.atlas.conftest import Evaluate

PAGE = (Path(__file__).parents[3] / "docs" / "atlas-hcl.md").read_text()
ENVIRONMENT = {"DB_HOST": "db"}
FILES = {"db.txt": "postgres\n", "1.sql": "", "2.sql": ""}
NAMES = {"/": {"app": True}, "/app": dict.fromkeys(FILES, False)}
FUNCTIONS = project_functions(lambda name: ENVIRONMENT.get(name, ""), FILES.__getitem__, Directory("/app", NAMES.get))


def rows(header: str) -> list[list[str]]:
    """Return the rows of all tables with this header."""
    tables = re.findall(rf"^\| {re.escape(header)} \|\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    lines = [line for table in tables for line in table.splitlines()]
    assert lines, f"the page has no table with the columns {header}"
    return [[cell.replace(r"\|", "|") for cell in re.split(r" (?<!\\)\| ", line[2:-2])] for line in lines]


def code(cell: str) -> list[str]:
    return re.findall("`([^`]*)`", cell)


def evaluate_text(text: str) -> Any:
    return hcl.evaluate(text, functions=FUNCTIONS)


DOCUMENTED = rows("function | gives | example | value")


def test_every_function_that_a_project_has_is_documented_once() -> None:
    names = [row[0].strip("`").partition("(")[0] for row in DOCUMENTED]
    assert sorted(names) == sorted(FUNCTIONS)
    assert len(names) == 80


@pytest.mark.parametrize("row", DOCUMENTED, ids=lambda row: row[0].strip("`"))
def test_the_example_of_a_function_has_the_value_that_is_shown(row: list[str]) -> None:
    (signature,), (example,), (value,) = code(row[0]), code(row[2]), code(row[3])
    assert f"{signature.partition('(')[0]}(" in example
    assert repr(evaluate_text(example)) == repr(evaluate_text(value))


def test_the_functions_that_there_are_not_come_with_the_advice_that_an_error_gives() -> None:
    shown = {name: advice for names, advice in rows("function of other tools | instead") for name in code(names)}
    assert {name: advice.replace("`", "") for name, advice in shown.items()} == INSTEAD


@pytest.mark.parametrize("row", rows("expression | Atlas | dsqltok"), ids=lambda row: row[0])
def test_what_differs_from_atlas_is_as_it_is_shown(row: list[str]) -> None:
    values = code(row[2])
    for place, expression in enumerate(code(row[0])):
        if not values or "::" in expression:
            with pytest.raises(HclError):
                evaluate_text(expression)
        else:
            assert repr(evaluate_text(expression)) == repr(evaluate_text(values[place]))


@pytest.mark.parametrize("row", rows("command | parameters"), ids=lambda row: row[0])
def test_the_example_gives_the_urls_that_are_shown(row: list[str], evaluate: Evaluate) -> None:
    project = re.search(r"```hcl\n(.*?)```", PAGE, re.DOTALL)
    shown = re.search(r"prints `(.*TOKEN.*)`", PAGE)
    assert project
    assert shown
    name, *options = shlex.split(code(row[0])[0].removeprefix("dsqltok url "))
    found = evaluate(project[1], name, options[1:]).project.envs
    assert [env.text("url") for env in found] == [
        f"{shown[1].replace('TOKEN', 'TOKEN%28db%29')}?{parameters}" for parameters in code(row[1])
    ]
