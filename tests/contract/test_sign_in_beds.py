"""The beds for single sign-on, instances and containers answer botocore as AWS does."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.credentials import ContainerProvider, ProfileProviderBuilder
from botocore.exceptions import ClientError, CredentialRetrievalError, UnauthorizedSSOTokenError
from botocore.utils import ContainerMetadataFetcher, InstanceMetadataFetcher, JSONFileCache

if TYPE_CHECKING:
    from pathlib import Path

    from standin.imds import Imds
    from standin.sso import Sso

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
START_URL = "https://corp.awsapps.com/start"


def client(service: str, url: str) -> Any:
    once = Config(retries={"total_max_attempts": 1}, signature_version=botocore.UNSIGNED)
    return botocore.session.Session().create_client(service, region_name="us-east-1", endpoint_url=url, config=once)


def begun(sso: Sso, *scopes: str) -> tuple[Any, dict[str, str]]:
    """Begin to sign in a device; return the client and what it asks for its token with."""
    oidc = client("sso-oidc", sso.url)
    registered = oidc.register_client(clientName="a test", clientType="public", scopes=list(scopes))
    keys = {name: registered[name] for name in ("clientId", "clientSecret")}
    device = oidc.start_device_authorization(**keys, startUrl=START_URL)
    assert device["userCode"] in device["verificationUriComplete"]
    assert (device["interval"], sso.devices[-1].start_url) == (sso.interval_s, START_URL)
    return oidc, {**keys, "grantType": DEVICE_CODE, "deviceCode": device["deviceCode"]}


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_a_device_gets_its_token_once_the_person_has_signed_in(sso: Sso) -> None:
    oidc, ask = begun(sso, "sso:account:access")
    with pytest.raises(ClientError) as caught:
        oidc.create_token(**ask)
    assert code_of(caught) == "AuthorizationPendingException"
    sso.approve()
    token = oidc.create_token(**ask)
    assert token["expiresIn"] == sso.token_life_s
    with pytest.raises(ClientError) as caught:
        oidc.create_token(**ask)
    assert code_of(caught) == "InvalidGrantException"
    again = {**ask, "grantType": "refresh_token", "refreshToken": token["refreshToken"]}
    assert oidc.create_token(**again)["accessToken"] != token["accessToken"]


def test_a_device_whose_registration_names_no_scope_gets_nothing_to_renew_with(sso: Sso) -> None:
    oidc, ask = begun(sso)
    sso.approve()
    assert "refreshToken" not in oidc.create_token(**ask)


@pytest.mark.parametrize(("settle", "code"), [("deny", "AccessDeniedException"), ("expire", "ExpiredTokenException")])
def test_a_device_is_told_that_the_person_refused_or_took_too_long(settle: str, code: str, sso: Sso) -> None:
    oidc, ask = begun(sso)
    getattr(sso, settle)()
    with pytest.raises(ClientError) as caught:
        oidc.create_token(**ask)
    assert code_of(caught) == code


def test_the_portal_gives_role_credentials_for_a_good_token_alone(sso: Sso) -> None:
    portal = client("sso", sso.url)
    _, text = sso.signed_in(START_URL, "corp")
    ask = {"accountId": "123456789012", "roleName": "Developer"}
    given = portal.get_role_credentials(**ask, accessToken=json.loads(text)["accessToken"])["roleCredentials"]
    granted = sso.granted[-1]
    assert (granted.account_id, granted.role_name) == ("123456789012", "Developer")
    assert sso.find(given["accessKeyId"]) == granted.credentials
    assert granted.credentials.expires_at == given["expiration"] / 1000
    for bad in ("access-unknown", json.loads(sso.signed_in(START_URL, life_s=-1)[1])["accessToken"]):
        with pytest.raises(ClientError) as caught:
            portal.get_role_credentials(**ask, accessToken=bad)
        assert code_of(caught) == "UnauthorizedException"


def test_a_sign_in_is_what_botocore_finds_in_its_cache(
    sso: Sso, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"[profile sso]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = Developer\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", sso.url)
    name, text = sso.signed_in(START_URL)
    (tmp_path / name).write_text(text)
    assert sso.find(signed_in_key(tmp_path))
    sso.sign_out()
    with pytest.raises(UnauthorizedSSOTokenError):
        signed_in_key(tmp_path)


def signed_in_key(cache: Path) -> str:
    """Return the access key id that botocore gets for the profile `sso` with the sign-in kept in `cache`."""
    session = botocore.session.Session(profile="sso")
    kept: Any = JSONFileCache(str(cache))
    builder = ProfileProviderBuilder(session, sso_token_cache=kept)
    provider: Any
    (provider,) = [each for each in builder.providers("sso") if each.METHOD == "sso"]
    return str(provider.load().get_frozen_credentials().access_key)


def test_an_instance_gives_its_roles_credentials(imds: Imds) -> None:
    fetcher = InstanceMetadataFetcher(config={"ec2_metadata_service_endpoint": imds.url})
    found = fetcher.retrieve_iam_role_credentials()
    assert found["role_name"] == imds.role_name
    given = imds.find(found["access_key"])
    assert given is not None
    assert given.session_token == found["token"]
    assert given.expires_at is not None
    assert given.expires_at > time.time() + imds.life_s - 60


def test_a_container_gives_credentials_to_who_brings_the_token(imds: Imds) -> None:
    found = in_container(imds, imds.authorization).load().get_frozen_credentials()
    assert imds.find(found.access_key)
    with pytest.raises(CredentialRetrievalError):
        in_container(imds, "wrong").load()


def in_container(imds: Imds, authorization: str) -> Any:
    environment = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": imds.container_url,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": authorization,
    }
    provider: Any = ContainerProvider
    return provider(environment, ContainerMetadataFetcher(sleep=lambda _seconds: None))
