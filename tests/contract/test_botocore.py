"""What dsqltok takes from botocore beyond its documented interface. An upgrade that changes it shows here first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider
from botocore.utils import LoginTokenLoader, SSOTokenLoader

from cloud import SSO_ROLE, SSO_SESSION, START_URL
from contract.jobs import job
from dsqltok.errors import CredentialsError
from dsqltokd.worker import aws, signin
from standin import moods
from standin.moods import MoodySts
from standin.sigv4 import Credentials, authenticate
from standin.sso import Sso

if TYPE_CHECKING:
    from pathlib import Path

    from standin.imds import Imds
    from standin.moods import Mood
    from standin.sts import Sts

KEYS = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n"
ROLE = "arn:aws:iam::123456789012:role/Contract"
HOST = "abc.dsql.us-east-1.on.aws"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".aws").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def configure(home: Path, text: str) -> None:
    (home / ".aws/config").write_text(text)


def test_temporary_credentials_tell_their_expiry(home: Path, sts: Sts) -> None:
    role = (
        f"[profile role]\nrole_arn = {ROLE}\nsource_profile = default\nregion = us-east-1\nendpoint_url = {sts.url}\n"
    )
    configure(home, f"[default]\n{KEYS}{role}")
    credentials: Any = botocore.session.Session(profile="role").get_credentials()
    credentials.get_frozen_credentials()
    found: datetime = credentials._expiry_time  # noqa: SLF001 - the point of this test
    assert found.astimezone(UTC).timestamp() == sts.issued()[-1].credentials.expires_at


def test_credentials_tell_where_they_come_from(home: Path) -> None:
    helper = home / "helper"
    helper.write_text('#!/bin/sh\necho \'{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b"}\'\n')
    helper.chmod(0o700)
    configure(home, f"[profile helped]\ncredential_process = {helper}\n")
    credentials: Any = botocore.session.Session(profile="helped").get_credentials()
    credentials.get_frozen_credentials()
    assert credentials.method == "custom-process"
    assert getattr(credentials, "_expiry_time", None) is None


def test_credentials_of_the_environment_say_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(home, "")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    credentials: Any = botocore.session.Session().get_credentials()
    assert credentials.method == "env"


def test_the_sign_in_of_a_profile_is_where_it_is_watched(home: Path) -> None:
    configure(home, f"{SSO_SESSION}[profile sso]\nsso_session = corp\n")
    kept: dict[str, Any] = {}
    SSOTokenLoader(cache=kept).save_token(START_URL, "token", session_name="corp")
    (key,) = kept
    watched = [path for path, _ in aws.run(job(home, "sso"))["files"]]
    assert str(home / f".aws/sso/cache/{key}.json") in watched


def test_a_role_that_asks_for_a_code_gets_the_one_that_was_given(home: Path) -> None:
    configure(
        home,
        "[profile base]\naws_access_key_id = a\naws_secret_access_key = b\n"
        f"[profile ops]\nrole_arn = {ROLE}\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/ana\n",
    )
    session = botocore.session.Session(profile="ops")
    signin.expect_code(session, None)
    credentials: Any = session.get_credentials()
    with pytest.raises(CredentialsError) as caught:
        credentials.get_frozen_credentials()
    assert caught.value.data == {"login": {"kind": "mfa", "serial": "arn:aws:iam::1:mfa/ana"}}


def test_the_helper_of_a_source_profile_is_run_within_bounds_and_once(home: Path, sts: Sts) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    keys = {"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c", "Expiration": soon}
    helper = home / "helper"
    helper.write_text(f"#!/bin/sh\necho ran >>{home}/runs\necho '{json.dumps(keys)}'\n")
    helper.chmod(0o700)
    role = f"[profile role]\nrole_arn = {ROLE}\nsource_profile = helped\nendpoint_url = {sts.url}\n"
    configure(home, f"{role}[profile helped]\ncredential_process = {helper}\n")
    assert "value" in aws.run(job(home, "role"))["tokens"][0]
    assert (home / "runs").read_text() == "ran\n"
    helper.write_text("#!/bin/sh\nyes\n")
    assert 'profile "helped": its credential_process printed more' in aws.run(job(home, "role"))["error"]["message"]


def test_what_sts_answers_is_checked_for_the_roles_of_a_profile_too(home: Path) -> None:
    with MoodySts(moods.issues(user="", secret="")) as lying:
        role = f"[profile role]\nrole_arn = {ROLE}\nsource_profile = default\nendpoint_url = {lying.url}\n"
        configure(home, f"[default]\n{KEYS}{role}")
        answer = aws.run(job(home, "role"))
    assert answer["error"]["message"] == f"role {ROLE}: the answer lacks SecretAccessKey, SessionToken"


def test_requests_for_the_roles_of_a_profile_have_bounds_too(home: Path) -> None:
    with MoodySts(moods.complains(503, "ServiceUnavailable")) as down:
        role = f"[profile role]\nrole_arn = {ROLE}\nsource_profile = default\nendpoint_url = {down.url}\n"
        configure(home, f"[default]\n{KEYS}{role}")
        assert aws.run(job(home, "role"))["error"]["kind"] == "unavailable"
        assert down.asked == 2


def test_a_session_that_ends_while_it_cannot_be_renewed_does_not_hide_why(home: Path) -> None:
    with MoodySts(moods.says(503, "")) as down:
        role = f"[profile role]\nrole_arn = {ROLE}\nsource_profile = default\nendpoint_url = {down.url}\n"
        configure(home, f"[default]\n{KEYS}{role}")
        keys = {"access_key_id": "ASIA", "secret_access_key": "x", "session_token": "x"}
        ending = {"session": {**keys, "obtained_at": time.time() - 900, "expires_at": time.time() + 0.9}}
        assert aws.run({**job(home, "role"), **ending})["error"]["kind"] == "unavailable"


def test_a_session_that_ends_before_it_has_signed_may_be_had_anew(home: Path) -> None:
    keys = {"access_key_id": "ASIA", "secret_access_key": "x", "session_token": "x"}
    ended = {"session": {**keys, "obtained_at": time.time() - 900, "expires_at": time.time() - 1}, "renew": False}
    error = aws.run({**job(home, ""), "profile": None, **ended})["error"]
    assert (error["message"], error["retryable"]) == ("the AWS credentials have expired", True)


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        (moods.complains(503, "Down"), "the sso session cannot be renewed: aws says 503"),
        (moods.says(403, ""), "the renewal of the sso session: the answer makes no sense"),
        (moods.says(400, '{"error": "invalid_grant"}', **{"x-amzn-ErrorType": "InvalidGrantException"}), "has expired"),
    ],
)
def test_a_sign_in_that_cannot_be_renewed_for_now_has_not_ended(home: Path, mood: Mood, said: str) -> None:
    configure(home, f"{SSO_SESSION}[profile sso]\nsso_session = corp\n{SSO_ROLE}")
    (home / ".aws/sso/cache").mkdir(parents=True)
    with Sso() as sso, MoodySts(mood) as oidc:
        name, kept = sso.signed_in(START_URL, "corp", life_s=-1)
        (home / ".aws/sso/cache" / name).write_text(kept)
        asked = job(home, "sso")
        asked["environment"] |= {"AWS_ENDPOINT_URL_SSO_OIDC": oidc.url, "AWS_ENDPOINT_URL_SSO": sso.url}
        assert said in aws.run(asked)["error"]["message"]


def test_the_sso_cache_is_where_the_callers_home_is(home: Path) -> None:
    providers: tuple[Any, ...] = (SSOProvider, SSOTokenProvider)
    for provider in providers:
        assert isinstance(provider._SSO_TOKEN_CACHE_DIR, str)  # noqa: SLF001 - it is what is tested
    aws.run({"environment": {"HOME": str(home)}, "profile": None, "sso": None})
    for provider in providers:
        assert str(home / ".aws/sso/cache") == provider._SSO_TOKEN_CACHE_DIR  # noqa: SLF001 - as above


def test_the_credentials_of_an_instance_go_through_the_function_that_would_stretch_them() -> None:
    provider: Any = botocore.session.Session().get_component("credential_provider").get_provider("iam-role")
    assert callable(provider._role_fetcher._evaluate_expiration)  # noqa: SLF001 - it is what is tested


@pytest.mark.parametrize("place", ["instance", "container"])
def test_what_the_machine_gives_ends_when_the_machine_says(home: Path, imds: Imds, place: str) -> None:
    imds.life_s = 400  # near enough to its end for botocore to stretch what an instance says
    configure(home, "")
    asked = job(home, None)
    asked["environment"] |= {
        "instance": {"AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url},
        "container": {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": imds.container_url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": imds.authorization,
        },
    }[place]
    (token,) = aws.run(asked)["tokens"]
    assert token["expires_at"] in [made.expires_at for made in imds.issued]


def test_the_login_of_a_profile_is_where_it_is_watched(home: Path) -> None:
    login = "arn:aws:iam::123456789012:user/ana"
    configure(home, f"[profile app]\nlogin_session = {login}\n")
    kept: dict[str, Any] = {}
    loader: Any = LoginTokenLoader(cache=kept)
    loader.save_token(login, {})
    (key,) = kept
    watched = [path for path, _ in aws.run(job(home, "app"))["files"]]
    assert str(home / f".aws/login/cache/{key}.json") in watched


RUN = """
import json, sys
from botocore.compat import HAS_CRT
from dsqltokd.worker import aws
assert not HAS_CRT
print(json.dumps(aws.run(json.load(sys.stdin))))
"""


def test_what_is_signed_without_awscrt_is_good_too(home: Path) -> None:
    signer = Credentials("ASIAIOSFODNN7EXAMPLE", "a/secret+key", "a+session/token==")
    asked = job(home, None)
    asked["environment"] |= {
        "AWS_ACCESS_KEY_ID": signer.access_key_id,
        "AWS_SECRET_ACCESS_KEY": signer.secret_access_key,
        "AWS_SESSION_TOKEN": signer.session_token,
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(asked),
        env={**os.environ, "BOTO_DISABLE_CRT": "true"},
        capture_output=True,
        text=True,
        check=True,
    )
    (token,) = json.loads(done.stdout)["tokens"]
    known = {signer.access_key_id: signer}
    login = authenticate(token["value"], host=HOST, user="app", now=token["signed_at"], credentials_of=known.get)
    assert login.signed_at == token["signed_at"]
