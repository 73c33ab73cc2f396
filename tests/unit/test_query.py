from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok.errors import UsageError
from dsqltok.protocol import is_aws
from dsqltok.secrecy import is_secret
from dsqltokd import query as queries

if TYPE_CHECKING:
    from dsqltokd.model import Identity

CANARY = "c4n4ry-wJalrXUtnFEMI"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": CANARY}


def identity(environment: dict[str, str | None], profile: str | None = None, role: str | None = None) -> Identity:
    return queries.read({"environment": environment}).identity(profile, role)


def test_a_request_says_what_it_asks_for() -> None:
    query = queries.read(
        {
            "config": "/app/atlas.hcl",
            "env": "prod",
            "data": "db",
            "vars": ["a=b", "c=d"],
            "environment": {"AWS_PROFILE": "x", "STAGE": None},
            "progress": True,
        }
    )
    assert (query.config, query.env, query.data) == ("/app/atlas.hcl", "prod", "db")
    assert query.variables == ("a=b", "c=d")
    assert query.environment == {"AWS_PROFILE": "x", "STAGE": None}


def test_a_request_need_not_say_anything() -> None:
    query = queries.read({"config": None, "env": None, "vars": None})
    assert (query.config, query.env, query.data, query.variables) == (None, None, None, ())
    assert query.environment == {}


