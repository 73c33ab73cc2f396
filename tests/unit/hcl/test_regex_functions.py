"""Regular expressions: RE2's, in the standard library's terms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltokd.hcl import FUNCTIONS, Function, string, to_python

if TYPE_CHECKING:
    from unit.hcl.conftest import Evaluated, FirstMistake


def call(name: str, *texts: str) -> object:
    function = FUNCTIONS[name]
    assert isinstance(function, Function)
    return to_python(function.call([string(text) for text in texts]))


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("[a-z]+", "12ab34", ["ab"]),
        (r"(\d+)-(\d+)?", "1-2 3-", [["1", "2"], ["3", None]]),
        (r"(?P<a>\w)(?<b>.)", "xyz", [{"a": "x", "b": "y"}]),
        ("(?<n>a)|(?<n>b)", "ab", [{"n": None}, {"n": "b"}]),
        ("a*", "baac", ["", "aa", ""]),
        ("", "é1", ["", "", ""]),
        (r"\w+", "aé1_", ["a", "1_"]),
        (r"\bé\b", "é", []),
        (r"\B", "", [""]),
        ("(?i)k\u017f", "kSKs", ["kS", "Ks"]),
        ("(?i)[^s]", "sS\u017fx", ["x"]),
        ("(?i)straße", "STRAẞE STRASSE", ["STRAẞE"]),
        ("(?s).", "\n", ["\n"]),
        (".", "\n", []),
        ("a$", "a\n", []),
        ("(?m)^a$", "b\na\n", ["a"]),
        (r"\Aa|b\z", "aab", ["a", "b"]),
        ("(?U)a+", "aaa", ["a", "a", "a"]),
        ("(?U)a+?", "aaa", ["aaa"]),
        ("a(?i)b|c", "aB C", ["aB", "C"]),
        ("(?i:a)b", "AbAB", ["Ab"]),
        (r"\x41\x{e9}\101\Q.*\E\.", "AéA.*.", ["AéA.*."]),
        ("[[:alpha:]]|[[:^print:]]", "a1\n", ["a", "\n"]),
        ("[]a-]", "]a-", ["]", "a", "-"]),
        (r"\pL\p{^L}\PL\p{Lu}", "é1-É", ["é1-É"]),
        ("a{,2}", "a{,2}aa", ["a{,2}"]),
        ("{a}{", "{a}{", ["{a}{"]),
        ("^*a", "a", ["a"]),
    ],
)
def test_all_matches_are_those_that_go_finds(value: Evaluated, pattern: str, text: str, expected: object) -> None:
    assert to_python(value("regexall(p, t)", p=pattern, t=text)) == expected


@pytest.mark.parametrize(
    ("text", "pattern", "replacement", "expected"),
    [
        ("abc", "b", "[$0]", "a[b]c"),
        ("aXb", "(?P<x>X)", "${x}${x}", "aXXb"),
        ("aXb", "(?P<x>X)", "$xy", "ab"),
        ("ab", "(a)(b)", "$2$1$3$$$", "ba$$"),
        ("ab", "(a)|(z)", "<$2>", "<>b"),
        ("abc", "", "-", "-a-b-c-"),
        ("baac", "a*", "x", "xbxcx"),
    ],
)
def test_a_replacement_is_gos(value: Evaluated, text: str, pattern: str, replacement: str, expected: str) -> None:
    assert to_python(value("regexreplace(t, p, r)", t=text, p=pattern, r=replacement)) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a)\1", "(?=a)", "(?<=a)", "(?!a)", "(?>a)", "(?P=n)", "(?#c)", "a**", "a*+", "a{2}{3}", "a{1001}",
        "(a{100}){100}", "a{2,1}", "*", "(*)", "|*", "(", ")", "[a", "[b-a]", "[[:nope:]]", r"\pX", r"\p{Greek}",
        r"\p{L", "\\", r"\C", r"\Z", r"\é", r"\x{110000}", r"\xg0", r"\8", "(?P<é>a)", "(?P<n", "(?i", "(?z)", "(?-)",
        "(" * 5000 + ")" * 5000, "a" * 10_001,
    ],
)  # fmt: skip
def test_what_re2_refuses_is_a_mistake(mistake: FirstMistake, pattern: str) -> None:
    assert "invalid regexp pattern" in mistake('regex(p, "")', p=pattern).detail


def test_regex_needs_a_match_and_groups_of_one_kind(mistake: FirstMistake) -> None:
    assert "did not match" in mistake('regex("a", "b")').detail
    assert "cannot mix both named and unnamed" in mistake('regex("(a)(?P<b>b)", "ab")').detail


@given(st.text(max_size=20))
def test_an_escaped_text_matches_itself_only(text: str) -> None:
    pattern = f"^(?:{call('regexpescape', text)})$"
    assert call("regexall", pattern, text) == [string(text).text]


SIMPLE = st.recursive(
    st.sampled_from(["a", "b", "[ab]", "[^a]", ".", "(?:)"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("(?:{0[0]}|{0[1]})".format),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}"])).map(
            "(?:{0[0]}){0[1]}".format
        ),
    ),
    max_leaves=8,
)


@given(SIMPLE, st.text("abc\n", max_size=8))
def test_where_both_agree_a_pattern_matches_what_python_matches(pattern: str, text: str) -> None:
    match = re.match(pattern, text)
    assert call("regexall", f"^(?:{pattern})", text) == ([] if match is None else [match[0]])
