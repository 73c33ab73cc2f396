"""The conformance tables' texts, and what chance makes of them.

A mutation is a function of the seed and its number: what fails once fails again. A NUL is never put in: the oracle
reads no further than to the first. Nor are bytes that are no UTF-8 put into expressions, which it takes as text.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsqltokd.hcl import HclError, parse, parse_expression, references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TABLES = Path(__file__).parents[3] / "shared" / "conformance"


def words(text: str) -> list[str]:
    """Split at single spaces."""
    return text.split(" ")


_TOKEN = re.compile(r"\w+|[^\S\n]+|\n|[^\w\s]")
_INSERTED = [
    *words(
        """{ } ( ) [ ] " . , = : ? ! + - * / % < > & | ^ ~ ; ' ` \\ # $ @ 0 1 7 e _ a => == != <= >= && || ... ::"""
    ),
    *words(".* [*] .0 [0] ${ %{ ${~ ~} %{~ $${ %%{ // /* */ <<E <<-E ** << f( try( () {} [] {a=1} 1.5 1e3 1..2 2. .5"),
    *words('true false null for in if else endif endfor foo "x" \\n \\q \\u12 \\ud800 \\u0301 \\U0001F600 \\U00110000'),
    *["\n", "\r\n", "\r", "\t", " ", "\n\n", "\nE\n", "\n<<E\nx\nE\n", "%{ if true }", "%{ endif }", "%{ for x in y }"],
    *words(
        "\ufeff é e\u0301 \u0301 “ ” \u200b \u200d \u2028 \x0b \x7f \x01 名 👩\u200d👩\u200d👧 🇩🇪 \u0663 \u1680 \u00a0"
    ),
]
_BAD_BYTES = ["\udcff", "\udcc3", "\udce2\udc80"]  # as `surrogateescape` writes 0xFF, and sequences that break off


@dataclass(frozen=True)
class Document:
    """A text to be damaged: an expression with the object that `var.v` is in it, or else a file."""

    text: str
    variables: str | None = None

    @property
    def is_file(self) -> bool:
        """Whether it is a file."""
        return self.variables is None


def corpus() -> list[Document]:
    """Return the texts of all tables, expressions as such and as a file's only argument."""
    expressions = list(_expressions())
    files = [Document(row["src"]) for row in _rows("atlas-projects")]
    files += [Document(row["hcl"]) for row in _rows("atlas-corpus")]
    files += [Document(f"a = {each.text}\n") for each in expressions]
    files += [Document(row["expr"]) for row in _rows("hcl-expressions") if row["kind"] == "body"]
    return expressions + list(dict.fromkeys(files))


def _rows(table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (TABLES / f"{table}.jsonl").read_text().splitlines()]


def _expressions() -> Iterator[Document]:
    for row in _rows("hcl-expressions"):
        if row["kind"] == "template":
            yield from (Document(text, "{}") for text in (f'"{row["expr"]}"', f"<<-E\n  {row['expr']}\nE\n"))
        elif row["kind"] == "expr":
            yield _with_variables(row)
    for row in _rows("atlas-corpus"):
        yield from (Document(text, "{}") for text in _arguments(row["hcl"]))


