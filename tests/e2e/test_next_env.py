"""What was set for one env does not count for the next: its address would get the other's token."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from desk import BIN
from dsqltok import libpq

if TYPE_CHECKING:
    from desk import Desk

PYTHON = str(BIN / "python")
QUERY = "select current_user || current_setting($$application_name$$)"
PSYCOPG = f'import psycopg; print(psycopg.connect("").execute("{QUERY}").fetchone()[0])'
API = f'import dsqltok, psycopg; print(dsqltok.connect(psycopg.connect, "dsql").execute("{QUERY}").fetchone()[0])'
ASYNCPG = f"""
import asyncio, asyncpg, dsqltok
async def ask():
    connection = await dsqltok.connect_async(asyncpg.connect, "dsql")
    print(await connection.fetchval("{QUERY}"))
asyncio.run(ask())
"""
WAYS = {
    "env": ["sh", "-c", f"eval \"$(dsqltok env dsql)\"; python -c '{PSYCOPG}'"],
    "fish": ["fish", "-c", f"dsqltok env dsql --shell fish | source; python -c '{PSYCOPG}'"],
    "exec": [str(BIN / "dsqltok"), "exec", "dsql", "--", PYTHON, "-c", PSYCOPG],
    "psql": [str(BIN / "dsqltok"), "psql", "dsql", "-AtXc", QUERY],
    "watch": [str(BIN / "dsqltok"), "watch", "dsql", "--exec", f"python -c '{PSYCOPG}'; kill $PPID"],
    "api, psycopg": [PYTHON, "-c", API],
    "api, asyncpg": [PYTHON, "-c", ASYNCPG],
}


@pytest.mark.parametrize("way", WAYS)
def test_a_connection_is_this_env_s_alone_whatever_was_set_for_another(way: str, reachable: Desk) -> None:
    program = way if way in ("fish", "psql") else "sh"
    if shutil.which(program) is None:
        pytest.skip(f"{program} not found")
    astray = {
        "PGHOSTADDR": "127.0.0.254",
        "PGSSLROOTCERT": "/nowhere",
        "PGAPPNAME": "another",
        "PGOPTIONS": "-c no.such",
        "PGCONNECT_TIMEOUT": "soon",
    }
    astray[libpq.SET] = " ".join([*astray, "HOME", "PATH"])  # of which we set neither
    done = reachable.run(*WAYS[way], env=astray)
    assert done.stdout == ("adminpsql\n" if way == "psql" else "admin\n"), done.stderr
    assert done.stderr == ""
