"""The recipe for pgx."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import recipes
from standin.leash import bed_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Conversation, Desk
    from standin.endpoint import DsqlStandin

MODULE = Path(__file__).parent / "go"
# It holds its connections, so that the next line's is another one.
DRIVER = """package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"dsqltok.invalid/clients/db"
	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	pool, err := db.NewPool(context.Background(), "dsql")
	if err != nil {
		panic(err)
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		user, err := connect(pool)
		if err != nil {
			user = "refused: " + strings.ReplaceAll(err.Error(), "\\n", " ")
		}
		fmt.Println(user)
	}
}

func connect(pool *pgxpool.Pool) (user string, err error) {
	held, err := pool.Acquire(context.Background())
	if err == nil {
		err = held.QueryRow(context.Background(), "select current_user").Scan(&user)
	}
	return user, err
}
"""


@pytest.fixture(scope="module")
def program() -> Iterator[str]:
    """Build the recipe as a package of a program, and return the program's path."""
    go = recipes.program("go", "version 1.25 or later")
    packages = recipes.fetched("go", "Go 1.25 or later")
    with bed_directory("go-") as root:
        directory = shutil.copytree(MODULE, root / "module")
        (directory / "db").mkdir()
        (directory / "db" / "db.go").write_text(recipes.code("pgx", "go"))
        (directory / "driver.go").write_text(DRIVER)
        environment = {"GOPATH": str(packages), "GOCACHE": str(packages / "cache"), "GOTOOLCHAIN": "local"}
        command = [go, "build", "-o", "program", "."]
        done = subprocess.run(
            command, cwd=directory, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        yield str(directory / "program")


@pytest.fixture
def trust(standin: DsqlStandin) -> dict[str, str]:
    """Return the environment in which Go knows the stand-in's authority, as the system's has Amazon's."""
    return {"SSL_CERT_FILE": str(standin.ca_file)}


def test_the_recipe_connects_by_the_name_of_the_env_and_again_after_the_token_died(
    reachable: Desk, program: str, trust: dict[str, str], outlives_its_token: Callable[[Conversation], None]
) -> None:
    with reachable.conversation(program, env=trust) as client:
        outlives_its_token(client)


def test_the_recipe_says_why_there_is_no_token_and_goes_on(
    reachable: Desk, program: str, trust: dict[str, str], outlives_its_keys: Callable[[Conversation], None]
) -> None:
    with reachable.conversation(program, env=trust) as client:
        outlives_its_keys(client)


def test_the_recipe_verifies_the_endpoint(
    reachable: Desk, program: str, keeps_its_token: Callable[[Conversation], None]
) -> None:
    with reachable.conversation(program) as client:
        keeps_its_token(client)
