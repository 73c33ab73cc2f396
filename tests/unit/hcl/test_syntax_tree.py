"""What the parser makes of a text: bodies, expressions, and where they stand."""

from __future__ import annotations

import pytest

from dsqltokd.hcl import HclError, excerpt, parse, parse_expression, references
from dsqltokd.hcl.syntax import Binary, Expression, Index, Parentheses, Unary, Variable


def shape(node: Expression) -> str:
    """Write an operation with all its parentheses."""
    match node:
        case Binary():
            return f"({shape(node.left)}{node.operator}{shape(node.right)})"
        case Unary():
            return f"({node.operator}{shape(node.operand)})"
        case Parentheses():
            return shape(node.inner)
        case Index():
            return f"{shape(node.collection)}[{shape(node.key)}]"
        case Variable():
            return node.traversal.root
    raise AssertionError(node)


def expression(text: str) -> Expression:
    return parse_expression(text.encode(), "f")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * c", "(a+(b*c))"),
        ("a - b - c", "((a-b)-c)"),
        ("a || b && c == d < e", "(a||(b&&(c==(d<e))))"),
        ("!a && b", "((!a)&&b)"),
        ("-a[b] + c", "((-a[b])+c)"),
        ("(a + b) * c", "((a+b)*c)"),
    ],
)
def test_operators_bind_as_in_hcl(text: str, expected: str) -> None:
    assert shape(expression(text)) == expected


def test_a_body_has_attributes_by_name_and_blocks_in_order() -> None:
    body = parse(b'x = 1\nenv "a" bare {\n  y = 2\n}\nenv {}\none { z = 3 }\n', "f")
    assert list(body.attributes) == ["x"]
    assert [(block.type, block.labels) for block in body.blocks] == [("env", ("a", "bare")), ("env", ()), ("one", ())]
    assert list(body.blocks[2].body.attributes) == ["z"]


def test_a_blocks_span_is_its_header() -> None:
    source = b'\nenv "a" {\n}\n'
    block = parse(source, "f").blocks[0]
    assert source[block.span.start.byte : block.span.end.byte] == b'env "a"'
    assert (block.span.start.line, block.span.start.column) == (2, 1)


def test_columns_count_what_a_reader_sees_and_bytes_what_lies_in_the_file() -> None:
    name = expression('"e\u0301👨‍👩‍👧" == x')
    assert isinstance(name, Binary)
    assert (name.right.span.start.column, name.right.span.start.byte) == (9, 27)


def test_a_byte_order_mark_and_windows_newlines_are_accepted() -> None:
    body = parse(b"\xef\xbb\xbfa = 1\r\nb = 2 # c\r\n", "f")
    assert list(body.attributes) == ["a", "b"]
    assert body.attributes["a"].name_span.start.byte == 3
    assert body.attributes["b"].name_span.start.line == 2


@pytest.mark.parametrize("comment", ["# c", "// c", "/* c\n */", "# caf\udce9"])
def test_comments_are_skipped_even_if_they_are_no_utf8(comment: str) -> None:
    source = f"a = 1 {comment}\nb = 2\n".encode("utf-8", "surrogateescape")
    assert list(parse(source, "f").attributes) == ["a", "b"]


def test_identifiers_may_be_in_any_script_and_hold_dashes() -> None:
    assert list(parse("größe-2 = 1\n名前 = 2\n".encode(), "f").attributes) == ["größe-2", "名前"]


def test_references_leave_out_what_a_for_brings_in() -> None:
    names = [reference.root for reference in references(expression('[for k, v in a.b: "${v}${c[0]}${k}" if v != d]'))]
    assert names == ["a", "c", "d"]


def test_references_take_both_arms_and_leave_out_the_names_of_keys() -> None:
    names = [reference.root for reference in references(expression("c ? {a = x, (b) = y} : try(z, 1)"))]
    assert names == ["c", "x", "b", "y", "z"]


def test_references_have_their_literal_steps() -> None:
    (reference,) = references(expression('local.zones["a"].b.0[i].c'))[:1]
    assert [getattr(step, "name", None) for step in reference.steps] == ["zones", None, "b", None]


