"""What a session at the server is asked for, and what becomes of a refusal."""

from __future__ import annotations

import pytest

from dsqltokd.pgproxy import etiquette
from dsqltokd.pgproxy.etiquette import PAUSES, Env, Retry
from dsqltokd.pgproxy.wire import Response

ENV = Env("admin", "postgres", {"options": "-c a=b"})
DENIED = Response({"C": "08006", "M": "unable to accept connection, access denied", "H": "Signature expired: x"})
WAKING = Response({"C": "08006", "M": "unable to accept connection, waking up cluster, please retry later"})


@pytest.mark.parametrize(
    ("sent", "user", "database"),
    [
        ({}, "admin", "postgres"),
        ({"user": "me"}, "admin", "postgres"),
        ({"user": "me", "database": "me"}, "admin", "postgres"),
        ({"user": "reader"}, "reader", "postgres"),
        ({"user": "reader", "database": "reader"}, "reader", "postgres"),
        ({"user": "me", "database": "other"}, "admin", "other"),
    ],
)
def test_a_session_is_the_envs_unless_the_client_names_another_on_purpose(
    sent: dict[str, str], user: str, database: str
) -> None:
    found = etiquette.asked(sent, ENV, "me")
    assert (found["user"], found["database"]) == (user, database)


def test_what_the_url_says_counts_where_the_client_says_nothing() -> None:
    assert etiquette.asked({}, ENV, "me")["options"] == "-c a=b"
    assert etiquette.asked({"options": "-c x=y"}, ENV, "me")["options"] == "-c x=y"


def test_a_refused_token_is_replaced_once() -> None:
    first = etiquette.verdict(DENIED, {}, [])
    assert first == Retry(fresh=True)
    assert etiquette.verdict(DENIED, {}, [first]) is None


@pytest.mark.parametrize(
    "hint",
    [
        "Wrong user to action mapping. user: admin, action: DbConnect",
        "User: arn:aws:iam::1:user/x is not authorized to perform: dsql:DbConnectAdmin",
        "User: arn:aws:iam::1:user/x is not authorized to access this resource",
    ],
)
def test_what_no_other_token_would_mend_is_final(hint: str) -> None:
    assert etiquette.verdict(Response({"C": "08006", "M": "…, access denied", "H": hint}), {}, []) is None


def test_a_cluster_that_wakes_up_is_waited_for_in_growing_pauses_and_not_for_ever() -> None:
    retries: list[Retry] = []
    while (retry := etiquette.verdict(WAKING, {}, retries)) is not None:
        retries.append(retry)
    assert [retry.pause for retry in retries] == list(PAUSES)
    assert [bool(retry.notice) for retry in retries] == [True] + [False] * (len(PAUSES) - 1)
    assert sum(PAUSES) < 70


@pytest.mark.parametrize(
    "message",
    [
        "unsupported startup parameter: extra_float_digits",
        'unrecognized configuration parameter "extra_float_digits"',
        'setting configuration parameter "EXTRA_FLOAT_DIGITS" not supported',
    ],
)
def test_a_startup_parameter_that_is_refused_is_left_out_and_said_so(message: str) -> None:
    retry = etiquette.verdict(Response({"C": "0A000", "M": message}), {"user": "me", "extra_float_digits": "2"}, [])
    assert retry is not None
    assert retry.without == "extra_float_digits"
    assert "extra_float_digits" in retry.notice


@pytest.mark.parametrize(
    ("options", "rest"),
    [
        ("-c work_mem=1MB -c search_path=a\\ b,c -cother=1", "-c search_path=a\\ b,c -cother=1"),
        ("--work-mem=1MB  -c\tTimeZone=UTC", "-c TimeZone=UTC"),
        ("-cwork_mem=1MB", None),
        ("-c work_mem=1MB -c work_mem=2MB -c", "-c "),
    ],
)
def test_what_options_set_is_left_out_alone(options: str, rest: str | None) -> None:
    sent = {"user": "me", "options": options}
    said = Response({"C": "0A000", "M": 'setting configuration parameter "work_mem" not supported'})
    retry = etiquette.verdict(said, sent, [])
    assert retry is not None
    assert etiquette.without(sent, {retry.without}).get("options") == rest


def test_options_that_a_server_does_not_take_at_all_are_left_out_whole() -> None:
    sent = {"user": "me", "options": "-c a=b"}
    retry = etiquette.verdict(Response({"C": "0A000", "M": "unsupported startup parameter: options"}), sent, [])
    assert retry is not None
    assert etiquette.without(sent, {retry.without}) == {"user": "me"}


@pytest.mark.parametrize(
    ("code", "message"),
    [("22023", 'invalid value for parameter "role": "x"'), ("42501", 'permission denied to set parameter "role"')],
)
def test_a_client_that_asks_for_what_it_may_not_have_gets_no_session_without_it(code: str, message: str) -> None:
    assert etiquette.verdict(Response({"C": code, "M": message}), {"user": "me", "role": "x"}, []) is None


def test_a_parameter_that_was_not_sent_is_not_left_out() -> None:
    said = Response({"C": "0A000", "M": 'unrecognized configuration parameter "user"'})
    assert etiquette.verdict(said, {"user": "me", "DateStyle": "ISO"}, []) is None


def test_our_hint_stands_after_the_servers_and_what_quotes_a_token_is_gone() -> None:
    said = Response({"S": "FATAL", "C": "08006", "M": "m", "H": "h", "D": "the token"})
    shown = etiquette.explained(said, "m", "h", "run dsqltok doctor")
    assert dict(shown.fields) == {"S": "FATAL", "C": "08006", "M": "m", "H": "h; dsqltok: run dsqltok doctor"}
