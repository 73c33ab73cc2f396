"""Going on behind a mistake: what is told, in which order, and how much of it."""

from __future__ import annotations

import pytest

from dsqltokd.hcl import HclError, Scope, evaluate_expression, parse, parse_expression, parse_template, to_python


def mistakes(text: str) -> list[tuple[str, str]]:
    """Return the summaries of a file's mistakes and what they mark."""
    source = text.encode()
    with pytest.raises(HclError) as caught:
        parse(source, "f")
    return [
        (each.summary, source[each.subject.start.byte : each.subject.end.byte].decode())
        for each in caught.value.diagnostics
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a = ]\nb\nc = x.\nd = 1\nd = 2\n",
            [
                ("Invalid expression", "]"),
                ("Argument or block definition required", "b"),
                ("Invalid attribute name", "\n"),
                ("Attribute redefined", "d"),
            ],
        ),
        (
            "b {\n  x = [1 2]\n  y\n}\nb 1\nc\n",
            [
                ("Missing item separator", "2"),
                ("Argument or block definition required", "y"),
                ("Argument or block definition required", "b"),
                ("Argument or block definition required", "c"),
            ],
        ),
        (
            'a = "%{ if x }%{ endfor }%{ else }"\nb = "${x y}${z}"\nc\n',
            [
                ("Unexpected endfor directive", "%{ endfor }"),
                ("Unexpected else directive", "%{ else }"),
                ("Extra characters after interpolation expression", "y"),
                ("Argument or block definition required", "c"),
            ],
        ),
        (
            'b { a = "\\q", c }\n',
            [("Invalid single-argument block definition", ","), ("Invalid escape sequence", "\\q")],
        ),
        ("a = x ? 1 y\n", [("Missing false expression in conditional", "y"), ("Missing newline after argument", "y")]),
        ("a = (2 3)\nb = f::g\n", [("Unbalanced parentheses", "3"), ("Missing open parenthesis", "\n")]),
        (
            "a = {for x in y: z}[0 0].b.*.*\n",
            [("Invalid 'for' expression", "z"), ("Missing close bracket on index", "0")],
        ),
    ],
)
def test_independent_mistakes_are_all_told_in_the_order_of_hashicorps_parser(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert mistakes(text) == expected


def test_what_may_follow_from_an_earlier_mistake_is_not_told() -> None:
    assert mistakes("a = ]\nb = ]\nc = [1 2]\n") == [("Invalid expression", "]")]


def test_a_hundred_mistakes_are_enough() -> None:
    assert len(mistakes("x\n" * 5000)) == 100
    assert len(mistakes('a = "' + "\\q" * 5000 + '"\n')) == 100
    assert len(mistakes("a = " + "@" * 5000)) == 100


def test_of_quotes_of_the_wrong_kind_two_opening_ones_are_told() -> None:
    assert mistakes("a = [`b`, `c`, `d`]\n")[:-1] == [("Invalid character", "`")] * 2


@pytest.mark.parametrize("text", ['a = "x$', 'a = "${"%', "a = <<E\nx $"])
def test_a_marker_at_the_end_of_an_unclosed_template_is_a_mistake_of_its_own(text: str) -> None:
    assert mistakes(text)[0] == ("Invalid character", text[-1])


def test_in_a_bare_template_a_carriage_return_alone_makes_text_of_all_that_follows() -> None:
    value = evaluate_expression(parse_template(b"a\r${b}", "f"), Scope())
    assert to_python(value) == "a\r${b}"


def test_an_expression_that_is_lost_in_brackets_is_told_once() -> None:
    with pytest.raises(HclError) as caught:
        parse_expression(b"f([{a = }], 1) + ]", "f")
    assert [each.summary for each in caught.value.diagnostics] == ["Invalid expression"]
