"""Functions of text and CSV."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltokd.hcl import FUNCTIONS, Function, FunctionError, string, to_python

if TYPE_CHECKING:
    from unit.hcl.conftest import Evaluated, FirstMistake

FAMILY = "👩\u200d👩\u200d👧"


def call(name: str, text: str) -> object:
    function = FUNCTIONS[name]
    assert isinstance(function, Function)
    return to_python(function.call([string(text)]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('title("hello wORLD-foo_bar 1st a\'b éa ßa ǆx")', "Hello WORLD-Foo_bar 1st A'B Éa ßa ǅx"),
        (f'strrev("ab{FAMILY}c")', f"c{FAMILY}ba"),
        ('strrev("a\u0e33b")', "ba\u0e33"),
        ('strrev("\u0600ab")', "b\u0600a"),
        ('strrev("👩\u200d\u200d👩→\u200d→")', "→→\u200d👩\u200d\u200d👩"),
        ('strrev("\ua960\ud7b0\ud7cba")', "a\ua960\ud7b0\ud7cb"),
        ('chomp("a\\r\\n\\n\\r")', "a"),
        ('chomp("a\\nb")', "a\nb"),
        (f'substr("a{FAMILY}bc", 1, 2)', f"{FAMILY}b"),
        ('substr("abc", -2, 1)', "b"),
        ('substr("abc", 1, -1)', "bc"),
        ('substr("abc", -2, 0)', "bc"),
        ('substr("abc", 2, 0)', ""),
        ('substr("abc", 5, 1)', ""),
        ('substr("abc", -9, 2)', "ab"),
        ('indent(2, "a\\nb\\n")', "a\n  b\n  "),
        ('[startswith("abc", "ab"), startswith("abc", "b")]', [True, False]),
        ('[endswith("abc", "bc"), endswith("", "")]', [True, True]),
    ],
)  # fmt: skip
def test_a_text_is_what_go_makes_of_it(value: Evaluated, text: str, expected: object) -> None:
    assert to_python(value(text)) == expected


@pytest.mark.parametrize("text", ['indent(-1, "a")', 'indent(1e9, "a")', 'indent(0.5, "a")', 'substr("a", 0.5, 1)'])
def test_a_count_that_makes_no_sense_is_a_mistake(mistake: FirstMistake, text: str) -> None:
    assert mistake(text).summary in ("Error in function call", "Invalid function argument")


@given(st.text("ab\né☠", max_size=20))
def test_to_reverse_a_text_twice_gives_the_text(text: str) -> None:
    assert call("strrev", str(call("strrev", text))) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n3,4", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        ('a,b\r\n"x ""y"", z",\r\n\r\n"1\r\n2",é\r', [{"a": 'x "y", z', "b": ""}, {"a": "1\n2", "b": "é"}]),
        (" a , b\n 1,\t", [{" a ": " 1", " b": "\t"}]),
        ("a", []),
        ("\n\na\n1\n\n", [{"a": "1"}]),
    ],
)
def test_csv_is_read_as_go_reads_it(value: Evaluated, text: str, expected: object) -> None:
    assert to_python(value("csvdecode(t)", t=text)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "missing header line"),
        ("a,a\n", "two columns have the same name"),
        ("a,b\n1\n", "line 2: wrong number of fields"),
        ("a\n\n1,2", "line 3: wrong number of fields"),
        ('a\nx"y', 'line 2: bare "'),
        ('a\n"x"y', 'line 2: extraneous or missing "'),
        ('a\n"x\n\n', 'extraneous or missing "'),
    ],
)
def test_what_go_does_not_take_for_csv_is_a_mistake(mistake: FirstMistake, text: str, said: str) -> None:
    assert said in mistake("csvdecode(t)", t=text).detail


FIELD = st.text('ab,"\né ', max_size=6)


@given(st.lists(st.tuples(FIELD, FIELD), max_size=5))
def test_whatever_is_written_as_csv_is_read_as_it_was(rows: list[tuple[str, str]]) -> None:
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("x", "y"), *rows])
    assert call("csvdecode", stream.getvalue()) == [{"x": x, "y": y} for x, y in rows]


@given(st.text('a,"\n\r', max_size=12))
def test_no_csv_is_more_than_a_mistake(text: str) -> None:
    with suppress(FunctionError):
        assert isinstance(call("csvdecode", text), list)
