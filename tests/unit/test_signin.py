"""What SSO-OIDC answers is checked before a person reads it, a program waits by it, or a file holds it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dsqltok.errors import UnavailableError
from dsqltokd.worker import signin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REGISTERED = {"clientId": "id", "clientSecret": "secret", "clientSecretExpiresAt": 2_000_000_000}
STARTED = {
    "deviceCode": "device",
    "userCode": "ABCD-EFGH",
    "verificationUri": "https://device.sso.us-east-1.amazonaws.com/",
    "verificationUriComplete": "https://device.sso.us-east-1.amazonaws.com/?user_code=ABCD-EFGH",
    "expiresIn": 600,
    "interval": 1,
}
TOKEN = {"accessToken": "access", "expiresIn": 28_800, "refreshToken": "refresh"}


class Session:
    """A session of botocore's with one profile."""

    full_config: Mapping[str, Any] = {
        "profiles": {"default": {"sso_session": "corp"}},
        "sso_sessions": {"corp": {"sso_start_url": "https://corp.awsapps.com/start", "sso_region": "us-east-1"}},
    }

    def get_config_variable(self, _name: str) -> None:
        """Name no profile."""


class Oidc:
    """The service, which answers as it always does but for `changes`."""

    def __init__(self, **changes: object) -> None:
        self._changes = changes

    def register_client(self, **_: object) -> dict[str, object]:
        return dict(REGISTERED)

    def start_device_authorization(self, **_: object) -> dict[str, object]:
        return STARTED | self._changes

    def create_token(self, **_: object) -> dict[str, object]:
        return TOKEN | self._changes


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".aws/sso/cache"


def begin(**changes: object) -> dict[str, Any]:
    return signin.begin(Session(), lambda _region: Oidc(**changes))


def poll(**changes: object) -> dict[str, Any]:
    return signin.poll(begin()["flow"], lambda _region: Oidc(**changes))


def test_a_person_gets_the_address_with_the_code_in_it() -> None:
    begun = begin()
    assert (begun["url"], begun["code"]) == (STARTED["verificationUriComplete"], "ABCD-EFGH")
    assert begin(verificationUriComplete=None)["url"] == STARTED["verificationUri"]


@pytest.mark.parametrize("interval", [None, 0])
def test_without_an_interval_it_is_that_of_the_standard(interval: int | None) -> None:
    assert begin(interval=interval)["interval"] == 5


def test_what_takes_very_long_is_cut_to_what_a_program_can_wait() -> None:
    begun = begin(interval=10**12, expiresIn=10**400)
    assert (begun["interval"], begun["expires_in"]) == (60, 3600)


@pytest.mark.parametrize(
    "changes",
    [
        {"interval": -5},
        {"expiresIn": -1},
        {"expiresIn": None},
        {"userCode": {"a": 1}},
        {"userCode": "ABCD\nopen https://example.com"},
        {"verificationUriComplete": 5},
        {"verificationUriComplete": "https://x\x1b]0;x\x07"},
        {"deviceCode": ""},
    ],
)
def test_an_answer_that_nobody_could_follow_makes_no_sense(changes: dict[str, object]) -> None:
    with pytest.raises(UnavailableError, match=f"sso, {next(iter(changes))}: the answer makes no sense"):
        begin(**changes)


def test_a_confirmed_login_is_kept(cache: Path) -> None:
    assert poll() == {"done": True, "slower": 0}
    (file,) = cache.iterdir()
    kept = json.loads(file.read_text())
    assert (kept["accessToken"], kept["refreshToken"]) == ("access", "refresh")
    assert kept["registrationExpiresAt"] == "2033-05-18T03:33:20Z"


@pytest.mark.parametrize("changes", [{"accessToken": 5}, {"expiresIn": -5}, {"refreshToken": {"a": 1}}])
def test_a_token_that_is_none_is_not_kept(changes: dict[str, object], cache: Path) -> None:
    with pytest.raises(UnavailableError, match="the answer makes no sense"):
        poll(**changes)
    assert not cache.exists()


def test_a_session_without_an_end_in_sight_is_kept_for_a_year(cache: Path) -> None:
    poll(expiresIn=10**400)
    (file,) = cache.iterdir()
    assert json.loads(file.read_text())["expiresAt"].endswith("Z")
