"""What is wrong with a profile, and with which one of a chain."""

from __future__ import annotations

from typing import Any

import pytest

from dsqltok.errors import ConfigurationError, CredentialsError, DsqltokError
from dsqltokd.worker.awsprofiles import chain, fault, nested, role_of

KEYS = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "x"}
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/R"}
SSO = {"sso_account_id": "123456789012", "sso_role_name": "Dev"}
SESSION = {"sso_start_url": "https://corp.awsapps.com/start", "sso_region": "us-east-1"}


def to(source: str) -> dict[str, str]:
    return {**ROLE, "source_profile": source}


@pytest.mark.parametrize(
    ("profiles", "names"),
    [
        ({"a": KEYS}, ["a"]),
        ({}, ["a"]),
        ({"a": to("b"), "b": to("c"), "c": KEYS}, ["a", "b", "c"]),
        ({"a": to("b")}, ["a", "b"]),
        ({"a": to("b"), "b": to("a")}, ["a", "b", "a"]),
        ({"a": to("a") | KEYS}, ["a"]),
        ({"a": to("b"), "b": to("c") | KEYS}, ["a", "b"]),
        ({"a": to("b"), "b": to("c") | {"web_identity_token_file": "f"}}, ["a", "b"]),
        ({"a": {"source_profile": "b"}, "b": KEYS}, ["a"]),
    ],
)
def test_a_chain_is_followed_as_botocore_does(profiles: dict[str, Any], names: list[str]) -> None:
    assert chain({"profiles": profiles}, "a") == names


@pytest.mark.parametrize("setting", ["source_profile", "sso_session", "region"])
def test_a_profile_with_a_setting_that_holds_settings_is_named(setting: str) -> None:
    profiles = {"a": to("b"), "b": {**ROLE, setting: {"x": "y"}}, "c": KEYS, "other": {"region": {"x": "y"}}}
    found = nested({"profiles": profiles}, "a")
    assert found is not None
    assert found.message == f'profile "b", a source of profile "a": its {setting} holds other settings'
    assert nested({"profiles": profiles}, "c") is None


def test_the_profile_of_a_role_is_found_in_a_chain() -> None:
    config = {"profiles": {"a": to("b"), "b": {"role_arn": "other", "source_profile": "c"}, "c": KEYS}}
    names = chain(config, "a")
    assert role_of(config, names, "other") == ["a", "b"]
    assert role_of(config, names, ROLE["role_arn"]) == ["a"]
    assert role_of(config, names, "none of these") == names


FAULTS: list[tuple[dict[str, Any], type[DsqltokError], str, str]] = [
    ({"a": {"aws_access_key_id": "AKIA"}}, CredentialsError, "half of an access key", "aws_secret_access_key"),
    ({"a": {"aws_secret_access_key": "x"}}, CredentialsError, "half of an access key", "aws_access_key_id"),
    ({"a": {**KEYS, "aws_secret_access_key": ""}}, CredentialsError, "half of an access key", "aws_secret_access_key"),
    ({"a": ROLE}, ConfigurationError, "nothing to assume it from", "source_profile"),
    ({"a": {"source_profile": "b"}, "b": KEYS}, ConfigurationError, "has source_profile but no role_arn", "role_arn"),
    ({"a": {"web_identity_token_file": "f"}}, ConfigurationError, "token_file but no role_arn", "role_arn"),
    ({"a": to("b") | {"credential_source": "Environment"}, "b": KEYS}, ConfigurationError, "has both", "one of the"),
    ({"a": {**ROLE, "credential_source": "Moon"}}, ConfigurationError, "its credential_source is none", "EcsContainer"),
    ({"a": to("b")}, ConfigurationError, 'its source_profile "b" does not exist', "check"),
    ({"a": to("a")}, ConfigurationError, "leads back to itself: a → a", "source_profile"),
    ({"a": to("b"), "b": to("a")}, ConfigurationError, "leads back to itself: a → b → a", "source_profile"),
    ({"a": to("b"), "b": to("c"), "c": to("b")}, ConfigurationError, "a → b → c → b", "source_profile"),
    (
        {"a": {**SSO, "sso_session": "gone"}},
        ConfigurationError,
        'sso_session "gone" does not exist',
        "[sso-session gone]",
    ),
    (
        {"a": {**SSO, "sso_session": "poor"}},
        ConfigurationError,
        "its sso settings lack sso_region",
        "aws configure sso",
    ),
    ({"a": {"sso_session": "corp"}}, ConfigurationError, "lack sso_account_id, sso_role_name", "aws configure sso"),
    (
        {"a": {**SSO, **SESSION, "sso_session": "corp", "sso_region": "x"}},
        ConfigurationError,
        "its sso_region is not",
        "",
    ),
    ({"a": SSO}, ConfigurationError, "its sso settings lack sso_start_url, sso_region", "aws configure sso"),
]


@pytest.mark.parametrize(("profiles", "kind", "said", "hint"), FAULTS, ids=[each[2] for each in FAULTS])
def test_what_is_wrong_with_a_profile_is_said(
    profiles: dict[str, Any], kind: type[DsqltokError], said: str, hint: str
) -> None:
    sessions = {"corp": SESSION, "poor": {"sso_start_url": SESSION["sso_start_url"]}}
    found = fault({"profiles": profiles, "sso_sessions": sessions}, "a")
    assert type(found) is kind
    assert said in found.message
    assert hint in found.hint


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (ROLE, "its role_arn has nothing to assume it from"),
        ({"region": "us-east-1"}, "it has no AWS credentials"),
        ({"aws_access_key_id": "AKIA"}, "half of an access key is missing"),
    ],
)
def test_the_profile_in_the_chain_that_is_at_fault_is_named(source: dict[str, str], said: str) -> None:
    found = fault({"profiles": {"a": to("b"), "b": to("c"), "c": source}}, "a")
    assert found is not None
    assert found.message == f'profile "c", a source of profile "a": {said}'


@pytest.mark.parametrize(
    "profiles",
    [
        {},
        {"a": KEYS},
        {"a": to("b"), "b": KEYS},
        {"a": to("a") | KEYS},
        {"a": {**ROLE, "credential_source": "Environment"}},
        {"a": {**ROLE, "web_identity_token_file": "f"}},
        {"a": {**SSO, "sso_session": "corp"}},
        {"a": {**SSO, **SESSION}},
        {"a": to("b"), "b": {"credential_process": "helper"}},
        {"a": to("b"), "b": {"login_session": "me"}},
    ],
)
def test_a_profile_that_may_do_is_not_called_wrong(profiles: dict[str, Any]) -> None:
    assert fault({"profiles": profiles, "sso_sessions": {"corp": SESSION}}, "a") is None
