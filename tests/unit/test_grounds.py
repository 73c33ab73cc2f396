"""What each identity rests on, and what is news to whom."""

from __future__ import annotations

import pytest

from dsqltokd.grounds import Grounds
from dsqltokd.model import Identity

ME, YOU = Identity("prod"), Identity("dev")
CONFIG, SIGN_IN = "/home/me/.aws/config", "/home/me/.aws/sso/cache/x.json"


@pytest.fixture
def grounds() -> Grounds:
    made = Grounds()
    made.read(ME, {CONFIG: 1, SIGN_IN: 1}, [SIGN_IN])
    made.read(YOU, {CONFIG: 1}, [])
    return made


def nobody(_identity: Identity) -> bool:
    return False


def everybody(_identity: Identity) -> bool:
    return True


def test_a_change_is_news_to_all_that_rest_on_the_file(grounds: Grounds) -> None:
    assert grounds.changed(CONFIG, 2, nobody) == [ME, YOU]
    assert grounds.changed(CONFIG, 2, everybody) == [ME, YOU]
    assert grounds.changed("/elsewhere", 2, nobody) == []


def test_what_somebody_has_read_already_is_no_news_to_him(grounds: Grounds) -> None:
    grounds.read(ME, {CONFIG: 2}, [])
    assert grounds.changed(CONFIG, 2, nobody) == [YOU]


def test_a_sign_in_that_changes_during_a_refresh_is_judged_at_its_end(grounds: Grounds) -> None:
    assert grounds.changed(SIGN_IN, 2, everybody) == []
    grounds.read(ME, {CONFIG: 1, SIGN_IN: 2}, [SIGN_IN])
    assert grounds.settle(ME) == {SIGN_IN: 2}
    assert grounds.settle(ME) == {}
    assert grounds.changed(SIGN_IN, 3, nobody) == [ME]


def test_what_is_older_than_what_was_read_since_is_not_taken_over(grounds: Grounds) -> None:
    other = Identity("other")
    assert not grounds.take_over(other, {CONFIG: 0})
    assert grounds.of(other) == {}
    assert grounds.take_over(other, {CONFIG: 1, "/its/own": 5})
    assert grounds.of(other) == {CONFIG: 1, "/its/own": 5}


def test_a_file_is_of_no_concern_once_nobody_rests_on_it(grounds: Grounds) -> None:
    assert grounds.forget(ME) == [SIGN_IN]
    assert not grounds.concerns(SIGN_IN)
    assert grounds.concerns(CONFIG)
    assert grounds.forget(YOU) == [CONFIG]
