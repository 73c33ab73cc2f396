"""A restart asks AWS for nothing: the keyring has it. Without a keyring the status says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloud import SSO_ROLE, SSO_SESSION
from desk import ACCESS_KEY_ID, SECRET_ACCESS_KEY, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloud import Cloud
    from desk import Desk
    from standin.secretservice import SecretService
    from standin.sts import Sts


# A first request waits for what the keyring may hold for a second, in which a busy machine may not be done with that.
LATE_FOR_ONCE = "at most of the restarts the keyring is there in time"


@pytest.fixture
def keyring(desk: Desk, secret_service: SecretService) -> Iterator[SecretService]:
    """Give the desk a Secret Service, emptied of what an earlier test stored."""
    desk.environment |= secret_service.environment
    desk.run("keyring", "del", "dsqltok", "tokens")
    yield secret_service
    desk.close()


def keyring_of(desk: Desk) -> Any:
    return desk.status()["keyring"]


@pytest.mark.usefixtures("keyring")
@pytest.mark.parametrize("end", ["stop", "sigterm"])
def test_after_a_restart_get_answers_from_the_keyring_without_calling_aws(
    end: str, desk: Desk, sts: Sts, example: Callable[[str], str]
) -> None:
    desk.aws(
        config=f"[profile prod]\nendpoint_url = {sts.url}\n",
        credentials=f"[prod]\naws_access_key_id = {ACCESS_KEY_ID}\naws_secret_access_key = {SECRET_ACCESS_KEY}\n",
    )
    example("profile-and-role")
    desk.ok("get", "--data", "db")

    def answered_from_the_keyring() -> bool:
        token, calls = desk.ok("get", "--data", "db"), len(sts.issued())
        if end == "stop":
            desk.ok("stop")
        else:
            desk.terminate()
        return (desk.ok("get", "--data", "db"), len(sts.issued())) == (token, calls)

    eventually(answered_from_the_keyring, LATE_FOR_ONCE)
    eventually(lambda: keyring_of(desk)["state"] == "in use", "the keyring is in use")


@pytest.mark.usefixtures("keyring")
def test_after_a_restart_an_sso_session_goes_on_signing_without_asking_the_portal(cloud: Cloud) -> None:
    cloud.desk.configure("token_ttl = 1\n")
    cloud.desk.aws(config=f"{SSO_SESSION}[profile sso]\nsso_session = corp\n{SSO_ROLE}")
    cloud.signed_in()
    cloud.project(db='profile = "sso"')
    cloud.token()

    def went_on_signing() -> bool:
        token, granted = cloud.token(), len(cloud.sso.granted)
        cloud.desk.ok("stop")
        eventually(lambda: cloud.token() != token, "a new token")
        return len(cloud.sso.granted) == granted

    eventually(went_on_signing, LATE_FOR_ONCE)


@pytest.mark.usefixtures("keyring")
def test_after_a_crash_what_was_written_behind_is_there(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    desk.ok("get")

    def was_there() -> bool:
        token = desk.ok("get", "-n")
        eventually(lambda: token in desk.run("keyring", "get", "dsqltok", "tokens").stdout, "stored")
        desk.kill()
        return desk.ok("get", "-n") == token

    eventually(was_there, LATE_FOR_ONCE)


@pytest.mark.usefixtures("keyring")
def test_stored_tokens_are_not_used_where_the_profile_has_changed_meanwhile(
    desk: Desk, example: Callable[[str], str]
) -> None:
    example("admin")
    desk.ok("get")
    desk.ok("stop")
    desk.aws(credentials="[default]\naws_access_key_id = AKIAI44QH8DHBEXAMPLE\naws_secret_access_key = x\n")
    assert "AKIAI44QH8DHBEXAMPLE" in desk.ok("get")


def test_what_was_obtained_before_the_keyring_was_unlocked_is_not_put_in_doubt_by_what_that_holds(
    desk: Desk, keyring: SecretService, example: Callable[[str], str]
) -> None:
    example("admin")
    desk.ok("get")
    desk.ok("stop")
    desk.aws(credentials="[default]\naws_access_key_id = AKIAI44QH8DHBEXAMPLE\naws_secret_access_key = x\n")
    with keyring.locked():
        token = desk.ok("get")
        eventually(lambda: keyring_of(desk)["error"] is not None, "it is locked")
    eventually(lambda: keyring_of(desk)["state"] == "in use", "it is unlocked")
    assert desk.ok("get") == token
    assert "is to be signed for again" not in desk.log.read_text()


def test_a_locked_keyring_delays_nothing_and_shows_in_the_status(
    desk: Desk, keyring: SecretService, example: Callable[[str], str]
) -> None:
    example("admin")
    with keyring.locked():
        desk.ok("get")
        eventually(lambda: keyring_of(desk)["error"] is not None, "the status tells")
        assert "locked" in keyring_of(desk)["error"]["message"]


def test_a_hung_keyring_delays_nothing(desk: Desk, keyring: SecretService, example: Callable[[str], str]) -> None:
    example("admin")
    with keyring.hung():
        desk.ok("get")
        desk.ok("stop")


@pytest.mark.usefixtures("keyring")
def test_keys_of_an_environment_are_never_stored(desk: Desk, example: Callable[[str], str]) -> None:
    example("admin")
    keys = {"AWS_ACCESS_KEY_ID": "AKIAI44QH8DHBEXAMPLE", "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
    assert "AKIAI44QH8DHBEXAMPLE" in desk.ok("get", env=keys)
    desk.ok("get")

    def entry() -> str:
        return desk.run("keyring", "get", "dsqltok", "tokens").stdout

    eventually(lambda: ACCESS_KEY_ID in entry(), "what may be stored is")
    desk.ok("stop")
    assert ACCESS_KEY_ID in entry()
    assert "AKIAI44QH8DHBEXAMPLE" not in entry()


def test_without_a_keyring_tokens_are_in_memory_only_and_the_status_says_so(
    desk: Desk, example: Callable[[str], str]
) -> None:
    example("admin")
    desk.ok("get")
    eventually(lambda: keyring_of(desk)["state"] == "memory only", "the status tells")
    assert "memory only" in desk.ok("status")
