"""docs/recipes/shell.md: each of its blocks connects, also once the first token is dead."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import recipes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Desk
    from standin.steps import Steps

REPORT = """\
import os, psycopg, sys
url = (sys.argv[1:] or [os.environ["DATABASE_URL"]])[0].replace("dsql://", "postgresql://")
print(psycopg.connect(url).execute("select current_user").fetchone()[0])
"""
AGES = 1000  # seconds, after which no token is alive


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} not found")


@pytest.fixture
def ageing(reachable: Desk, stepped: Steps) -> Iterator[Callable[[], None]]:
    """Give what makes every token of the desk too old to connect with, as a sleep of the machine would."""
    reachable.write(reachable.work / "report.py", REPORT)
    with reachable.daemon():
        yield lambda: stepped.suspend(AGES)


@pytest.mark.parametrize(
    ("shell", "script"),
    [
        ("sh", recipes.code("shell", "sh", 0)),
        ("bash", recipes.code("shell", "bash", 0)),
        ("fish", recipes.code("shell", "fish", 0)),
        ("sh", recipes.code("shell", "sh", 1)),
        ("sh", recipes.code("shell", "sh", 2)),
        ("sh", recipes.code("shell", "bash", 1) + "python -m dotenv run -- psql -Atc 'select current_user'"),
    ],
    ids=["exec", "env", "fish", "placeholders", "url", "dotenv"],
)
def test_a_block_connects_and_again_once_the_first_token_is_dead(
    shell: str, script: str, reachable: Desk, ageing: Callable[[], None]
) -> None:
    needs(shell, "psql")
    for _ in range(2):
        done = reachable.run(shell, "-c", script)
        assert (done.returncode, done.stdout, done.stderr) == (0, "admin\n", "")
        ageing()


def test_what_a_shell_has_taken_grows_old_and_is_taken_anew(reachable: Desk, ageing: Callable[[], None]) -> None:
    needs("bash", "psql")
    take, query = recipes.code("shell", "bash").splitlines()
    script = f'while read -r line; do eval "$line"; {query} 2>&1 | tail -1; done'
    with reachable.conversation("bash", "-c", script) as shell:
        assert shell.ask(take) == "admin"
        ageing()
        assert "Signature expired" in shell.ask(":")
        assert shell.ask(take) == "admin"


def test_direnv_takes_it_in_the_directory_of_the_project(reachable: Desk, ageing: Callable[[], None]) -> None:
    needs("direnv", "psql")
    reachable.write(reachable.work / ".envrc", recipes.code("shell", "envrc"))
    reachable.run("direnv", "allow")
    for _ in range(2):
        done = reachable.run("direnv", "exec", ".", "psql", "-Atc", "select current_user")
        assert done.stdout == "admin\n", done.stderr
        ageing()


def test_the_env_file_is_the_users_alone(reachable: Desk) -> None:
    reachable.run("sh", "-c", recipes.code("shell", "bash", 1))
    assert (reachable.work / ".env").stat().st_mode & 0o777 == 0o600
