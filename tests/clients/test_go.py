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

	"dsqltok.invalid/clients/db"
	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	pool, err := db.NewPool(context.Background(), "dsql")
	for lines := bufio.NewScanner(os.Stdin); err == nil && lines.Scan(); {
		err = connect(pool)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func connect(pool *pgxpool.Pool) error {
	held, err := pool.Acquire(context.Background())
	if err != nil {
		return err
	}
	var user string
	err = held.QueryRow(context.Background(), "select current_user").Scan(&user)
	fmt.Println(user)
	return err
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


def test_the_recipe_connects_by_the_name_of_the_env_and_again_after_the_token_died(
    reachable: Desk, program: str, standin: DsqlStandin, outlives_its_token: Callable[[Conversation], None]
) -> None:
    with reachable.conversation(program, env={"SSL_CERT_FILE": str(standin.ca_file)}) as client:
        outlives_its_token(client)


def test_the_recipe_verifies_the_endpoint(
    reachable: Desk, program: str, keeps_its_token: Callable[[Conversation], None]
) -> None:
    with reachable.conversation(program) as client:
        keeps_its_token(client)