@pytest.mark.parametrize(
    ("text", "summary", "marked"),
    [
        ("a = ", "Missing expression", ""),
        ("a = 1, b = 2\n", "Unexpected comma after argument", ","),
        ("a = 1 b = 2\n", "Missing newline after argument", "b"),
        ('"a" = 1\n', "Invalid argument name", '"'),
        ("a\n", "Argument or block definition required", "a"),
        ("b {\n  a = 1\n", "Unclosed configuration block", "{"),
        ("b { a = 1, c = 2 }\n", "Invalid single-argument block definition", ","),
        ("b { c {} }\n", "Argument definition required", "c {"),
        ("b\n{\n}\n", "Argument or block definition required", "b"),
        ('b "x"\n{\n}\n', "Invalid block definition", "\n"),
        ("b {} c {}\n", "Missing newline after block definition", "c"),
        ('b "${x}" {}\n', "Invalid string literal", "${"),
        ("a = 'x'\n", "Invalid character", "'"),
        ("a = x & y\n", "Unsupported operator", "&"),
        ("a = “x”\n", "Invalid character", "“"),
        ('a = "x\n"\n', "Invalid multi-line string", "\n"),
        ('a = "\\q"\n', "Invalid escape sequence", "\\q"),
        ('a = "\\u12"\n', "Invalid escape sequence", "\\u12"),
        ("a = [1 2]\n", "Missing item separator", "2"),
        ("a = {x 1}\n", "Missing key/value separator", "1"),
        ("a = {x = 1 y = 2}\n", "Missing attribute separator", "y"),
        ("a = f(1 2)\n", "Missing argument separator", "2"),
        ("a = f(1...,)\n", "Missing closing parenthesis", "..."),
        ("a = f(1", "Unterminated function call", "f("),
        ("a = x ? 1\n", "Missing false expression in conditional", "\n"),
        ("a = x.\n", "Invalid attribute name", "\n"),
        ("a = x.0.1\n", "Invalid legacy index syntax", "0.1"),
        ("a = x[0\n", "Missing close bracket on index", ""),
        ("a = 1.2.3\n", "Invalid number literal", "1.2.3"),
        ("a = 1e99999\n", "Invalid number literal", "1e99999"),
        ("a = [for x y: z]\n", "Invalid 'for' expression", "y"),
        ("a = {for x in y: z}\n", "Invalid 'for' expression", "z"),
        ('a = "${x"', "Unclosed template interpolation sequence", "${"),
        ('a = "${x y}"\n', "Extra characters after interpolation expression", "y"),
        ('a = "%{ fi x }"\n', "Invalid template control keyword", "fi"),
        ('a = "%{ if x }"\n', "Unexpected end of template", '"'),
        ('a = "%{ endif }"\n', "Unexpected endif directive", "%{ endif }"),
        ("a = <<E\nx\n", "Unterminated template string", ""),
        ("a = 1\na = 2\n", "Attribute redefined", "a"),
    ],
)
def test_a_mistake_is_named_and_marked(text: str, summary: str, marked: str) -> None:
    source = text.encode()
    with pytest.raises(HclError) as caught:
        parse(source, "f")
    first = caught.value.diagnostics[0]
    assert first.summary == summary
    assert source[first.subject.start.byte : first.subject.end.byte].decode() == marked


def test_mistakes_of_single_tokens_are_all_told() -> None:
    with pytest.raises(HclError) as caught:
        parse(b'a = "\\q"\nb = "\\w"\na = 1\n', "f")
    assert [mistake.summary for mistake in caught.value.diagnostics] == [
        "Invalid escape sequence",
        "Invalid escape sequence",
        "Attribute redefined",
    ]


def test_bytes_that_are_no_utf8_are_a_mistake_outside_comments() -> None:
    with pytest.raises(HclError) as caught:
        parse(b'a = "\xff"\n', "f")
    assert caught.value.diagnostics[0].summary == "Invalid character encoding"


def test_an_excerpt_shows_the_line_and_marks_the_place() -> None:
    source = b"x = 1\n\turl = nosuch.y\n"
    place = parse(source, "atlas.hcl").attributes["url"].expression.span
    assert excerpt(source, place) == "atlas.hcl:2:8\n\turl = nosuch.y\n\t      ^^^^^^^^"


def test_an_excerpt_of_a_long_line_shows_what_is_around_the_mark() -> None:
    source = b'a = "' + b"x" * 500 + b"${nosuch}" + b"y" * 500 + b'"\n'
    place = references(parse(source, "f").attributes["a"].expression)[0].span
    _, line, marks = excerpt(source, place).splitlines()
    assert len(line) < 130
    assert line[marks.index("^") : marks.rindex("^") + 1] == "nosuch"
