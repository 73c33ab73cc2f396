"""psycopg_pool, by the code of its recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from desk import BIN
from drivers import SYNC, goes_on, needs
from recipes import code

if TYPE_CHECKING:
    from desk import Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

pytestmark = needs("psycopg_pool")
_POOL = """
pool.open(wait=True)
connect = pool.getconn
"""
_PATIENT = """
import sys
pool.open(wait=True)
for line in sys.stdin:
    print(*pool.getconn().execute("select current_user").fetchone(), flush=True)
"""


def test_a_pool_with_a_class_of_its_own_connects_past_the_deaths_of_tokens(
    reachable: Desk, stepped: Steps, standin: DsqlStandin
) -> None:
    goes_on(reachable, stepped, standin, code("psycopg-pool", "python", 1) + _POOL + SYNC)


def test_a_pool_asks_for_its_arguments_before_each_connection(
    reachable: Desk, stepped: Steps, standin: DsqlStandin
) -> None:
    before = len(standin.logins)
    program = code("psycopg-pool", "python") + _PATIENT
    with reachable.daemon(), reachable.conversation(str(BIN / "python"), "-c", program) as conversation:
        assert conversation.ask() == "admin"
        stepped.suspend(1000.0)
        assert conversation.ask() == "admin"
    assert len({login.signed_at for login in standin.logins[before:]}) == 2


@pytest.mark.parametrize("kind", ["kwargs", "kwargs_async"])
def test_an_async_pool_takes_either_function(reachable: Desk, kind: str) -> None:
    program = f"""
import asyncio, dsqltok
from psycopg_pool import AsyncConnectionPool
async def main():
    async with AsyncConnectionPool(kwargs=dsqltok.{kind}("dsql"), min_size=1, open=False) as pool:
        async with pool.connection() as connection:
            print(*await (await connection.execute("select current_user")).fetchone())
asyncio.run(main())
"""
    done = reachable.run(str(BIN / "python"), "-c", program)
    assert done.stdout == "admin\n", done.stderr
