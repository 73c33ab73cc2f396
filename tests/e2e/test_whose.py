"""Whose credentials sign: the caller's environment decides, for this caller alone, and their end is the token's."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from cloud import ACCOUNT, KEY_LINES, KEY_VARIABLES, OWN, ROLE, SSO_ROLE, SSO_SESSION, key_in, moment
from desk import ACCESS_KEY_ID, eventually
from standin.proxy import Proxy
from standin.sts import BlackHole, RefusingSts

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud import Cloud

ROLE_PROFILE = f"[profile app]\nregion = us-east-1\nrole_arn = {OWN}\nsource_profile = default\n"
DENIED = 6


def test_two_shells_get_the_tokens_of_their_own_profiles_at_the_same_time(cloud: Cloud) -> None:
    cloud.desk.aws(config=f"[profile app]\n{KEY_LINES}")
    cloud.project(db="")
    shells: list[dict[str, str | None]] = [{"AWS_PROFILE": "app"}, {"AWS_PROFILE": None}] * 4
    with ThreadPoolExecutor(len(shells)) as at_once:
        tokens = list(at_once.map(lambda shell: cloud.token(**shell), shells))
    assert [key_in(token) for token in tokens] == [KEY_VARIABLES["AWS_ACCESS_KEY_ID"], ACCESS_KEY_ID] * 4


def test_the_endpoint_of_one_caller_is_never_anothers(cloud: Cloud) -> None:
    cloud.desk.aws(config=ROLE_PROFILE)
    cloud.project(db='profile = "app"')
    with RefusingSts() as elsewhere:
        first = cloud.token()
        there = cloud.desk.dsqltok("get", "--data", "db", env={"AWS_ENDPOINT_URL_STS": elsewhere.url})
        assert there.returncode == DENIED
        assert elsewhere.refused == 1
        assert cloud.token() == first


def test_the_files_of_one_caller_are_never_anothers(cloud: Cloud) -> None:
    cloud.desk.write(cloud.desk.work / "mine", f"[profile app]\n{KEY_LINES}")
    cloud.desk.aws(config=ROLE_PROFILE)
    cloud.project(db='profile = "app"')
    assert key_in(cloud.token(AWS_CONFIG_FILE="mine")) == KEY_VARIABLES["AWS_ACCESS_KEY_ID"]
    assert cloud.sts.find(key_in(cloud.token()))
    assert key_in(cloud.token(AWS_CONFIG_FILE="mine")) == KEY_VARIABLES["AWS_ACCESS_KEY_ID"]


def test_another_home_has_its_own_sso_session(cloud: Cloud, caller: Callable[[str], str]) -> None:
    home = cloud.desk.root / "other"
    config = f"{SSO_SESSION}[profile app]\nsso_session = corp\n{SSO_ROLE}"
    cloud.desk.aws(config=config)
    cloud.desk.write(home / ".aws/config", config)
    cloud.signed_in(home=home)
    cloud.project(db='profile = "app"')
    assert cloud.sso.find(caller(cloud.token(HOME=str(home), XDG_STATE_HOME=str(cloud.desk.home / ".local/state"))))
    assert cloud.desk.dsqltok("get", "--data", "db").returncode == 5


def test_a_hung_identity_delays_no_other(cloud: Cloud) -> None:
    cloud.desk.configure("aws_timeout = 40\n")
    cloud.desk.aws(config=ROLE_PROFILE)
    cloud.project(db='profile = "app"', plain="")
    with ThreadPoolExecutor(1) as at_once:
        with BlackHole() as hole:
            hung = at_once.submit(cloud.desk.dsqltok, "get", "--data", "db", env={"AWS_ENDPOINT_URL_STS": hole.url})
            hole.swallow(30.0)
            assert key_in(cloud.token("plain")) == ACCESS_KEY_ID
            assert not hung.done()
        assert hung.result().returncode in (7, 8)  # it was hung up on


@pytest.mark.parametrize("left", [400, 100])
def test_a_token_ends_with_the_credentials_of_the_environment(cloud: Cloud, left: int) -> None:
    made = cloud.mint.make(left)
    environment = {
        "AWS_ACCESS_KEY_ID": made.access_key_id,
        "AWS_SECRET_ACCESS_KEY": made.secret_access_key,
        "AWS_SESSION_TOKEN": made.session_token or "",
        "AWS_CREDENTIAL_EXPIRATION": moment(made.expires_at),
    }
    cloud.project(db="")
    answer = json.loads(cloud.desk.ok("get", "--data", "db", "--json", env=environment))
    assert datetime.fromisoformat(answer["expires_at"]).timestamp() == made.expires_at
    (token,) = cloud.desk.status()["tokens"]
    assert token["expires_in"] <= left
    assert made.expires_at is not None
    assert made.expires_at > time.time()


def test_the_settings_of_a_role_are_honoured(cloud: Cloud) -> None:
    cloud.desk.aws(config=f"{ROLE_PROFILE}external_id = 4711\nrole_session_name = ana\nduration_seconds = 1800\n")
    cloud.project(db='profile = "app"')
    before = time.time()
    cloud.token()
    issued = cloud.sts.issued()[-1]
    assert (issued.external_id, issued.session_name) == ("4711", "ana")
    assert issued.credentials.expires_at is not None
    assert 1790 < issued.credentials.expires_at - before < 1900


def test_one_role_session_signs_for_every_target_of_its_identity(cloud: Cloud) -> None:
    cloud.desk.aws(config=ROLE_PROFILE)
    cloud.project(db='profile = "app"', again='profile = "app"\n  region = "us-east-1"')
    cloud.desk.project((cloud.desk.work / "atlas.hcl").read_text().replace("admin = true", "admin = false", 1))
    before = len(cloud.sts.issued())
    first, second = cloud.token(), cloud.token("again")
    assert key_in(first) == key_in(second)
    assert first != second
    assert len(cloud.sts.issued()) == before + 1


def test_a_session_ends_with_the_profile_that_made_it(cloud: Cloud) -> None:
    cloud.desk.aws(config=ROLE_PROFILE)
    cloud.project(db='profile = "app"')
    first = cloud.token()
    cloud.desk.aws(config=ROLE_PROFILE.replace(OWN, f"arn:aws:iam::{ACCOUNT}:role/Next"))
    eventually(lambda: cloud.token() != first, "the new role signs")
    assert cloud.sts.issued()[-1].role_arn == f"arn:aws:iam::{ACCOUNT}:role/Next"


@pytest.mark.parametrize("where", ["profile", "services", "variable"])
def test_an_endpoint_may_be_named_wherever_aws_tools_look_for_one(cloud: Cloud, where: str) -> None:
    url = cloud.desk.environment.pop("AWS_ENDPOINT_URL_STS")
    more = {
        "profile": f"endpoint_url = {url}\n",
        "services": f"services = beds\n[services beds]\nsts =\n  endpoint_url = {url}\n",
        "variable": "",
    }[where]
    cloud.desk.aws(config=ROLE_PROFILE + more)
    if where == "variable":
        cloud.desk.environment["AWS_ENDPOINT_URL"] = url
    cloud.project(db='profile = "app"')
    assert cloud.sts.find(key_in(cloud.token()))


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        ({}, "sts.us-east-1.amazonaws.com"),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "sts-fips.us-east-1.amazonaws.com"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "sts.us-east-1.api.aws"),
        ({"AWS_REGION": "eu-central-1"}, "sts.eu-central-1.amazonaws.com"),
    ],
)
def test_sts_is_asked_through_the_callers_proxy_at_the_endpoint_that_is_configured(
    cloud: Cloud, environment: dict[str, str], host: str
) -> None:
    del cloud.desk.environment["AWS_ENDPOINT_URL_STS"]
    (cloud.desk.home / ".aws/config").unlink(missing_ok=True)
    cloud.project(db=f'role_arn = "{ROLE}"')
    with Proxy(cloud.sts.url) as proxy:
        behind: dict[str, str | None] = {"HTTPS_PROXY": proxy.url, "AWS_CA_BUNDLE": str(proxy.ca_file), **environment}
        token = cloud.token("db", **{"AWS_REGION": "us-east-1", **behind})
        assert cloud.sts.find(key_in(token))
        assert proxy.asked == [host]


def test_a_proxy_whose_authority_is_not_trusted_is_explained(cloud: Cloud) -> None:
    del cloud.desk.environment["AWS_ENDPOINT_URL_STS"]
    cloud.project(db=f'role_arn = "{ROLE}"')
    with Proxy(cloud.sts.url) as proxy:
        done = cloud.desk.dsqltok("get", "--data", "db", env={"HTTPS_PROXY": proxy.url, "AWS_REGION": "us-east-1"})
    assert done.returncode == 7
    assert "certificate" in done.stderr
    assert "AWS_CA_BUNDLE" in done.stderr
