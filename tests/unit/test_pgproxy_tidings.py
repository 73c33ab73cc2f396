"""What the log has of a gate, and how much of it."""

from __future__ import annotations

import pytest

from dsqltokd.pgproxy import refusal, wire
from dsqltokd.pgproxy.tidings import Tidings


@pytest.fixture
def now() -> list[float]:
    return [1000.0]


@pytest.fixture
def tidings(now: list[float], caplog: pytest.LogCaptureFixture) -> Tidings:
    caplog.set_level("INFO")
    return Tidings("dsql", lambda: now[0])


def test_each_reason_is_told_of_once_a_minute(
    tidings: Tidings, now: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    for seconds in (0.0, 1.0, 59.0, 60.0):
        now[0] = 1000.0 + seconds
        tidings.complain("gone", f"gone {seconds:g}")
        tidings.complain("silent", f"silent {seconds:g}")
    assert caplog.messages == ["dsql: gone 0", "dsql: silent 0", "dsql: gone 60", "dsql: silent 60"]


def test_a_fault_of_our_own_is_told_of_as_an_error_and_no_more_often(
    tidings: Tidings, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        tidings.complain("a fault", "it fails", LookupError("why"))
    assert [(record.levelname, record.exc_info and record.exc_info[0]) for record in caplog.records] == [
        ("ERROR", LookupError)
    ]


def test_of_very_many_sessions_that_end_some_are_told_of_and_the_rest_is_counted(
    tidings: Tidings, now: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(100):
        tidings.ended(f"session {number}")
    assert caplog.messages == [f"dsql: session {number}" for number in range(30)]
    now[0] += 60.0
    tidings.ended("another")
    tidings.ended("and one")
    assert caplog.messages[30:] == ["dsql: another (70 more ended unmentioned before)", "dsql: and one"]


def test_what_a_server_says_is_for_the_client_and_not_for_the_log() -> None:
    said = wire.Response({"C": "28000", "M": 'role "canary" does not exist', "H": "canary"})
    why = refusal.of(wire.RefusedError(said))
    assert b"canary" in why.words
    assert "canary" not in why.told
    assert "28000" in why.told
