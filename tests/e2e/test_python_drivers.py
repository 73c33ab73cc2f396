"""Python's drivers, by the code of their recipes: from an env's name to a query, and past the deaths of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clients.drivers import goes_on
from clients.programs import ASYNC, SYNC
from desk import BIN
from recipes import code

if TYPE_CHECKING:
    from desk import Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

_PSYCOPG_ASYNC = """
async def ask(kept):
    kept.append(await connect_async())
    cursor = await kept[-1].execute("select current_user")
    return (await cursor.fetchone())[0]
"""
_ASYNCPG = """
async def ask(kept):
    kept.append(await connect())
    return await kept[-1].fetchval("select current_user")
"""
_ASYNCPG_POOL = """
async def ask(kept):
    if not kept:
        kept.append(await make_pool())
    kept.append(await kept[0].acquire())
    return await kept[-1].fetchval("select current_user")
"""
_ENGINE = """
connect = engine.raw_connection
"""
_ASYNC_ENGINE = """
from sqlalchemy import text
async def ask(kept):
    kept.append(await engine.connect())
    return await kept[-1].scalar(text("select current_user"))
"""
PROGRAMS = {
    "psycopg": code("psycopg", "python") + SYNC,
    "psycopg, async": code("psycopg", "python") + code("psycopg", "python", 1) + _PSYCOPG_ASYNC + ASYNC,
    "asyncpg": code("asyncpg", "python") + _ASYNCPG + ASYNC,
    "asyncpg, a pool": code("asyncpg", "python") + _ASYNCPG_POOL + ASYNC,
    "sqlalchemy, psycopg": code("sqlalchemy", "python") + _ENGINE + SYNC,
    "sqlalchemy, asyncpg": code("sqlalchemy", "python", 1) + _ASYNC_ENGINE + ASYNC,
    "sqlalchemy, psycopg's async": code("sqlalchemy", "python", 1).replace("asyncpg", "psycopg_async")
    + _ASYNC_ENGINE
    + ASYNC,
}


@pytest.mark.parametrize("driver", PROGRAMS)
def test_a_recipe_connects_by_the_env_s_name_also_past_the_deaths_of_tokens(
    reachable: Desk, stepped: Steps, standin: DsqlStandin, driver: str
) -> None:
    goes_on(reachable, stepped, standin, PROGRAMS[driver])


def test_the_example_of_the_api_s_page_runs(reachable: Desk) -> None:
    done = reachable.run(str(BIN / "python"), "-W", "error", "-c", code("../python", "python"))
    assert done.stdout == "('admin',)\n", done.stderr


def test_an_older_asyncpg_takes_a_function_as_the_password(reachable: Desk) -> None:
    old = code("asyncpg", "python") + code("asyncpg", "python", 1).replace("make_old_pool", "make_pool")
    with reachable.conversation(str(BIN / "python"), "-c", old + _ASYNCPG_POOL + ASYNC) as conversation:
        assert conversation.ask() == "admin"
