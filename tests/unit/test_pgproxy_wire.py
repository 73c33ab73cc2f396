"""How a session begins, at either end: whatever the pieces that bytes come in, and whatever the bytes."""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltokd.pgproxy import wire

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
GSSENC_REQUEST = struct.pack("!ii", 8, 80877104)
READY = struct.pack("!ci", b"Z", 5) + b"I"
KEY = struct.pack("!ci", b"K", 12) + b"\0\0\0\7secr"


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


def heard(data: Iterable[bytes]) -> tuple[list[object], bytes]:
    greeting = wire.Greeting()
    said: list[object] = []
    for piece in data:
        said += greeting.receive(piece)
    return said, greeting.rest


@given(st.dictionaries(NAMES, VALUES, max_size=8), st.lists(st.integers(0, 10_000), max_size=6), st.binary(max_size=9))
def test_a_startup_is_read_however_it_was_cut(parameters: dict[str, str], cuts: list[int], rest: bytes) -> None:
    data = wire.SSL_REQUEST + GSSENC_REQUEST + wire.startup(0x30002, parameters) + rest
    said, left = heard(pieces(data, cuts))
    assert said == [wire.EncryptionWanted(), wire.EncryptionWanted(), wire.Startup(0x30002, parameters)]
    assert left == rest


@pytest.mark.parametrize("length", [8, 36, 260])
def test_a_cancel_has_a_key_of_any_length_that_the_protocol_allows(length: int) -> None:
    key = bytes(range(256))[:length].ljust(length, b"x")
    assert heard([wire.cancel(key)]) == ([wire.Cancel(key)], b"")


@pytest.mark.parametrize(
    ("data", "message", "answer"),
    [
        (struct.pack("!i", 1 << 30), "a startup packet of 1073741824 bytes", True),
        (struct.pack("!i", 7), "a startup packet of 7 bytes", True),
        (struct.pack("!i", -1), "a startup packet of", True),
        (b"GET / HTTP/1.1\r\n", "the client speaks HTTP", False),
        (b"POST /", "the client speaks HTTP", False),
        (b"\x16\x03\x01\x02", "negotiates TLS without asking", False),
        (struct.pack("!ii", 8, 2 << 16), "protocol 2.0, where 3.0 and later are spoken", True),
        (struct.pack("!ii", 12, 80877103) + b"abcd", "an encryption request of a wrong length", True),
        (struct.pack("!ii", 8, 80877102), "a cancel request of a wrong length", True),
        (struct.pack("!ii", 12, 3 << 16) + b"user", "startup parameters that do not end", True),
        (struct.pack("!ii", 11, 3 << 16) + b"\0a\0", "startup parameters that do not end", True),
        (struct.pack("!ii", 12, 3 << 16) + b"\xff\0a\0", "startup parameters that", True),
    ],
)
def test_what_is_no_beginning_is_garbage(data: bytes, message: str, answer: bool) -> None:
    with pytest.raises(wire.GarbageError, match=message) as caught:
        heard([data])
    assert caught.value.answer is answer


def test_http_is_told_by_its_first_four_bytes_and_not_before() -> None:
    greeting = wire.Greeting()
    assert list(greeting.receive(b"GE")) == []
    with pytest.raises(wire.GarbageError):
        list(greeting.receive(b"T "))


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=6))
def test_any_bytes_are_a_greeting_or_garbage_and_no_more_is_kept_than_was_sent(data: bytes, cuts: list[int]) -> None:
    try:
        whole: object = heard([data])
    except wire.GarbageError as garbage:
        whole = garbage.message
    try:
        cut: object = heard(pieces(data, cuts))
    except wire.GarbageError as garbage:
        cut = garbage.message
    assert cut == whole


def login() -> wire.Login:
    return wire.Login(0x30000, {"user": "admin"}, "token")


@given(st.lists(st.integers(0, 500), max_size=8))
def test_a_login_sends_the_token_when_asked_and_keeps_what_the_client_is_to_hear(cuts: list[int]) -> None:
    status = struct.pack("!ci", b"S", 12) + b"a\0bcdef\0"
    opening = wire.LET_IN + status + KEY + READY
    conversation = login()
    answers = b"".join(map(conversation.receive, pieces(wire.PASSWORD_WANTED + opening + b"more", cuts)))
    assert answers == wire.password("token")
    assert conversation.ready
    assert conversation.opening == opening + b"more"
    assert conversation.key == b"\0\0\0\7secr"


@pytest.mark.parametrize("later", [b"", b"\xff" * 9, wire.fatal("57P01", "no", "") + READY])
def test_what_follows_once_the_session_is_ready_is_not_read(later: bytes) -> None:
    conversation = login()
    conversation.receive(wire.LET_IN + READY + later)
    assert conversation.opening == wire.LET_IN + READY + later


def test_a_refusal_is_raised_whenever_it_comes_before_the_session_is_ready() -> None:
    refusal = wire.fatal("28000", "no", "because")
    for before in (b"", wire.PASSWORD_WANTED, wire.PASSWORD_WANTED + wire.LET_IN + KEY):
        with pytest.raises(wire.RefusedError) as caught:
            login().receive(before + refusal)
        assert (caught.value.said.code, caught.value.said.message, caught.value.said.hint) == ("28000", "no", "because")


def test_another_kind_of_password_is_not_given() -> None:
    with pytest.raises(wire.GarbageError, match="another kind of password"):
        login().receive(struct.pack("!cii", b"R", 12, 5) + b"salt")


def test_a_server_that_talks_on_and_on_is_given_up() -> None:
    conversation = login()
    status = struct.pack("!ci", b"S", 60_004) + bytes(60_000)
    with pytest.raises(wire.GarbageError, match="talks on and on"):
        conversation.receive(20 * status)


@given(st.binary(max_size=300))
def test_any_bytes_of_a_server_are_a_login_or_an_error(data: bytes) -> None:
    conversation = login()
    try:
        conversation.receive(data)
    except (wire.GarbageError, wire.RefusedError):
        return
    assert len(conversation.opening) <= len(data)


def test_who_is_let_in_early_is_told_that_it_is_to_protocol_3_0() -> None:
    asked = wire.Startup(0x30002, {"user": "me", "_pq_.a": "on", "_pq_.bc": ""})
    told = struct.pack("!ciii", b"v", 27, 0x30000, 2) + b"_pq_.a\0_pq_.bc\0"
    assert wire.letting_in(asked) == told + wire.LET_IN
    assert asked.in_oldest() == wire.Startup(0x30000, {"user": "me"})
    assert wire.letting_in(asked.in_oldest()) == wire.LET_IN


def test_an_opening_for_who_was_let_in_already_leaves_out_what_comes_too_late() -> None:
    negotiation = struct.pack("!ciii", b"v", 12, 0, 0)
    assert wire.without_letting_in(negotiation + wire.LET_IN + KEY + READY + b"x") == KEY + READY + b"x"


@given(st.dictionaries(st.sampled_from("SVCMHD"), VALUES.filter(bool)))
def test_an_error_says_what_it_was_given(fields: dict[str, str]) -> None:
    said = wire.response(wire.error(wire.Response(fields))[5:])
    assert dict(said.fields) == fields
