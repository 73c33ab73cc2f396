"""How long what AWS gives lasts, and what makes the daemon ask for it anew: a sign-in, a change, its coming end."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from cloud import KEY_LINES, LOGIN, OWN, SSO_ROLE, SSO_SESSION, START_URL, key_in, moment
from desk import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud import Cloud

CREDENTIALS = 5
PROBE_PAUSE_S = 30.0  # until a `get` asks AWS again after a failure that only a person can mend
BASE = f"[base]\n{KEY_LINES}"
ROLE_PROFILE = f"[profile role]\nrole_arn = {OWN}\nsource_profile = base\n"
SSO_PROFILE = f"{SSO_SESSION}[profile sso]\nsso_session = corp\n{SSO_ROLE}"


# How long it lasts


def short_of_a_helper(cloud: Cloud) -> dict[str, str]:
    made = cloud.mint.make(400)
    helper = cloud.helper(made, Expiration=moment(made.expires_at))
    cloud.desk.aws(config=f"[profile app]\ncredential_process = {helper}\n")
    return {"AWS_PROFILE": "app"}


def short_of_an_sso_role(cloud: Cloud) -> dict[str, str]:
    cloud.sso.role_life_s = 400
    cloud.desk.aws(config=SSO_PROFILE)
    cloud.signed_in()
    return {"AWS_PROFILE": "sso"}


def short_of_aws_login(cloud: Cloud) -> dict[str, str]:
    cloud.desk.aws(config=f"[profile app]\nlogin_session = {LOGIN}\nregion = us-east-1\n")
    cloud.logged_in(life_s=400)
    return {"AWS_PROFILE": "app"}


@pytest.mark.parametrize(
    "source",
    [short_of_a_helper, short_of_an_sso_role, short_of_aws_login],
    ids=lambda source: source.__name__,
)
def test_a_token_ends_with_the_credentials_behind_it(
    source: Callable[[Cloud], dict[str, str]], cloud: Cloud, caller: Callable[[str], str]
) -> None:
    environment = source(cloud)
    cloud.project(db="")
    answer = json.loads(cloud.desk.ok("get", "--data", "db", "--json", env=environment))
    key = caller(answer["token"])
    givers = (cloud.mint, cloud.sso, cloud.signin)
    (behind,) = [found for giver in givers if (found := giver.find(key))]
    assert datetime.fromisoformat(answer["expires_at"]).timestamp() == behind.expires_at
    (told,) = cloud.desk.status()["tokens"]
    assert told["expires_at"] == answer["expires_at"]
    assert told["refresh_in"] <= told["expires_in"] <= 400


def test_a_session_is_renewed_ahead_of_its_end_without_being_asked_for(cloud: Cloud) -> None:
    life = cloud.sso.role_life_s = 4.0
    cloud.desk.aws(config=SSO_PROFILE)
    cloud.signed_in()
    cloud.project(db="")
    token = cloud.token(AWS_PROFILE="sso")

    def renewed_ahead() -> bool:
        # A busy machine may be late for one renewal, but hardly for each that follows.
        ends = [asked.credentials.expires_at or 0.0 for asked in cloud.sso.granted]
        return any(end < before + life for before, end in pairwise(ends))

    eventually(renewed_ahead, "a role session given out before the end of the one before")
    eventually(lambda: key_in(cloud.token(AWS_PROFILE="sso")) != key_in(token), "a later session signs")


# What is asked of AWS


def test_many_gets_at_once_ask_aws_once_for_each_identity(cloud: Cloud, caller: Callable[[str], str]) -> None:
    cloud.desk.aws(config=f"{ROLE_PROFILE}{SSO_PROFILE}", credentials=BASE)
    cloud.signed_in()
    cloud.project(db="")
    shells = ["role", "sso"] * 3
    before = len(cloud.sts.issued())
    with ThreadPoolExecutor(len(shells)) as threads:
        tokens = list(threads.map(lambda profile: cloud.token(AWS_PROFILE=profile), shells))
    for profile, token in zip(shells, tokens, strict=True):
        assert (cloud.sts if profile == "role" else cloud.sso).find(caller(token))
    assert (len(cloud.sts.issued()) - before, len(cloud.sso.granted)) == (1, 1)


def test_one_session_signs_again_and_again(cloud: Cloud) -> None:
    cloud.desk.configure("token_ttl = 1\n")
    cloud.desk.aws(config=ROLE_PROFILE, credentials=BASE)
    cloud.project(db='profile = "role"')
    before = len(cloud.sts.issued())
    first = cloud.token()
    eventually(lambda: cloud.token() != first, "another token")
    assert len(cloud.sts.issued()) == before + 1


def test_a_sign_in_that_the_daemon_renewed_itself_is_no_news(cloud: Cloud) -> None:
    cloud.desk.aws(config=SSO_PROFILE)
    cloud.signed_in(life_s=-60)
    cloud.project(db='profile = "sso"')
    token = cloud.token()
    # By the time that a later change has been heard of, this one would have been.
    cloud.desk.aws(credentials=f"[else]\n{KEY_LINES}")
    eventually(lambda: ".aws/credentials has changed" in cloud.desk.log.read_text(), "the change is heard of")
    assert "sso/cache" not in cloud.desk.log.read_text()
    assert cloud.token() != token
    assert cloud.sso.refreshed == 1


def changed_sso_sign_in(cloud: Cloud) -> Callable[[], None]:
    cloud.desk.aws(config=SSO_PROFILE.replace("profile sso", "profile app"))
    cloud.signed_in()
    return cloud.signed_in


def changed_identity_token(cloud: Cloud) -> Callable[[], None]:
    token = cloud.desk.write(cloud.desk.root / "identity-token", "a token of the identity provider")
    cloud.desk.aws(config=f"[profile app]\nrole_arn = {OWN}\nweb_identity_token_file = {token}\n")

    def change() -> None:
        cloud.desk.write(token, "another")

    return change


@pytest.mark.parametrize(
    "source",
    [changed_sso_sign_in, changed_identity_token],
    ids=lambda source: source.__name__,
)
def test_a_session_is_dropped_when_what_made_it_changes(
    source: Callable[[Cloud], Callable[[], None]], cloud: Cloud
) -> None:
    change = source(cloud)
    cloud.project(db='profile = "app"')
    first = key_in(cloud.token())
    change()
    eventually(lambda: key_in(cloud.token()) != first, "another session signs")


# What heals an identity


def of_a_source_profile(cloud: Cloud) -> Callable[[], None]:
    roles = f"[profile app]\nrole_arn = {OWN}\nsource_profile = between\n[profile between]\nrole_arn = {OWN}\n"
    source = f"[profile older]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n{SSO_ROLE}"
    cloud.desk.aws(config=f"{roles}source_profile = older\n{source}")
    return lambda: cloud.signed_in(session=None)


def in_another_home(cloud: Cloud) -> Callable[[], None]:
    home = cloud.desk.root / "another home"
    cloud.desk.write(home / ".aws/config", SSO_PROFILE.replace("profile sso", "profile app"))
    cloud.token()  # whoever starts the daemon has his home, and others have theirs
    cloud.desk.environment |= {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(cloud.desk.home / ".config"),
        "XDG_STATE_HOME": str(cloud.desk.home / ".local/state"),
    }
    return lambda: cloud.signed_in(home=home)


def by_aws_login(cloud: Cloud) -> Callable[[], None]:
    cloud.desk.aws(config=f"[profile app]\nlogin_session = {LOGIN}\nregion = us-east-1\n")
    return cloud.logged_in


@pytest.mark.parametrize(
    "sign_in",
    [of_a_source_profile, in_another_home, by_aws_login],
    ids=lambda sign_in: sign_in.__name__,
)
def test_a_sign_in_made_elsewhere_is_noticed_before_aws_would_be_asked_again(
    sign_in: Callable[[Cloud], Callable[[], None]], cloud: Cloud
) -> None:
    cloud.project(db="")
    sign = sign_in(cloud)
    done = cloud.desk.dsqltok("get", "--data", "db", env={"AWS_PROFILE": "app"})
    assert done.returncode == CREDENTIALS
    assert "login" in done.stderr
    sign()

    def healed() -> bool:
        return cloud.desk.dsqltok("get", "--data", "db", env={"AWS_PROFILE": "app"}).returncode == 0

    eventually(healed, "a token", patience=PROBE_PAUSE_S / 2)
