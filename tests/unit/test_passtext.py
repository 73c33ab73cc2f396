from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltok.errors import ConfigurationError
from dsqltokd import passtext

TOKEN = "h/?Action=DbConnectAdmin&X-Amz-Signature=0f"
LINE = passtext.line("h", "5432", "admin", TOKEN)
OTHERS = b"# mine\r\ndb:5432:*:me:its\\:word\r\n\xff\xfe:1:a:b:c\n\nlast:1:*:me:no newline"
VALUES = {"host": "h", "port": "5432"}
MINE = b"[mine]\nhost=elsewhere\n"

# Texts made of what matters to the file's readers and to us, besides any bytes.
PIECES = st.sampled_from([b"\n", b"\r\n", b"#", b"[", b"]", b"[dsql]", b"host=h", b"h:1:*:u:p", LINE.encode(), b"\0"])
TEXTS = st.none() | st.lists(PIECES | st.binary(max_size=8), max_size=12).map(b"".join)
OURS = (passtext.with_lines(None, [("dsql", LINE)]) or b"").splitlines(keepends=True)
MIXED = st.lists(PIECES | st.sampled_from(OURS), max_size=12).map(b"".join)
LINES = st.lists(st.tuples(st.text(max_size=8), st.just(LINE)), max_size=3)


@given(TEXTS, LINES, LINES)
def test_what_is_enabled_and_disabled_leaves_every_file_as_it_was(
    text: bytes | None, lines: list[tuple[str, str]], later: list[tuple[str, str]]
) -> None:
    there = passtext.with_lines(passtext.with_lines(text, lines), later)
    assert passtext.with_lines(there, []) == text


@given(MIXED, LINES)
def test_whatever_became_of_our_lines_they_are_all_taken_out_and_nothing_else(
    text: bytes, lines: list[tuple[str, str]]
) -> None:
    rest = passtext.with_lines(text, [])
    assert passtext.with_lines(rest, []) == rest
    assert passtext.with_lines(passtext.with_lines(text, lines), []) == rest
    assert not any(each == OURS[0] for each in (rest or b"").splitlines(keepends=True))
    kept = [each for each in text.split(b"\n") if each and b"dsqltok" not in each and b"?Action=" not in each]
    assert all(each in (rest or b"").split(b"\n") for each in kept)


@given(TEXTS)
def test_a_service_that_is_put_in_and_taken_out_leaves_every_file_as_it_was(text: bytes | None) -> None:
    try:
        there = passtext.with_entry(text, "dsql", VALUES)
    except ConfigurationError:
        return
    assert passtext.with_entry(there, "dsql", VALUES) == there
    both = passtext.with_entry(there, "other", VALUES)
    assert passtext.with_entry(both, "other", None) == there
    one = passtext.with_entry(passtext.with_entry(both, "dsql", None), "other", None)
    assert one == passtext.with_entry(there, "dsql", None) == text


def test_our_lines_stand_first_each_below_a_comment_that_says_how_to_remove_it() -> None:
    there = passtext.with_lines(OTHERS, [("dsql", LINE), ("a b", LINE)])
    assert there is not None
    assert there.endswith(OTHERS)
    first, line, second = there.split(b"\n")[:3]
    assert first == b"# dsqltok keeps the next line fresh; to remove it: dsqltok pgpass disable dsql"
    assert line == b"h:5432:*:admin:h/?Action=DbConnectAdmin&X-Amz-Signature=0f"
    assert second.endswith(b"dsqltok pgpass disable")  # a name that no shell would take as it is


def test_colons_and_backslashes_are_escaped() -> None:
    assert passtext.line("::1", "5432", "a\\b:c", "t:k") == "\\:\\:1:5432:*:a\\\\b\\:c:t\\:k"


def test_a_user_with_a_line_break_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="line break"):
        passtext.line("h", "5432", "a\nevil:*:*:*:x", TOKEN)


def test_a_line_that_the_user_put_below_our_comment_stays() -> None:
    there = passtext.with_lines(OTHERS, [("dsql", LINE)])
    assert there is not None
    edited = there.replace(LINE.encode(), b"db:5432:*:me:word")
    assert passtext.with_lines(edited, []) == b"db:5432:*:me:word\n" + OTHERS


def test_a_file_that_was_made_for_us_goes_with_the_last_line_unless_something_else_is_in_it() -> None:
    made = passtext.with_lines(None, [("dsql", LINE)])
    assert made is not None
    assert passtext.with_lines(made, []) is None
    assert passtext.with_lines(made + OTHERS, []) == OTHERS
    assert passtext.with_lines(b"", []) == b""


def test_an_entry_stands_first_and_is_marked() -> None:
    assert passtext.with_entry(MINE, "dsql", VALUES) == (
        b"# dsqltok keeps this entry; to remove it: dsqltok pgpass disable dsql\n"
        b"[dsql]\nhost=h\nport=5432\n# end of dsqltok's entry\n" + MINE
    )


def test_an_entry_is_found_where_the_user_moved_it_and_with_what_the_user_added() -> None:
    there = passtext.with_entry(MINE, "dsql", VALUES)
    assert there is not None
    ours = there.removesuffix(MINE)
    assert passtext.with_entry(MINE + ours.replace(b"port=5432\n", b"port=1\nuser=x\n"), "dsql", None) == MINE


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        (b"[mine]\n [dsql]\nhost=x\n", VALUES, 'there is a service "dsql" already'),
        (b"# c\n\nhost=x\n[mine]\n", VALUES, "lines before the first service"),
        (MINE, {"host": "h", "dbname": "a\nb"}, "line break"),
        (MINE, {"host": "h", "dbname": " a"}, "space around it"),
    ],
)
def test_an_entry_that_would_mean_something_else_is_refused(text: bytes, values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        passtext.with_entry(text, "dsql", values)