def _with_variables(row: dict[str, Any]) -> Document:
    """Return a row's expression with its variables' names written `var.v.name`."""
    source = row["expr"].encode()
    try:
        found = references(parse_expression(source, ""))
    except HclError:
        found = ()
    for at in sorted({each.root_span.start.byte for each in found if each.root in row["variables"]}, reverse=True):
        source = source[:at] + b"var.v." + source[at:]
    variables = json.dumps(row["variables"], ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")
    return Document(source.decode(), variables)


def _arguments(text: str) -> Iterator[str]:
    """Return the expressions of a file's arguments."""
    source = text.encode()
    bodies = [parse(source, "")]
    while bodies:
        body = bodies.pop()
        for attribute in body.attributes.values():
            span = attribute.expression.span
            yield source[span.start.byte : span.end.byte].decode()
        bodies += [block.body for block in body.blocks]


class Mutator:
    """Damages the texts of a corpus."""

    def __init__(self, documents: list[Document], seed: int) -> None:
        self._documents = documents
        self._seed = seed
        self._expressions = [each.text for each in documents if not each.is_file]
        words = {word for each in documents for word in _tokens(each.text) if not word.isspace()}
        self._words: list[str] = sorted(words) + _INSERTED * (1 + len(words) // len(_INSERTED))
        self._alike: dict[str, list[str]] = {
            kind: [word for word in self._words if _kind(word) == kind] for kind in set(map(_kind, self._words))
        }

    def mutation(self, number: int) -> Document:
        """Return the mutation of this number."""
        chance = random.Random(f"{self._seed}/{number}")  # noqa: S311 - chance that repeats itself is what is wanted
        document = chance.choice(self._documents)
        text = document.text
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            text = chance.choice(_DAMAGES)(chance, text, self)
        if document.is_file and chance.random() < _BAD_BYTES_EVERY:
            text = _inserted(chance, text, chance.choice(_BAD_BYTES))
        return Document(text, document.variables)

    def word(self, chance: random.Random) -> str:
        """Return a token."""
        return chance.choice(self._words)

    def word_like(self, chance: random.Random, word: str) -> str:
        """Return a token of the same kind: a name, a number, an operator."""
        return chance.choice(self._alike.get(_kind(word), self._words))

    def other(self, chance: random.Random) -> str:
        """Return the text of any document."""
        return chance.choice(self._documents).text

    def expression(self, chance: random.Random) -> str:
        """Return any expression."""
        return chance.choice(self._expressions)


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _kind(word: str) -> str:
    return "number" if word[0].isdigit() else "name" if word[0].isalnum() else "sign"


def _inserted(chance: random.Random, text: str, word: str) -> str:
    at = chance.randint(0, len(text))
    return text[:at] + word + text[at:]


def _insert(chance: random.Random, text: str, mutator: Mutator) -> str:
    return _inserted(chance, text, mutator.word(chance))


def _replace(chance: random.Random, text: str, mutator: Mutator) -> str:
    return _replaced(chance, text, lambda token: mutator.word_like(chance, token))


def _replaced(chance: random.Random, text: str, other: Callable[[str], str]) -> str:
    tokens = _tokens(text)
    places = [at for at, token in enumerate(tokens) if not token.isspace()]
    if places:
        at = chance.choice(places)
        tokens[at] = other(tokens[at])
    return "".join(tokens)


def _truncate(chance: random.Random, text: str, _mutator: Mutator) -> str:
    at = chance.randint(0, len(text))
    return text[:at] if chance.random() < _HALF else text[at:]


def _splice(chance: random.Random, text: str, mutator: Mutator) -> str:
    return _truncate(chance, text, mutator) + _truncate(chance, mutator.other(chance), mutator)


def _graft(chance: random.Random, text: str, mutator: Mutator) -> str:
    return _replaced(chance, text, lambda _token: f"({mutator.expression(chance)}\n)")


def _wrap(chance: random.Random, text: str, mutator: Mutator) -> str:
    return chance.choice(_FORMS).replace("A", text).replace("B", mutator.expression(chance))


def _embed(chance: random.Random, text: str, mutator: Mutator) -> str:
    return _inserted(chance, text, mutator.other(chance))


def _rearrange(split: Callable[[str], list[str]]) -> Callable[[random.Random, str, Mutator], str]:
    """Return the damage that loses, repeats or swaps one of the parts of a text."""

    def damage(chance: random.Random, text: str, _mutator: Mutator) -> str:
        parts = split(text) or [""]
        at, other = chance.randrange(len(parts)), chance.randrange(len(parts))
        change = chance.choice("-+~x")
        if change == "~":
            parts[at], parts[other] = parts[other], parts[at]
        elif change == "x":
            parts.insert(other, parts.pop(at))
        else:
            parts[at] *= 2 if change == "+" else 0
        return "".join(parts)

    return damage


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


_HALF = 0.5
_BAD_BYTES_EVERY = 0.02
_FORMS = [
    *[
        "(A\n) == (B\n)",
        "[A, B\n]",
        "{a = A, b = B\n}",
        "true ? A : B",
        "false ? (A\n) : (B\n)",
        "try(A, B\n)",
        "-(A\n)",
    ],
    *["[for k, v in (A\n): v]", "{for k, v in (A\n): k => B}", "{for v in (A\n): v => v...}", "(A\n)[*]", "(A\n)[B]"],
    *['"${A}"', '"x${A}${B}"', "(A\n).*.a", "(A\n).0", "merge(A, B\n)", "concat(A, B\n)", "!(A\n)", "(A\n) < (B\n)"],
    *[
        '"%{ for v in (A\n) ~} ${v} %{ endfor }"',
        '"%{ if A }${B}%{ endif }"',
        "can(A\n)",
        "keys(A\n)",
        "(A\n) || (B\n)",
    ],
]
_DAMAGES = [
    _rearrange(list),
    _rearrange(_tokens),
    _rearrange(_tokens),
    _rearrange(_lines),
    _insert,
    _insert,
    _replace,
    _replace,
    _replace,
    _replace,
    _truncate,
    _splice,
    _embed,
    _graft,
    _graft,
    _wrap,
    _wrap,
]
