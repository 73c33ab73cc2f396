"""Django, with the settings of its recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from desk import BIN
from drivers import goes_on, needs
from recipes import code

if TYPE_CHECKING:
    from desk import Desk
    from standin.endpoint import DsqlStandin
    from standin.steps import Steps

pytestmark = needs("django")
_SET_UP = """
import django
from django.conf import settings
settings.configure(DATABASES=DATABASES)
django.setup()
from django.db import connections
"""
# Each round is a connection of its own, as each thread of a server has.
_ROUNDS = """
import sys
kept = []
for line in sys.stdin:
    kept.append(connections.create_connection("default"))
    with kept[-1].cursor() as cursor:
        cursor.execute("select current_user")
        print(*cursor.fetchone(), flush=True)
"""
_POOLED = """
DATABASES["default"]["CONN_MAX_AGE"] = 0
DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 10, "max_lifetime": 55 * 60}
"""


def test_django_connects_by_the_env_s_name_also_past_the_deaths_of_tokens(
    reachable: Desk, stepped: Steps, standin: DsqlStandin
) -> None:
    goes_on(reachable, stepped, standin, code("django", "python") + _SET_UP + _ROUNDS)


@needs("psycopg_pool")
def test_django_s_pool_takes_a_fresh_token_for_each_connection(
    reachable: Desk, stepped: Steps, standin: DsqlStandin
) -> None:
    before = len(standin.logins)
    program = code("django", "python") + _POOLED + _SET_UP + _ROUNDS
    with reachable.daemon(), reachable.conversation(str(BIN / "python"), "-c", program) as conversation:
        assert conversation.ask() == "admin"
        stepped.suspend(1000.0)
        for _ in range(3):  # more than the pool has open already
            assert conversation.ask() == "admin"
    assert len({login.signed_at for login in standin.logins[before:]}) == 2


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ('DATABASES["default"]["USER"] = "someone"', "someone postgres"),
        ('DATABASES["default"]["NAME"] = "other"', "admin other"),
        ('DATABASES["default"]["OPTIONS"]["application_name"] = "app"', "admin postgres app"),
    ],
)
def test_what_the_settings_say_goes_before_what_the_env_says(reachable: Desk, more: str, shown: str) -> None:
    program = f"{code('django', 'python')}{more}\n{_SET_UP}"
    program += (
        "found = connections['default'].get_connection_params()\n"
        "print(*(found[name] for name in ('user', 'dbname', 'application_name') if name in found))\n"
    )
    done = reachable.run(str(BIN / "python"), "-c", program)
    assert done.stdout == shown + "\n", done.stderr
