"""Whose mistake it is: one of ours is told as a bug, and whatever AWS answers, or a file says, never is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloud import SSO_SESSION
from contract.jobs import job
from dsqltokd.worker import aws
from standin import moods
from standin.moods import MoodySts

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "c4n4ry-wJalrXUtnFEMI"
PROFILE = f"[profile app]\naws_access_key_id = AKIA\naws_secret_access_key = {CANARY}\nregion = us-east-1\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text(f"{PROFILE}{SSO_SESSION}[profile sso]\nsso_session = corp\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "broken",
    [
        {"targets": [7]},
        {"session": {"access_key_id": CANARY}, "renew": False},
        {"sso": {"client_id": CANARY}},
        {"question": "who", "targets": []},
    ],
    ids=" ".join,
)
def test_a_job_that_no_core_of_ours_should_send_is_told_as_a_bug(home: Path, broken: dict[str, Any]) -> None:
    error = aws.run(job(home, "app", **broken))["error"]
    assert (error["kind"], error["retryable"]) == ("internal", False)
    assert error["message"].startswith("a worker failed (")
    assert ".py:" in error["message"]
    assert "please report" in error["hint"]
    assert CANARY not in str(error)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{}", "sso, clientId: the answer makes no sense"),
        ('{"clientId": "a", "clientSecret": "b"}', "sso, verificationUri: the answer makes no sense"),
        ("[]", "the answer makes no sense"),
    ],
)
def test_an_sso_service_that_lies_is_the_answers_fault(home: Path, said: str, told: str) -> None:
    with MoodySts(moods.says(200, said)) as lying:
        environment = {"HOME": str(home), "AWS_ENDPOINT_URL_SSO_OIDC": lying.url}
        error = aws.run(job(home, "sso", sso=None, environment=environment))["error"]
    assert error["kind"] == "unavailable"
    assert told in error["message"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("<a><GetCallerIdentityResult/></a>", "the caller's identity: the answer lacks Account, Arn"),
        ("<a><GetCallerIdentityResult><Arn>x</Arn></GetCallerIdentityResult></a>", "the answer lacks Account"),
        ("<html>hello</html>", "the answer makes no sense"),
    ],
)
def test_an_sts_that_lies_about_the_caller_is_the_answers_fault(home: Path, said: str, told: str) -> None:
    with MoodySts(moods.says(200, said)) as lying:
        environment = {"HOME": str(home), "AWS_ENDPOINT_URL_STS": lying.url}
        refusal = aws.run(job(home, "app", question="who", environment=environment))["refusal"]
    assert refusal["kind"] == "unavailable"
    assert told in refusal["message"]


@pytest.mark.parametrize(
    "setting", ["source_profile", "sso_session", "sso_start_url", "login_session", "web_identity_token_file"]
)
def test_a_setting_that_holds_settings_is_the_users_to_mend(home: Path, setting: str) -> None:
    role = "role_arn = arn:aws:iam::123456789012:role/x\n"
    (home / ".aws/config").write_text(f"[profile app]\n{role}{setting} =\n  a = {CANARY}\n")
    error = aws.run(job(home, "app"))["error"]
    assert (error["kind"], error["hint"]) == ("configuration", "write it on one line")
    assert error["message"] == f'profile "app": its {setting} holds other settings'
