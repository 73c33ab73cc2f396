"""The functions that come with the language."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

import pytest

from dsqltokd.hcl import to_python

if TYPE_CHECKING:
    from unit.hcl.conftest import Evaluated, FirstMistake


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('upper("straße")', "STRAßE"),
        ('lower("İΣ")', "i\u03c3"),
        ('trim("xxaxx", "x")', "a"),
        ('trimspace("\\u00a0 a\\u001f\\n")', "a\x1f"),
        ('trimprefix("aab", "a")', "ab"),
        ('trimsuffix("abb", "b")', "ab"),
        ('replace("a.b.c", ".", "-")', "a-b-c"),
        ('split(",", "a,b")', ["a", "b"]),
        ('split("", "é1")', ["é", "1"]),
        ('join("-", ["a", 1], ["b"])', "a-1-b"),
        ("length([1, 2])", 2),
        ("length(toset([1, 1]))", 1),
        ('concat([1], ["a"])', [1, "a"]),
        ('contains(["a"], "a")', True),
        ('contains(["1"], 1)', False),
        ("keys({b = 1, a = 2})", ["a", "b"]),
        ("values({b = 1, a = 2})", [2, 1]),
        ("merge({a = 1, b = 1}, null, {b = 2})", {"a": 1, "b": 2}),
        ('element(["a", "b"], 5)', "b"),
        ('element(["a", "b"], -1)', "b"),
        ('index(["a", "b"], 1)', "b"),
        ("slice([1, 2, 3], 1, 3)", [2, 3]),
        ("reverse([1, 2])", [2, 1]),
        ('distinct(["a", "b", "a"])', ["a", "b"]),
        ("flatten([[1, [2]], 3])", [1, 2, 3]),
        ('compact(["a", "", null])', ["a"]),
        ("[min(2, 1), max(2, 3), abs(-1), ceil(1.2), floor(-1.2)]", [1, 3, 1, 2, -2]),
        ('[tostring(1.50), tonumber(true ? "05" : ""), tobool("true")]', ["1.5", 5, True]),
        ('[tolist([1, "a"]), toset(["b", "a"])]', [["1", "a"], ["a", "b"]]),
        ('jsondecode("{\\"a\\": [1.0, null, \\"x\\"]}")', {"a": [Decimal(1), None, "x"]}),
        ('jsonencode({b = "<é>", a = [1e3, true, null]})', '{"a":[1000,true,null],"b":"\\u003cé\\u003e"}'),
    ],
)
def test_a_function_gives_what_go_gives(value: Evaluated, text: str, expected: object) -> None:
    assert to_python(value(text)) == expected


@pytest.mark.parametrize("secret", ["a b&c=d/e+%~-_.é☠", "p@ss:w/rd?#[]!$'()*,;"])
def test_urlescape_is_gos_query_escape(value: Evaluated, secret: str) -> None:
    assert to_python(value("urlescape(secret)", secret=secret)) == quote_plus(secret, safe="")


@pytest.mark.parametrize(
    "text",
    [
        'length("abc")',
        "length({a = 1})",
        'index(["a"], 1)',
        'index(["a"], -1)',
        "slice([1], 1, 0)",
        "slice(toset([1]), 0, 1)",
        "element([], 0)",
        "concat(1)",
        "merge([])",
        "keys([])",
        "values(null)",
        'join("")',
        'join("", [null])',
        'tobool("yes")',
        'tonumber("x")',
        "tolist(1)",
        "min()",
        'jsondecode("[1,]")',
        'jsondecode("NaN")',
        "try()",
        "try(nosuch)",
    ],
)
def test_arguments_a_function_cannot_use_are_a_mistake(mistake: FirstMistake, text: str) -> None:
    assert mistake(text).summary in ("Error in function call", "Invalid function argument")


@pytest.mark.parametrize(
    "text",
    [
        "tobool(secret)",
        "tonumber(secret)",
        "tolist(secret)",
        "jsondecode(secret)",
        "secret + 1",
        "secret.x",
        "secret[0]",
        "[1][secret]",
        "{a = 1}[secret]",
        "secret ? 1 : 2",
        "[for x in secret: x]",
        "{for x in [secret, secret]: x => 1}",
        "element([1], secret)",
        'jsondecode("[${secret}]")',
        "try(tobool(secret), secret + 1)",
    ],
)
def test_no_message_quotes_a_value(mistake: FirstMistake, text: str) -> None:
    assert "hunter2" not in str(mistake(text, secret="hunter2-x"))


def test_deep_json_is_a_mistake_and_no_crash(mistake: FirstMistake) -> None:
    assert "failed" in mistake("jsondecode(json)", json="[" * 100_000).detail
    assert "failed" in mistake("jsondecode(json)", json="[" * 200 + "]" * 200).detail
