"""The functions of URLs. What is expected is what Go's `net/url` made of the same."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dsqltokd.hcl import FUNCTIONS, Function, FunctionError, string, to_python

if TYPE_CHECKING:
    from unit.hcl.conftest import Evaluated, FirstMistake

URL = "postgres://user:p%3Dw%26@h:5432/db?b=2&a=1#f"


def call(name: str, *texts: str) -> str:
    function = FUNCTIONS[name]
    assert isinstance(function, Function)
    return str(to_python(function.call([string(text) for text in texts])))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('urlsetpath(u, "/x y/%2F")', "postgres://user:p=w&@h:5432/x%20y/%252F?b=2&a=1#f"),
        ('urlsetpath(u, "x")', "postgres://user:p=w&@h:5432/x?b=2&a=1#f"),
        ('urlsetpath(u, "")', "postgres://user:p=w&@h:5432?b=2&a=1#f"),
        ('urlqueryset(u, "c", "x y&z")', "postgres://user:p=w&@h:5432/db?a=1&b=2&c=x+y%26z#f"),
        ('urlqueryset(u, "a", "")', "postgres://user:p=w&@h:5432/db?a=&b=2#f"),
        ('urluserinfo(u, "é:/?@")', "postgres://%C3%A9%3A%2F%3F%40@h:5432/db?b=2&a=1#f"),
        ('urluserinfo(u, "a", "b%3D=&$")', "postgres://a:b%253D=&$@h:5432/db?b=2&a=1#f"),
        ('urluserinfo(u, "a", true ? null : "")', "postgres://a@h:5432/db?b=2&a=1#f"),
        ('urluserinfo(u, "a", "")', "postgres://a:@h:5432/db?b=2&a=1#f"),
        ('urlsetpath("mysql://h1:1,h2:2/a%2Fb", "/a/b")', "mysql://h1:1,h2:2/a%2Fb"),
        ('urlsetpath("PG://[fe80::1%25en0]:5/", "/x")', "pg://[fe80::1%25en0]:5/x"),
        ('urlsetpath("sqlite:file.db?x", "/y")', "sqlite:file.db?x"),
        ('urlsetpath("", "a:b")', "./a:b"),
        ('urlsetpath("//h?", "/*")', "//h/%2A?"),
        ('urlqueryset("x://h?a=1;b&c=%zz&=v&d", "e", "1")', "x://h?=v&d=&e=1"),
        ('urlqueryset("file:///p", "a", "1")', "file:///p?a=1"),
    ],
)
def test_a_url_is_put_together_as_go_does(value: Evaluated, text: str, expected: str) -> None:
    assert to_python(value(text, u=URL)) == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgres://u:s3cr3t@h:x/", "invalid port"),
        ("http://u:s3cr3t@h:1:2/", "invalid port"),
        ("postgres://u:s3cr3t%@h/", "invalid escape"),
        ("postgres://u:s3cr3t/@h/", "invalid port"),
        ("postgres://u:s3cr3t^@h/", "not escaped"),
        ("postgres://u:s3cr3t@a b/", "invalid character in host"),
        ("postgres://u:s3cr3t@%41/", "invalid escape in host"),
        ("postgres://u:s3cr3t@[::1/", "missing ']'"),
        ("postgres://u:s3cr3t@[1.2.3.4]/", "invalid address"),
        ("postgres://u:s3cr3t@a[::1]/", "invalid address"),
        ("://s3cr3t", "missing protocol scheme"),
        ("s3cr3té:1/x", "colon"),
        ("postgres://h/s3cr3t\n", "control character"),
        ("postgres://h/s3cr3t#%zz", "invalid escape"),
    ],
)
def test_what_go_does_not_take_for_a_url_is_a_mistake_that_keeps_it_secret(
    mistake: FirstMistake, url: str, said: str
) -> None:
    found = mistake('urlsetpath(u, "/x")', u=url)
    assert said in found.detail
    assert "s3cr3t" not in str(found)


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_password_of_any_kind_gets_through_a_url(user: str, password: str) -> None:
    made = call("urluserinfo", "postgres://h:5432/db?sslmode=require", user, password)
    parts = urlsplit(made)
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (string(user).text, string(password).text)
    assert (parts.hostname, parts.port, parts.path, parts.query) == ("h", 5432, "/db", "sslmode=require")
    safe = "$&+,;="
    assert parts.netloc == f"{quote(string(user).text, safe=safe)}:{quote(string(password).text, safe=safe)}@h:5432"


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_parameter_of_any_kind_gets_through_a_url(key: str, item: str) -> None:
    found = urlsplit(call("urlqueryset", "x://h/?a=1", key, item)).query
    expected = dict(sorted({"a": "1", string(key).text: string(item).text}.items()))
    assert dict(parse_qsl(found, keep_blank_values=True)) == expected


@given(st.text("ab:/?#[]@!$&'()*+,;=%41é .-_~", max_size=20))
def test_to_set_the_path_twice_is_to_set_it_once(url: str) -> None:
    try:
        once = call("urlsetpath", f"x://{url}", "/p")
    except FunctionError:
        assume(False)
        return
    assert call("urlsetpath", once, "/p") == once
