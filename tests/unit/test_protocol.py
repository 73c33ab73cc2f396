from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsqltok import errors, protocol

# With halves of surrogate pairs: Python reads an environment variable of any bytes as such.
texts = st.text(st.characters(exclude_categories=()))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)
objects = st.dictionaries(texts, values, max_size=5)
KINDS = [
    errors.DsqltokError,
    errors.UsageError,
    errors.EnvironmentNeededError,
    errors.NotFoundError,
    errors.ConfigurationError,
    errors.CredentialsError,
    errors.DeniedError,
    errors.UnavailableError,
    errors.TimedOutError,
]


@given(texts, objects)
@example(
    "token.get", {"environment": {"AWS_PROFILE": "\udcff\ud800", "A": '"\\\x00\x7f\x1f/\u2028é'}, "n": [True, None]}
)
def test_what_a_request_says_any_json_reader_reads(method: str, params: dict[str, object]) -> None:
    line = protocol.request(method, params)
    assert json.loads(line) == {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    assert line.isascii()
    assert line.index(b"\n") == len(line) - 1


@given(texts, objects)
def test_the_daemon_reads_what_the_client_asks(method: str, params: dict[str, object]) -> None:
    params.pop("protocol", None)
    line = protocol.request(method, {"protocol": protocol.VERSION, **params})
    assert protocol.read_request(line) == (1, method, params)


def test_what_json_has_no_word_for_is_refused() -> None:
    with pytest.raises(TypeError):
        protocol.request("x", {"a": object()})


@given(texts.filter(lambda text: text.isascii() and text.isprintable() and '"' not in text and "\\" not in text))
@example("abc.dsql.us-east-1.on.aws/?Action=DbConnectAdmin&X-Amz-Credential=AKIA%2F20260101&X-Amz-Expires=900")
def test_a_token_is_found_in_its_answer(token: str) -> None:
    line = protocol.result(1, {"token": token, "expires_at": "2026-01-01T00:00:00Z"})
    assert line.startswith(protocol.TOKEN_PREFIX)
    assert protocol.token_in(line) == token


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"HTTP/1.1 400 Bad Request\n",
        protocol.result(1, {"warnings": ["the project is broken"], "token": "abc"}),
        protocol.result(2, {"token": "abc"}),
        protocol.result(1, {"urls": []}),
        protocol.failure(1, errors.NotFoundError("no such env")),
        protocol.wait(5),
        protocol.notification("token", {"token": "abc"}),
    ],
)
def test_no_other_line_holds_a_token_to_print(line: bytes) -> None:
    assert protocol.token_in(line) is None


@given(st.integers(0, 10_000))
def test_a_notice_says_how_long_the_answer_may_take(seconds: int) -> None:
    line = protocol.wait(seconds)
    assert json.loads(line) == {"jsonrpc": "2.0", "method": "wait", "params": {"seconds": seconds}}
    assert line.startswith(protocol.WAIT_PREFIX)
    assert protocol.seconds_in(line) == seconds


@given(objects)
def test_a_result_comes_back_as_it_was_given(value: dict[str, object]) -> None:
    assert protocol.read_answer(protocol.result(1, value)) == value


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_comes_back_as_it_was_raised(kind: type[errors.DsqltokError]) -> None:
    raised = kind("it broke", hint="mend it", detail="atlas.hcl:1:2\n  x\n  ^", data={"names": ["A"]})
    with pytest.raises(kind) as caught:
        protocol.read_answer(protocol.failure(1, raised))
    assert type(caught.value) is kind
    assert caught.value.as_data() == raised.as_data()


@pytest.mark.parametrize("retryable", [True, False])
def test_whether_to_try_again_is_part_of_an_error(retryable: bool) -> None:
    with pytest.raises(errors.UnavailableError) as caught:
        protocol.read_answer(protocol.failure(1, errors.UnavailableError("x", retryable=retryable)))
    assert caught.value.retryable is retryable


def test_an_error_of_a_kind_that_is_not_known_yet_is_an_error_still() -> None:
    error = errors.UsageError("new").as_data() | {"kind": "quota"}
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": "new", "data": error}}).encode()
    with pytest.raises(errors.DsqltokError, match="new"):
        protocol.read_answer(line)


def test_an_error_without_our_data_keeps_its_message() -> None:
    with pytest.raises(errors.DsqltokError, match="method not found"):
        protocol.read_answer(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"method not found"}}\n')


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"HTTP/1.1 400 Bad Request\n",
        b"\xff\xfe\n",
        b"null",
        b"[]",
        b"{}",
        b'"x"',
        b'{"error":null}',
        b'{"error":5}',
        b'{"error":{}}',
        b'{"error":{"data":5}}',
        b'{"error":{"data":[1]}}',
        b'{"result":null}',
        b'{"result":5}',
        b'{"result":[1]}',
        b"[" * 100_000,
    ],
    ids=lambda line: line[:30],
)
def test_what_is_no_answer_is_not_from_our_daemon(line: bytes) -> None:
    with pytest.raises(errors.UnavailableError, match="makes no sense") as caught:
        protocol.read_answer(line)
    assert caught.value.hint == "run dsqltok stop, then try again"


@pytest.mark.parametrize("text", ["é", "\n", "a\nb\r\n", "\u2028", "\x85"])
def test_no_message_holds_a_line_end_but_its_own(text: str) -> None:
    lines = [
        protocol.result(text, {"a": text}),
        protocol.failure(text, errors.DsqltokError(text, hint=text)),
        protocol.notification("token", {"a": text}),
    ]
    for line in lines:
        assert line.isascii()
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")


@given(st.binary(max_size=200) | objects.map(lambda value: json.dumps(value).encode()))
def test_any_line_is_a_request_or_an_error_that_says_what_is_wrong(line: bytes) -> None:
    with contextlib.suppress(protocol.BadRequestError):
        request_id, method, params = protocol.read_request(line)
        assert isinstance(request_id, (str, int, float, type(None)))
        assert isinstance(method, str)
        assert isinstance(params, dict)


@pytest.mark.parametrize("version", [0, 2, "1", None, [1]])
def test_another_version_is_refused_with_what_to_do(version: Any) -> None:
    with pytest.raises(protocol.BadRequestError, match="run dsqltok stop") as caught:
        protocol.read_request(protocol.request("token.get", {"protocol": version}))
    assert caught.value.request_id == 1


def test_exit_codes_and_kinds_are_each_an_error_s_own() -> None:
    assert len({kind.kind for kind in KINDS}) == len(KINDS)
    codes = [kind.exit_code for kind in KINDS if kind is not errors.EnvironmentNeededError]
    assert sorted(codes) == list(range(1, 9))
