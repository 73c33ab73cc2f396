"""The chain that the doctor draws is the one that botocore goes along: what signs first there is named first here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest

from dsqltok.protocol import is_aws
from dsqltokd.worker import identity

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "arn:aws:iam::123456789012:role/X"
CANARY = "c4n4ry"
KEYS = f"aws_access_key_id = {CANARY}\naws_secret_access_key = {CANARY}\n"
HELPER = f"credential_process = sh -c 'echo {{}}' {CANARY}\n"
SSO = "sso_session = corp\nsso_account_id = 123\nsso_role_name = Admin\n"
CHAINED = f"[profile a]\nrole_arn = {ROLE}1\nsource_profile = b\n[profile b]\nrole_arn = {ROLE}2\n"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": CANARY, "AWS_SECRET_ACCESS_KEY": CANARY}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in {name for name in os.environ if is_aws(name)} | ENVIRONMENT.keys() | {"AWS_PROFILE"}:
        monkeypatch.setenv(name, "")  # so that whatever a test sets is put back
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / ".aws").mkdir()
    return tmp_path


def chain(home: Path, config: str, profile: str | None = None, role: str | None = None) -> list[str]:
    (home / ".aws/config").write_text(config)
    found = identity.chain(botocore.session.Session(profile=profile), profile, role)
    assert CANARY not in str(found)
    return found


@pytest.mark.parametrize(
    ("config", "profile", "environment", "expected"),
    [
        (f"[default]\n{KEYS}", None, {}, ("default (access key)", "config-file")),
        (f"[default]\n{KEYS}aws_session_token = {CANARY}\n", None, {}, ("default (session token)", "config-file")),
        (f"[default]\n{KEYS}", None, ENVIRONMENT, ("keys from the environment", "env")),
        (f"[profile a]\n{KEYS}", "a", ENVIRONMENT, ("a (access key)", "config-file")),
        (f"[profile a]\n{KEYS}", None, {**ENVIRONMENT, "AWS_PROFILE": "a"}, ("keys from the environment", "env")),
        (f"[profile a]\n{KEYS}", None, {"AWS_PROFILE": "a"}, ("a (access key)", "config-file")),
    ],
)
def test_what_signs_is_what_botocore_signs_with(
    config: str, profile: str | None, environment: dict[str, str], expected: tuple[str, str], home: Path
) -> None:
    os.environ.update(environment)  # `home` puts it back
    first, method = expected
    assert chain(home, config, profile) == [first]
    credentials: Any = botocore.session.Session(profile=profile).get_credentials()
    assert credentials.method == method


def test_without_anything_it_is_the_machine_s_role_if_there_is_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert chain(home, "") == ["default (nothing configured, so the instance's role, if there is one)"]
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/")
    assert chain(home, "[default]\n") == ["default (nothing configured, so the container's role, if there is one)"]


@pytest.mark.parametrize(
    ("config", "links"),
    [
        (f"[profile a]\n{HELPER}", ["a (credential_process)"]),
        (f"[profile a]\n{SSO}", ["a (sso session corp, Admin in 123)"]),
        ("[profile a]\nsso_start_url = https://x\n", ["a (sso, ? in ?)"]),
        ("[profile a]\nlogin_session = arn\n", ["a (aws login)"]),
        (
            f"[profile a]\nrole_arn = {ROLE}\nsource_profile = b\n[profile b]\n{KEYS}",
            ["b (access key)", f"role {ROLE} (profile a)"],
        ),
        (
            f"{CHAINED}source_profile = c\n[profile c]\n{SSO}",
            ["c (sso session corp, Admin in 123)", f"role {ROLE}2 (profile b)", f"role {ROLE}1 (profile a)"],
        ),
        (
            f"{CHAINED}source_profile = c\n{KEYS}",
            ["b (access key)", f"role {ROLE}1 (profile a)"],
        ),
        (f"[profile a]\nrole_arn = {ROLE}\nsource_profile = a\n{KEYS}", ["a (access key)", f"role {ROLE} (profile a)"]),
        (
            f"[profile a]\nrole_arn = {ROLE}\nsource_profile = b\n",
            ["b (not configured)", f"role {ROLE} (profile a)"],
        ),
        (
            f"[profile a]\nrole_arn = {ROLE}\nsource_profile = b\n[profile b]\nrole_arn = {ROLE}\nsource_profile = a\n",
            ["a (leads back to itself)", f"role {ROLE} (profile b)", f"role {ROLE} (profile a)"],
        ),
        (
            f"[profile a]\nrole_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n",
            ["the instance's role", f"role {ROLE} (profile a)"],
        ),
        (
            f"[profile a]\nrole_arn = {ROLE}\ncredential_source = Moon\n",
            ["Moon (no credential_source)", f"role {ROLE} (profile a)"],
        ),
        (
            f"[profile a]\nrole_arn = {ROLE}\nweb_identity_token_file = /x\n",
            ["web identity", f"role {ROLE} (profile a)"],
        ),
        (f"[profile a]\nrole_arn = {ROLE}\n", ["nothing to assume it from", f"role {ROLE} (profile a)"]),
    ],
)
def test_each_kind_of_profile_has_its_links(config: str, links: list[str], home: Path) -> None:
    assert chain(home, config, "a") == links


def test_the_data_source_s_role_comes_last(home: Path) -> None:
    assert chain(home, f"[profile a]\n{KEYS}", "a", ROLE) == ["a (access key)", f"role {ROLE} (data source)"]


def test_a_web_identity_of_the_environment_counts_unless_the_profile_assumes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/x")
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    assert chain(home, f"[default]\n{KEYS}") == ["web identity", f"role {ROLE} (AWS_ROLE_ARN)"]
    config = f"[default]\nrole_arn = {ROLE}2\nsource_profile = a\n[profile a]\n{KEYS}"
    assert chain(home, config) == ["a (access key)", f"role {ROLE}2 (profile default)"]
