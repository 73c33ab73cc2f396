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
