"""The recipe for Atlas's community build, which no package registry has: it is run where `atlas` is installed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import recipes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from desk import Desk
    from standin.endpoint import DsqlStandin


@pytest.fixture
def shell(reachable: Desk, standin: DsqlStandin) -> Iterator[Callable[[str], str]]:
    """Put the recipe's files into the working directory, and return what runs a line there and gives what it prints."""
    atlas = Path(recipes.program("atlas", "a build that knows data sources of type external, of version 0.16 or later"))
    mine, theirs = (text.replace(":5432/", f":{standin.port}/") for text in recipes.blocks("atlas", "hcl"))
    reachable.project(mine, "dsql.hcl")
    reachable.project(theirs)
    reachable.write(reachable.work / "migrations" / "20260101000000_pets.sql", "create table pets (name text);\n")
    environment = {
        "PATH": f"{atlas.parent}{os.pathsep}{reachable.environment['PATH']}",
        "SSL_CERT_FILE": str(standin.ca_file),
        "ATLAS_NO_UPDATE_NOTIFIER": "true",
    }

    def run(line: str) -> str:
        done = reachable.run("sh", "-c", line, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("atlas migrate hash")
    yield run
    url = reachable.ok("url", "dsql", "--config", "dsql.hcl", "-n").replace("dsql://", "postgresql://")
    with psycopg.connect(url, hostaddr=standin.address, sslrootcert=str(standin.ca_file)) as connection:
        connection.execute("drop table if exists pets")
        connection.execute("drop schema if exists atlas_schema_revisions cascade")


@pytest.mark.parametrize("way", [0, 1], ids=["data external", "dsqltok exec"])
def test_the_recipe_inspects_and_migrates_and_again_after_the_token_died(
    way: int, shell: Callable[[str], str], sleeps: Callable[[], None], standin: DsqlStandin
) -> None:
    inspect, migrate = recipes.code("atlas", "sh", way).splitlines()
    assert 'table "pets"' not in shell(inspect)
    first = standin.logins[-1]
    sleeps()
    assert "create table pets" in shell(migrate)
    assert 'table "pets"' in shell(inspect)
    assert standin.logins[-1].signed_at > first.signed_at + first.expires_in
