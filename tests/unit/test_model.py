from __future__ import annotations

import traceback
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltokd.model import Identity, Instant, Secret, Session, Target, Token

CANARY = "c4n4ry-wJalrXUtnFEMI"

IDENTITY = Identity("prod", None, (("AWS_PROFILE", "x"), ("HTTPS_PROXY", f"http://me:{CANARY}@proxy")), f"s-{CANARY}")
TARGET = Target("abc.dsql.us-east-1.on.aws", "us-east-1", "DbConnect", IDENTITY)
SESSION = Session("ASIAEXAMPLE", Secret(CANARY), Secret(CANARY), 0.0, 3600.0)
TOKEN = Token(Secret(CANARY), "us-east-1", 1000.0, 50.0, 1900.0)

holders = pytest.mark.parametrize("value", [Secret(CANARY), IDENTITY, TARGET, SESSION, TOKEN], ids=type)


@holders
def test_no_way_of_making_text_shows_a_secret(value: Any) -> None:
    texts = [repr(value), str(value), f"{value}", f"{value!r:>80}", "%s %r" % (value, value), repr([{"k": (value,)}])]  # noqa: UP031 - logging formats this way
    assert not [text for text in texts if CANARY in text]


@holders
def test_an_exception_that_carries_it_shows_no_secret(value: object) -> None:
    assert CANARY not in "".join(traceback.format_exception(ValueError("no", value)))


@pytest.mark.parametrize("value", [IDENTITY, TARGET, SESSION, TOKEN], ids=type)
def test_a_record_does_not_change(value: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, next(iter(value.__dataclass_fields__)), "other")


def test_a_secret_gives_its_text_to_who_asks_for_it() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_secrets_are_compared_by_their_text_and_with_secrets_only() -> None:
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


@pytest.mark.parametrize(
    ("identity", "text"),
    [
        (Identity(), "profile default"),
        (Identity(profile="prod"), "profile prod"),
        (Identity(environment=(("AWS_PROFILE", "dev"),)), "profile dev"),
        (Identity(profile="prod", environment=(("AWS_PROFILE", "dev"),)), "profile prod"),
        (Identity(seal="x", by_keys=True), "keys from the environment"),
        (Identity(environment=(("AWS_PROFILE", "dev"),), seal="x", by_keys=True), "keys from the environment"),
        (Identity(profile="prod", seal="x", by_keys=True), "profile prod"),
        (Identity(seal="x"), "profile default"),
        (Identity(profile="prod", role_arn="arn:aws:iam::1:role/r"), "profile prod, role arn:aws:iam::1:role/r"),
    ],
)
def test_an_identity_is_described_as_its_user_would(identity: Identity, text: str) -> None:
    assert identity.describe() == text


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (Instant(1000.0, 50.0), 900),
        (Instant(1100.0, 150.0), 800),
        (Instant(1000.0, 650.0), 300),  # the wall clock was set back
        (Instant(1700.0, 51.0), 200),  # or forward
        (Instant(1901.0, 950.5), -1),
    ],
)
def test_the_life_left_is_what_the_gloomier_clock_says(now: Instant, left: float) -> None:
    assert TOKEN.remaining(now) == pytest.approx(left)


@given(st.floats(0, 1e10), st.floats(0, 1e10))
def test_no_clock_alone_makes_a_token_live_longer(wall: float, boot: float) -> None:
    left = TOKEN.remaining(Instant(wall, boot))
    assert left <= TOKEN.expires_at - wall
    assert left <= (TOKEN.expires_at - TOKEN.signed_at) - (boot - TOKEN.signed_boot)
