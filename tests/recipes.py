"""The recipes of the documentation, which are code that runs, and what `make test-clients` fetches for them."""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_PAGES = _ROOT / "docs" / "recipes"


def blocks(page: str, language: str) -> list[str]:
    """Return the code that a recipe shows in a language, block by block. A block in a list is indented there."""
    text = (_PAGES / f"{page}.md").read_text()
    found = re.finditer(rf"^( *)```{language}\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block[2]) for block in found]


def code(page: str, language: str, nth: int = 0) -> str:
    """Return a block of the code that a recipe shows in a language, the first where it is not said which."""
    return blocks(page, language)[nth]


def program(name: str, hint: str) -> str:
    """Return the path of a program of a tool chain; skip the test where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} not found: {hint}")
    return found


def fetched(name: str, by: str) -> Path:
    """Return the directory of what `make test-clients` fetches by a program; skip the test where it did not."""
    directory = _ROOT / ".clients" / name
    if not (directory / "installed").exists():
        pytest.skip(f"no {directory}: `make test-clients` fetches it where there is {by}")
    return directory
