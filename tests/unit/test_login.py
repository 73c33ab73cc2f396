"""An SSO login at the terminal, with answers of a daemon that are played."""

from __future__ import annotations

from typing import Any

import pytest

from dsqltok import errors, login

NEEDED = errors.CredentialsError("no session", data={"login": {"kind": "sso"}})
BEGUN = {"code": "ABCD", "url": "https://x", "interval": 0.001, "expires_in": 30, "handle": "h"}
CONFIRMED = {"done": True, "slower": 0}
OFFLINE = errors.UnavailableError("the network is gone", hint="wait")
DONE = {"identities": [{"identity": "profile a", "expires_at": "never"}]}


def run(*polls: object, **begun: object) -> list[dict[str, Any]]:
    answers = {"login": iter([NEEDED, DONE]), "login.sso": iter([BEGUN | begun]), "login.poll": iter(polls)}

    def request(method: str, _params: dict[str, object]) -> dict[str, Any]:
        answer: Any = next(answers[method])
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    return login.run({}, request, browser=False)


def test_a_network_that_fails_for_a_moment_does_not_end_a_login() -> None:
    assert run(OFFLINE, {"done": False, "slower": 0}, OFFLINE, CONFIRMED) == DONE["identities"]


def test_what_fails_for_good_ends_it_at_once() -> None:
    with pytest.raises(errors.DeniedError):
        run(errors.DeniedError("refused in the browser"), CONFIRMED)


def test_at_the_end_of_its_time_the_last_trouble_is_told() -> None:
    with pytest.raises(errors.CredentialsError, match="not confirmed in time"):
        run(expires_in=0)
    with pytest.raises(errors.UnavailableError, match="the network is gone"):
        run(*[OFFLINE] * 20, expires_in=0.05)