@pytest.mark.parametrize(
    "params",
    [
        {"confg": "/a"},
        {"config": "relative/atlas.hcl"},
        {"config": ""},
        {"config": 5},
        {"config": "/a\0b"},
        {"env": ["prod"]},
        {"data": {}},
        {"vars": "a=b"},
        {"vars": [1]},
        {"vars": ["a\0"]},
        {"environment": []},
        {"environment": None},
        {"environment": {"AWS_PROFILE": 1}},
        {"environment": {"AWS_PROFILE": "a\0b"}},
        {"environment": {"AWS\0": "a"}},
        {"environment": {"AWS_A=B": "a"}},
        {"environment": {"": "a"}},
        {"environment": {"AWS_PROFILE": "\ud800"}},
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_a_hint(params: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        queries.read(params)
    assert caught.value.hint


@pytest.mark.parametrize("environment", [{"AWS_SECRET_ACCESS_KEY": f"{CANARY}\0"}, {"A": [CANARY]}])
def test_a_refusal_quotes_no_value(environment: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        queries.read({"environment": environment})
    assert CANARY not in str(caught.value.as_data())


# --- whose AWS -------------------------------------------------------------------------------------------------------

DIFFERENT: list[dict[str, str | None]] = [
    {},
    {"AWS_PROFILE": "dev"},
    {"AWS_PROFILE": "prod"},
    {"AWS_PROFILE": ""},
    {"AWS_REGION": "eu-west-1"},
    {"AWS_CONFIG_FILE": "/tmp/config"},  # noqa: S108 - only a value
    {"AWS_ENDPOINT_URL_STS": "https://sts.internal"},
    {"HTTPS_PROXY": "http://proxy:3128"},
    {"https_proxy": "http://proxy:3128"},
    {"NO_PROXY": "*"},
    {"REQUESTS_CA_BUNDLE": "/ca.pem"},
    {**KEYS},
    {**KEYS, "AWS_SECRET_ACCESS_KEY": "other"},
    {**KEYS, "AWS_SESSION_TOKEN": "t"},
    {"AWS_BEARER_TOKEN_BEDROCK": "t"},
]


def test_different_environments_are_different_identities() -> None:
    assert len({identity(environment) for environment in DIFFERENT}) == len(DIFFERENT)


def test_the_same_environment_is_the_same_identity_in_any_order() -> None:
    for environment in DIFFERENT:
        assert identity(environment) == identity(dict(reversed(environment.items())))


def test_profile_and_role_of_the_data_source_are_part_of_the_identity() -> None:
    found = {identity({}, profile, role) for profile in (None, "a", "b") for role in (None, "r", "s")}
    assert len(found) == 9


def test_a_value_of_any_bytes_is_taken() -> None:
    assert dict(identity({"AWS_PROFILE": "\udcff"}).environment) == {"AWS_PROFILE": "\udcff"}


def test_a_variable_that_is_not_aws_s_is_no_part_of_the_identity() -> None:
    assert identity({"STAGE": "a", "PATH": "/bin"}) == identity({"STAGE": "b"})


def test_a_variable_that_is_not_set_is_no_part_of_the_identity() -> None:
    assert identity({"AWS_PROFILE": None}) == identity({})


@pytest.mark.parametrize(
    "name",
    [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_SECRET_KEY",
        "AWS_MFA_TOKEN",
    ],
)
def test_a_credential_is_sealed_and_appears_in_no_text(name: str) -> None:
    query = queries.read({"environment": {name: CANARY}})
    found = query.identity(None, None)
    assert is_secret(name, CANARY)
    assert found.seal is not None
    assert found.environment == ()
    assert CANARY not in found.seal
    assert CANARY not in f"{query!r} {query} {found!r} {found} {found.describe()}"
    assert query.secrets() == {name: CANARY}


def test_without_credentials_nothing_is_sealed() -> None:
    assert identity({"AWS_PROFILE": "prod", "HTTPS_PROXY": "http://proxy"}).seal is None


def test_the_seal_is_no_plain_hash_that_could_be_guessed_at() -> None:
    plain = hashlib.sha256(json.dumps(KEYS, sort_keys=True).encode()).hexdigest()
    assert identity({**KEYS}).seal != plain


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_", "HTTPS_PROXY", "https_proxy", "no_proxy", "ALL_PROXY"])
def test_aws_variables_and_proxies_are_what_every_client_sends(name: str) -> None:
    assert is_aws(name)


@pytest.mark.parametrize("name", ["PATH", "HOME", "aws_profile", "MY_AWS_PROFILE", "PROXY", "PGPASSWORD", ""])
def test_anything_else_is_the_project_s_business(name: str) -> None:
    assert not is_aws(name)


def test_equal_values_have_equal_digests_and_others_have_not() -> None:
    assert queries.digest({"a": "x", "b": None}) == queries.digest({"b": None, "a": "x"})
    assert queries.digest({"a": "x"}) != queries.digest({"a": "y"})
    assert queries.digest({"a": None}) != queries.digest({})


def test_a_proxy_with_a_password_is_sealed_and_one_without_is_not() -> None:
    assert identity({"https_proxy": f"http://me:{CANARY}@proxy:3128"}).seal is not None
    assert CANARY not in str(identity({"https_proxy": f"http://me:{CANARY}@proxy:3128"}).environment)
    assert identity({"https_proxy": "http://proxy:3128"}).seal is None


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (KEYS, "keys from the environment"),
        ({**KEYS, "AWS_PROFILE": "dev"}, "keys from the environment"),
        ({**KEYS, "AWS_ACCESS_KEY_ID": "", "AWS_PROFILE": "dev"}, "profile dev"),
        ({"HTTPS_PROXY": f"http://me:{CANARY}@proxy"}, "profile default"),
        ({"AWS_CONTAINER_AUTHORIZATION_TOKEN": CANARY}, "profile default"),
        ({"AWS_BEARER_TOKEN_BEDROCK": CANARY, "AWS_PROFILE": "dev"}, "profile dev"),
    ],
)
def test_only_an_access_key_makes_an_identity_one_by_keys(environment: dict[str, str | None], said: str) -> None:
    found = identity(environment)
    assert found.seal is not None
    assert found.describe() == said


def test_the_name_of_a_token_file_is_no_secret() -> None:
    assert identity({"AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token"}).seal is None


def test_the_daemons_own_home_is_what_a_request_without_one_means() -> None:
    assert identity({"HOME": os.environ["HOME"]}) == identity({})


def test_another_home_is_another_identity() -> None:
    assert identity({"HOME": "/home/one"}) != identity({"HOME": "/home/two"})


def test_a_config_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(UsageError, match="longer than a path can be"):
        queries.read({"config": "/a" * 3000})
