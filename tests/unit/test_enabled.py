from __future__ import annotations

import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dsqltok.errors import ConfigurationError, UnavailableError
from dsqltokd.enabled import Enabled, Store, check_service, refuse_secrets
from dsqltokd.query import Query

if TYPE_CHECKING:
    from pathlib import Path

ONE = Enabled(
    "dsql",
    "/home/me/app/atlas.hcl",
    "dsql",
    None,
    ("tenant=a",),
    (("AWS_PROFILE", "prod"), ("UNSET", None)),
    "/home/me/.pgpass",
    "/home/me/.pg_service.conf",
)
TWO = replace(ONE, config="/home/me/shop/atlas.hcl", service=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "pgpass.json"


def asked(**environment: str) -> Query:
    return Query(ONE.config, "dsql", None, (), environment)


def test_what_one_daemon_enables_the_next_one_knows(path: Path) -> None:
    store = Store(str(path))
    assert store.enabled == ()
    store.put([ONE, TWO])
    assert store.enabled == Store(str(path)).enabled == (ONE, TWO)
    assert Store(str(path)).enabled[0].query.environment == {"AWS_PROFILE": "prod", "UNSET": None}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_goes_with_the_last(path: Path) -> None:
    store = Store(str(path))
    store.put([ONE])
    store.put([])
    assert not path.exists()
    store.put([])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"version": 2}', "is of a newer dsqltok"),
        ("{", "cannot be read"),
        ('{"version": 1, "enabled": [{}]}', "cannot be read"),
    ],
)
def test_a_file_that_makes_no_sense_is_told_and_left_alone(text: str, message: str, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(text)
    store = Store(str(path))
    with pytest.raises(ConfigurationError, match=message):
        _ = store.enabled
    assert path.read_text() == text


def test_what_cannot_be_written_does_not_count(path: Path) -> None:
    store = Store(str(path))
    path.parent.write_text("in the way")
    with pytest.raises(UnavailableError, match="cannot write"):
        store.put([ONE])
    assert store.enabled == ()


def test_the_same_env_with_the_same_variables_is_enabled_once() -> None:
    assert replace(ONE, passfile="/elsewhere", environment=()).replaces(ONE)
    assert not replace(ONE, variables=()).replaces(ONE)
    assert not TWO.replaces(ONE)


def test_its_repr_shows_no_variable() -> None:
    assert "tenant" not in repr(ONE)
    assert "prod" not in repr(ONE)


def test_what_is_no_secret_may_be_kept() -> None:
    refuse_secrets(asked(AWS_PROFILE="prod", AWS_REGION="x", HTTPS_PROXY="http://proxy", STAGE="dev", HOME="/home/me"))
    refuse_secrets(asked(DB_PASSWORD=""))
    refuse_secrets(asked(PWD="/home/me", API_URL="https://h:8080/x", DB="postgres://me@h/db", SSH_AUTH_SOCK="/run/s"))


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "k", "AWS_ACCESS_KEY_ID": "i"}, "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"),
        ({"HTTPS_PROXY": "http://me:word@proxy"}, "HTTPS_PROXY"),
        ({"DB_PASSWORD": "word"}, "DB_PASSWORD"),
        ({"api_key": "word"}, "api_key"),
        ({"DB_PASS": "word"}, "DB_PASS"),
        ({"dbpwd": "word"}, "dbpwd"),
        ({"BASIC_AUTH": "me:word"}, "BASIC_AUTH"),
        ({"SENTRY_DSN": "https://word@h/1"}, "SENTRY_DSN"),
        ({"CREDS": "word"}, "CREDS"),
        ({"DATABASE_URL": "postgres://me:word@h/db"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgres://me:wo/rd@h/db"}, "DATABASE_URL"),
        ({"DATABASE": "host=h user=me password=word"}, "DATABASE"),
        ({"AWS_ENDPOINT_URL": "https://me:word@h"}, "AWS_ENDPOINT_URL"),
    ],
)
def test_a_secret_of_the_environment_is_refused_by_its_name(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named) as raised:
        refuse_secrets(asked(**environment))
    assert "word" not in raised.value.message + raised.value.hint
    assert raised.value.hint


def test_a_service_has_a_plain_name_and_one_meaning() -> None:
    check_service(ONE, [ONE, TWO])
    check_service(replace(TWO, name="a b"), [ONE])
    with pytest.raises(ConfigurationError, match="is no name for a service"):
        check_service(replace(ONE, name="a b"), [])
    with pytest.raises(ConfigurationError, match=f"kept for {ONE.config} already"):
        check_service(replace(TWO, service=ONE.service), [ONE])
