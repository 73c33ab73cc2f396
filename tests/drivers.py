"""What every driver for Python has to do: connect by an env's name, and go on doing so while tokens die."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from desk import BIN

if TYPE_CHECKING:
    from desk import Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

# Each line that these read has the code before them connect anew, and say as whom.
SYNC = """
import sys
kept = []
for line in sys.stdin:
    connection = connect()
    kept.append(connection)
    cursor = connection.cursor()
    cursor.execute("select current_user")
    print(*cursor.fetchone(), flush=True)
"""
ASYNC = """
import asyncio, sys
async def main():
    kept = []
    while await asyncio.to_thread(sys.stdin.readline):
        print(await ask(kept), flush=True)
asyncio.run(main())
"""
# For the code that makes an async engine, before ASYNC.
ASYNC_ENGINE = """
from sqlalchemy import text
async def ask(kept):
    kept.append(await engine.connect())
    return await kept[-1].scalar(text("select current_user"))
"""

DEAD = 1000.0  # seconds after which a token that was signed for 900 is dead
OLD = 200.0  # after which it is not, and is not replaced either


def needs(module: str) -> pytest.MarkDecorator:
    """Skip a test where a Python module is not installed."""
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed")


def goes_on(desk: Desk, stepped: Steps, standin: DsqlStandin, program: str) -> None:
    """Run a program that answers each line with the user as whom a new connection of its finds itself.

    It is asked at first; when the first token is dead; and when the server takes the daemon's token for a dead one,
    but not yet one that is signed then.
    """
    before = len(standin.logins)
    python = (str(BIN / "python"), "-W", "error", "-W", "ignore::ResourceWarning", "-c")
    with desk.daemon(), desk.conversation(*python, program) as conversation:  # a daemon that sees the steps
        assert conversation.ask("connect") == "admin"
        stepped.suspend(DEAD)
        assert conversation.ask("connect") == "admin"
        stepped.suspend(OLD)
        with stepped.clock.ahead(DEAD - OLD):
            assert conversation.ask("connect") == "admin"
    signed = [login.signed_at for login in standin.logins[before:]]
    assert len(signed) == 3, signed
    assert signed == sorted(set(signed)), signed
