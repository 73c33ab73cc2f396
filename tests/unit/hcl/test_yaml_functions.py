"""The functions of YAML. What is expected is what Atlas's two libraries made of the same."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltokd.hcl import FUNCTIONS, Function, Value, from_python, string, to_python

if TYPE_CHECKING:
    from unit.hcl.conftest import Evaluated, FirstMistake

pytest.importorskip("yaml", reason="PyYAML comes with the extra dsqltok[yaml]")


def call(name: str, *values: Value) -> Value:
    function = FUNCTIONS[name]
    assert isinstance(function, Function)
    return function.call(values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[yes, On, n, OFF, True, ~, null, '']", [True, True, False, False, True, None, None, ""]),
        ("[012, 0x1F, 0o17, +5, .5, 1e3]", [12, 31, 15, 5, Decimal("0.5"), 1000]),
        ("[1_000, 1:20, 0b11]", ["1_000", "1:20", "0b11"]),
        ("[2001-1-2, 2001-02-30]", ["2001-01-02T00:00:00Z", "2001-02-30"]),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14T21:59:43-05:00"),
        ("[!!str 1, !!int '0x10', !!float 1_0, !!binary aGk=]", ["1", "0x10", 10, "aGk="]),
        ("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("d:\n  c: 3\n  <<: {c: 2}\n", {"d": {"c": 2}}),
        ("1: a\nyes: b\n", {"1": "a", "true": "b"}),
        ("a: |\n  x\n  y\nb: |-\n  12\nc: >\n  x\n  y\n", {"a": "x\ny\n", "b": "12", "c": "x y\n"}),
        ("# nothing\n---\n", None),
        ("- []\n- {}\n", [[], {}]),
    ],
)  # fmt: skip
def test_yaml_is_read_as_by_atlas(value: Evaluated, text: str, expected: object) -> None:
    assert to_python(value("yamldecode(t)", t=text)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "missing start of document"),
        ("a: [", "not valid YAML at line"),
        ("a: s3cr3t: x", "not valid YAML at line 1, column"),
        ("a\n---\nb", "only a single document"),
        ("*x", "an alias refers to an anchor"),
        ("a: &a [*a]", "an alias refers to an anchor"),
        ("? [s3cr3t]\n: 1", "only strings are allowed as mapping keys"),
        ("~: 1", "mapping key cannot be null"),
        ("<<: [1]", "cannot merge tuple into mapping"),
        (".nan", "NaN is not supported"),
        (".inf", "infinities are not supported"),
        ("!!bool s3cr3t", "cannot parse a scalar as bool"),
        ("!!int s3cr3t", "cannot parse a scalar as number"),
        ("!!binary s3cr3t!", "not valid base64"),
        ("!s3cr3t x", "unsupported tag"),
        ("!!set {a}", "unsupported tag"),
        ("[" * 100_000, "YAML"),
        ("[" * 200 + "]" * 200, "nest deeper"),
    ],
)
def test_what_is_no_yaml_for_atlas_is_a_mistake_that_quotes_nothing(
    mistake: FirstMistake, text: str, said: str
) -> None:
    found = mistake("yamldecode(t)", t=text)
    assert said in found.detail
    assert "s3cr3t" not in str(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{a = [1, {b = 1}], c = {}}", '"a":\n- 1\n- "b": 1\n"c": {}\n'),
        ("{d = [], e = null, f = true}", '"d": []\n"e": null\n"f": true\n'),
        ('["x", "a\\nb", "a\\n\\n"]', '- "x"\n- |-\n  a\n  b\n- |+\n  a\n\n'),
        ('[" a\\nb", "\\u0007é"]', '- |2-\n   a\n  b\n- "\\aé"\n'),
        ('{"k\\nl" = 1}', "? |-\n  k\n  l\n: 1\n"),
        ('"x"', '"x"\n'),
        ("1.50", "1.5\n...\n"),
        ("[]", "[]\n"),
        ("[[1, [2]]]", "- - 1\n  - - 2\n"),
    ],
)  # fmt: skip
def test_yaml_is_written_as_by_atlas(value: Evaluated, text: str, expected: str) -> None:
    assert to_python(value(f"yamlencode({text})")) == expected


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")) | st.sampled_from("\n \t:#-'\""), max_size=12)
THINGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(-1000, 1000, places=3) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(THINGS)
def test_what_was_written_is_read_as_it_was(thing: object) -> None:
    given_value = from_python(thing)
    assert call("yamldecode", call("yamlencode", given_value)) == given_value


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        (["a: 1\nb: [1]", "b: [2]\nd: ~"], "a: 1\nb:\n    - 1\n    - 2\nd: null\n"),
        (["c: {x: 1}", "c: {y: 'q'}"], 'c:\n    x: 1\n    "y": q\n'),
        (["a10: 0x10", "a9: 1.50\nyes: no"], 'a9: 1.5\na10: 16\n"yes": "no"\n'),
        (["{}", "a: [{b: [1, [2]], c: 3}]"], "a:\n    - b:\n        - 1\n        - - 2\n      c: 3\n"),
        (["{}", "a: |\n  x\n  y\nb: ' x'\nc: '1'"], "a: |\n    x\n    y\nb: ' x'\nc: \"1\"\n"),
        (["{}", "d: 'x: y'\ne: \"\\x07\"\nf: ''"], 'd: \'x: y\'\ne: "\\a"\nf: ""\n'),
        (["a: {1: x}", "a: {1: w, 2: z}"], "a:\n    1: w\n    2: z\n"),
        (["", "# nothing"], "{}\n"),
    ],
)
def test_documents_are_merged_as_by_atlas(documents: list[str], expected: str) -> None:
    assert to_python(call("yamlmerge", *map(string, documents))) == expected


@pytest.mark.parametrize("more", ["a: [1]", "a: {b: 1}", "[1]", "x", "a: 1\na: 2", "<<: 1", "? [1]\n: 2", "a: !!int x"])
def test_documents_that_do_not_fit_each_other_are_a_mistake(mistake: FirstMistake, more: str) -> None:
    found = mistake('yamlmerge("a: 1", t)', t=more)
    assert found.summary == "Invalid function argument"


def test_one_document_is_not_touched(value: Evaluated) -> None:
    assert to_python(value('[yamlmerge("a:   1"), yamlmerge(true ? null : ""), yamlmerge()]')) == ["a:   1", None, None]


def test_without_pyyaml_it_is_said_what_to_install(mistake: FirstMistake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    for text in ('yamldecode("a")', "yamlencode([1])", 'yamlmerge("a: 1", "b: 2")'):
        assert "install dsqltok[yaml]" in mistake(text).detail
