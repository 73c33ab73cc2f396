"""The README is true: what it shows is run."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from desk import ACCESS_KEY_ID, BIN
from dsqltok import errors
from dsqltokd.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable

    from desk import Desk

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TWO_SCREENS = 130


def test_what_a_user_needs_fits_on_two_screens() -> None:
    # What follows are tables for those who want to see it shown.
    assert README.partition("\n## Promises")[0].count("\n") <= TWO_SCREENS


def test_every_recipe_is_in_the_table_and_run_by_a_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for page in (ROOT / "docs" / "recipes").glob("*.md"):
        assert f"(docs/recipes/{page.name})" in README
        assert f'"{page.stem}"' in tests, page.name


def test_the_first_use_works_as_it_is_shown(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    shown = re.findall(r"^    (dsqltok (?:get|url) dsql) ", README, re.MULTILINE)
    assert shown == ["dsqltok get dsql", "dsqltok url dsql"]
    for command in shown:
        done = desk.run("sh", "-c", command)
        assert (done.returncode, done.stderr) == (0, "")
        assert ACCESS_KEY_ID in done.stdout


def test_the_error_looks_as_it_is_shown(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    shown = re.search(r"    \$ (dsqltok get prod)\n((?:    .*\n)+)", README)
    assert shown
    done = desk.run("sh", "-c", shown[1])
    printed = done.stderr.replace(str(desk.work), "/home/me/app")
    assert printed == re.sub("^    ", "", shown[2], flags=re.MULTILINE)


def test_the_protocol_example_prints_a_token(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    program = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert program
    with desk.daemon():
        done = desk.run(str(BIN / "python"), "-W", "ignore", "-c", program[1])
    assert done.stdout.startswith("cluster-id.dsql.us-east-1.on.aws/?Action="), done.stderr


def test_every_link_leads_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_every_exit_code_is_documented() -> None:
    documented = (ROOT / "docs" / "errors.md").read_text()
    for kind in errors.DsqltokError.__subclasses__():
        assert f"| {kind.exit_code} | `{kind.kind}` |" in documented


def test_every_setting_is_documented() -> None:
    documented = (ROOT / "docs" / "configuration.md").read_text()
    for setting in fields(Config):
        assert f"| `{setting.name}` |" in documented


def test_every_test_that_the_security_page_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "security.md").read_text()))
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 20
    assert {name for name in named if f"def {name}(" not in tests} == set()
