"""What a program with a window is told of a connection that is not of the plainest kind."""

from __future__ import annotations

import json

import pytest

from dsqltok import idetext

PLAIN = {"host": "h.example", "port": "5432", "user": "me", "dbname": "postgres", "sslmode": "verify-full"}


def place(command: str = "c", **more: str) -> idetext.Place:
    return idetext.Place(name="dsql", parameters={**PLAIN, **more}, command=command, proxy="x", passfile="p")


@pytest.mark.parametrize(
    ("more", "query"),
    [
        ({}, "sslmode=verify-full"),
        ({"sslrootcert": "/a b.crt"}, "sslmode=verify-full&sslrootcert=%2Fa%20b.crt"),
        ({"sslrootcert": "system"}, "sslmode=verify-full&sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory"),
        ({"options": "-c a=b", "hostaddr": "::1"}, "sslmode=verify-full&options=-c%20a%3Db"),
    ],
)
def test_jdbc_is_told_in_its_own_words(more: dict[str, str], query: str) -> None:
    assert f"  jdbc:postgresql://h.example:5432/postgres?{query}\n" in idetext.render("datagrip", place(**more))


def test_an_address_and_a_database_are_written_as_a_url_has_them() -> None:
    assert "//[::1]:5432/a%20b?" in idetext.render("datagrip", place(host="::1", dbname="a b"))


def test_pgadmin_is_told_what_libpq_knows() -> None:
    (server,) = json.loads(idetext.servers(place(hostaddr="127.0.0.1", options="-c a=b", connect_timeout="3")))[
        "Servers"
    ].values()
    assert server["ConnectionParameters"] == {
        "connect_timeout": "3",
        "sslmode": "verify-full",
        "hostaddr": "127.0.0.1",
        "options": "-c a=b",
    }


@pytest.mark.parametrize("root", ["system", "/ca.crt"])
def test_the_settings_for_vs_code_verify_the_certificate(root: str) -> None:
    text = idetext.render("vscode", place(sslrootcert=root))
    settings = json.loads(text[text.index("{") : text.rindex("}") + 1])
    expected = {"rejectUnauthorized": True} | ({} if root == "system" else {"ca": root})
    assert settings["sqltools.connections"][0]["pgOptions"]["ssl"] == expected


@pytest.mark.parametrize("ide", idetext.TITLES)
def test_what_a_program_has_no_place_for_is_not_shown_but_named(ide: str) -> None:
    shown = place(hostaddr="127.0.0.9", options="-c a=b")
    text = idetext.render(ide, shown)
    untold = idetext.untold(ide, shown)
    assert ("127.0.0.9" in text) is ("hostaddr" not in untold)
    assert ("a=b" in text or "a%3Db" in text) is ("options" not in untold)
    assert ("hostaddr" in untold) is (ide != "pgadmin")
