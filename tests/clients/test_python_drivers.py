"""Python's drivers, by the code of their recipes: from an env's name to a query, and past the deaths of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from desk import BIN
from drivers import ASYNC, ASYNC_ENGINE, SYNC, goes_on
from recipes import code

if TYPE_CHECKING:
    from desk import Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

_ASYNCPG = """
async def ask(kept):
    kept.append(await connect())
    return await kept[-1].fetchval("select current_user")
"""
_ENGINE = """
connect = engine.raw_connection
"""
PROGRAMS = {
    "psycopg": code("psycopg", "python") + SYNC,
    "asyncpg": code("asyncpg", "python") + _ASYNCPG + ASYNC,
    "sqlalchemy, psycopg": code("sqlalchemy", "python") + _ENGINE + SYNC,
    "sqlalchemy, asyncpg": code("sqlalchemy", "python", 1) + ASYNC_ENGINE + ASYNC,
}


@pytest.mark.parametrize("driver", PROGRAMS)
def test_a_recipe_connects_by_the_env_s_name_also_past_the_deaths_of_tokens(
    reachable: Desk, stepped: Steps, standin: DsqlStandin, driver: str
) -> None:
    goes_on(reachable, stepped, standin, PROGRAMS[driver])


def test_the_example_of_the_api_s_page_runs(reachable: Desk) -> None:
    done = reachable.run(str(BIN / "python"), "-W", "error", "-c", code("../python", "python"))
    assert done.stdout == "('admin',)\n", done.stderr
