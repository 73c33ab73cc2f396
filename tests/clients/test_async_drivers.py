"""What else the recipes of psycopg, asyncpg and SQLAlchemy show: async connections, pools, older versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from desk import BIN
from drivers import ASYNC, ASYNC_ENGINE, goes_on
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
_ASYNCPG_POOL = """
async def ask(kept):
    if not kept:
        kept.append(await make_pool())
    kept.append(await kept[0].acquire())
    return await kept[-1].fetchval("select current_user")
"""
PROGRAMS = {
    "psycopg": code("psycopg", "python") + code("psycopg", "python", 1) + _PSYCOPG_ASYNC + ASYNC,
    "asyncpg, a pool": code("asyncpg", "python") + _ASYNCPG_POOL + ASYNC,
    "sqlalchemy, psycopg": code("sqlalchemy", "python", 1).replace("asyncpg", "psycopg_async") + ASYNC_ENGINE + ASYNC,
}


@pytest.mark.parametrize("driver", PROGRAMS)
def test_an_async_driver_connects_by_the_env_s_name_also_past_the_deaths_of_tokens(
    reachable: Desk, stepped: Steps, standin: DsqlStandin, driver: str
) -> None:
    goes_on(reachable, stepped, standin, PROGRAMS[driver])


def test_an_older_asyncpg_takes_a_function_as_the_password(reachable: Desk) -> None:
    old = code("asyncpg", "python") + code("asyncpg", "python", 1).replace("make_old_pool", "make_pool")
    with reachable.conversation(str(BIN / "python"), "-c", old + _ASYNCPG_POOL + ASYNC) as conversation:
        assert conversation.ask() == "admin"
