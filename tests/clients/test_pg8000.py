"""pg8000, alone by the code of its recipe and under SQLAlchemy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drivers import SYNC, goes_on, needs
from recipes import code

if TYPE_CHECKING:
    from desk import Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

pytestmark = needs("pg8000")
PROGRAMS = {
    "alone": code("pg8000", "python") + SYNC,
    "sqlalchemy": code("sqlalchemy", "python").replace("psycopg", "pg8000")
    + "connect = engine.raw_connection\n"
    + SYNC,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_pg8000_connects_by_the_env_s_name_also_past_the_deaths_of_tokens(
    reachable: Desk, stepped: Steps, standin: DsqlStandin, program: str
) -> None:
    goes_on(reachable, stepped, standin, PROGRAMS[program])
