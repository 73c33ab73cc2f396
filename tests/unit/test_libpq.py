"""A connection in the words of libpq."""

from __future__ import annotations

from dsqltok import libpq

ANSWER = {
    "token": "abc.dsql.us-east-1.on.aws/?X-Amz-Signature=c0ffee",
    "connection": {
        "host": "abc.dsql.us-east-1.on.aws",
        "hostaddr": None,
        "port": "5432",
        "user": "admin",
        "dbname": "postgres",
        "sslmode": "verify-full",
        "sslrootcert": "system",
        "parameters": {"options": "-c a=b"},
    },
}


def test_the_parameters_are_what_the_url_says_and_no_password() -> None:
    assert libpq.parameters(ANSWER) == {
        "host": "abc.dsql.us-east-1.on.aws",
        "port": "5432",
        "user": "admin",
        "dbname": "postgres",
        "sslmode": "verify-full",
        "sslrootcert": "system",
        "options": "-c a=b",
    }


def test_the_variables_have_the_token_as_the_password() -> None:
    found = libpq.variables(ANSWER)
    assert found["PGPASSWORD"] == ANSWER["token"]
    assert found["PGHOST"] == "abc.dsql.us-east-1.on.aws"
    assert found["PGOPTIONS"] == "-c a=b"
    assert "PGHOSTADDR" not in found
    assert not set(found) & set(libpq.DIVERTING)
    assert found["DSQLTOK_SET"].split() == [name for name in found if name != "DSQLTOK_SET"]


ASTRAY = {"PGHOSTADDR": "::1", "PGAPPNAME": "other", "PGCONNECT_TIMEOUT": "soon", "HOME": "/home/me"}
NAMED = {**ASTRAY, "DSQLTOK_SET": "PGHOSTADDR PGCONNECT_TIMEOUT HOME", "PGSERVICE": "nowhere"}


def test_what_was_set_for_another_env_is_dropped_and_what_is_the_user_s_own_is_kept() -> None:
    assert libpq.own(NAMED) == {"PGAPPNAME": "other", "HOME": "/home/me"}
    assert libpq.own(ASTRAY) == ASTRAY


def test_parameters_of_a_connection_leave_no_room_for_what_was_set_for_another_env() -> None:
    said = {"host": "abc.dsql.us-east-1.on.aws"}
    assert libpq.shielded(said, NAMED) == {**said, "hostaddr": "", "connect_timeout": "0"}
    assert libpq.shielded({**said, "hostaddr": "10.0.0.1"}, NAMED)["hostaddr"] == "10.0.0.1"
    assert libpq.shielded(said, ASTRAY) == said
