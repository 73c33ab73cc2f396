"""Urls in the words of another client: only what is asked for changes."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltok import errors, urltext

PLACE = "dsql://admin:abc%2F%3FX-Amz-Signature%3Dc0ffee@abc.dsql.us-east-1.on.aws:5432/postgres"
URL = PLACE + "?sslmode=require&options=-c%20a%3db&x=1"


@pytest.mark.parametrize("scheme", ["dsql", "postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg"])
def test_only_the_scheme_changes(scheme: str) -> None:
    assert urltext.with_scheme(URL, scheme) == scheme + URL.removeprefix("dsql")


@pytest.mark.parametrize("scheme", ["", "mysql", "postgresql://", "postgresql+", "Postgres", "postgres+x", "a\nb"])
def test_a_scheme_that_no_client_takes_is_refused_with_those_that_some_do(scheme: str) -> None:
    with pytest.raises(errors.UsageError, match="there is no scheme") as caught:
        urltext.with_scheme(URL, scheme)
    assert caught.value.hint == "use dsql, postgres, postgresql or postgresql+DRIVER"


def test_the_scheme_of_jdbc_is_refused_with_what_to_do() -> None:
    with pytest.raises(errors.UsageError, match="a jdbc url has no user") as caught:
        urltext.with_scheme(URL, "jdbc:postgresql")
    assert "dsqltok get" in caught.value.hint


@pytest.mark.parametrize(
    ("query", "given_", "whole"),
    [
        ("", ["a=b"], "?a=b"),
        ("?", ["a=b"], "?a=b"),
        ("?a=1&b=%7e", ["a=2"], "?a=2&b=%7e"),
        ("?a=1&b=%7e", ["c=3", "a=2"], "?a=2&b=%7e&c=3"),
        ("?a=1&b=2&a=3&%61=4", ["a=5"], "?a=5&b=2"),
        ("?A=1", ["a=2"], "?A=1&a=2"),
        ("?a=1", ["a="], "?a="),
        ("", ["a=b=c&d %é/"], "?a=b%3Dc%26d%20%25%C3%A9%2F"),
        ("", ["a=1", "a=2"], "?a=2"),
    ],
)
def test_a_parameter_takes_the_place_of_its_like_or_comes_last(query: str, given_: list[str], whole: str) -> None:
    assert urltext.with_parameters(PLACE + query, given_) == PLACE + whole


@pytest.mark.parametrize("text", ["a", "", "=b"])
def test_a_parameter_has_a_name_and_a_value(text: str) -> None:
    with pytest.raises(errors.UsageError, match="--param takes NAME=VALUE"):
        urltext.with_parameters(URL, [text])


NAMES = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda name: "=" not in name)


@given(NAMES, st.text(st.characters(codec="utf-8")))
def test_any_name_and_value_can_be_read_back(name: str, value: str) -> None:
    url = urltext.with_parameters(URL, [f"{name}={value}"])
    assert url.startswith(PLACE + "?")
    read = parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)
    assert dict(read) == {"sslmode": "require", "options": "-c a=b", "x": "1", name: value}
