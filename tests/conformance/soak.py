"""Two implementations of HCL on mutations of the conformance tables: `make soak` prints how far they agree.

Rule 1: a text is judged as a file (its syntax only, since `pygohcl` evaluates no files) or as an expression (syntax,
then value). The variables of an expression are given to both sides as attributes of `var.v`.
Rule 2: what we do otherwise on purpose is no difference. It is told by our own message, never by the text.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from typing import NamedTuple

from conformance.mutations import Document, Mutator, corpus
from conformance.oracle import FILE, FUNCTIONS, Mistake, Oracle, OracleError, comparable, running_oracle, told
from dsqltokd.hcl import FUNCTIONS as OURS
from dsqltokd.hcl import HclError, Scope, Value, evaluate_expression, object_of, parse, parse_expression

_ON_PURPOSE = (
    "division by zero",  # HashiCorp's is an infinity
    "infinities are not supported",
    "numbers beyond 10 to the power of",
    "nested this deeply",
)
"""Parts of our messages about what HashiCorp's code takes and we do not: see the list in `dsqltokd.hcl.evaluate`."""
_SHOWN = 20
_SHARED = {name: function for name, function in OURS.items() if name in FUNCTIONS.split()}


class Finding(NamedTuple):
    """A mutation on which the two do not agree, and on what: a value, a verdict or the mistakes."""

    what: str
    number: int
    document: Document
    ours: object
    theirs: object


@dataclass
class Tally:
    """What became of the mutations."""

    mutations: int = 0
    rejected: int = 0
    same_place: int = 0
    same_message: int = 0
    same_list: int = 0
    on_purpose: int = 0
    unanswered: int = 0
    findings: list[Finding] = field(default_factory=list)

    def count(self, what: str) -> int:
        """Return how many findings there are of a kind."""
        return sum(finding.what == what for finding in self.findings)

    @property
    def places(self) -> float:
        """The share of the mutations rejected by both whose first diagnostic stands in the same place."""
        return self.same_place / max(1, self.rejected)

    def __str__(self) -> str:
        share = 100 / max(1, self.rejected)
        return (
            f"{self.mutations} mutations, {self.rejected} rejected by both\n"
            f"{self.count('value')} wrong values, {self.count('verdict')} wrong verdicts, "
            f"{self.on_purpose} otherwise on purpose, {self.unanswered} without an answer from pygohcl\n"
            f"of those rejected: first place equal {share * self.same_place:.2f} %, and its summary "
            f"{share * self.same_message:.2f} %, all diagnostics {share * self.same_list:.2f} %"
        )


def run(oracle: Oracle, mutations: int, seed: int) -> Tally:
    """Compare the two on the mutations 0 up to `mutations` of a seed."""
    tally = Tally()
    mutator = Mutator(corpus(), seed)
    for number in range(mutations):
        tally.mutations += 1
        try:
            _compare(oracle, tally, number, mutator.mutation(number))
        except OracleError:
            tally.unanswered += 1
    return tally


def _compare(oracle: Oracle, tally: Tally, number: int, document: Document) -> None:
    text, variables = document.text, document.variables
    ours: list[Mistake] = []
    try:
        evaluated(text, variables)
    except HclError as error:
        if any(part in each.detail for each in error.diagnostics for part in _ON_PURPOSE):
            tally.on_purpose += 1
            return
        ours = told(error)
    theirs = oracle.mistakes_in_file(text) if variables is None else oracle.mistakes_in_expression(text, variables)
    if ours and theirs:
        _compare_mistakes(tally, number, document, ours, theirs)
    elif ours or theirs:
        tally.findings.append(Finding("verdict", number, document, ours, theirs))
    elif variables is not None:
        _compare_values(oracle, tally, number, document, variables)


def evaluated(text: str, variables: str | None = "{}") -> Value | None:
    """Return the value of an expression with the functions that both have, and None of a file. Raises HclError."""
    if variables is None:
        parse(text.encode("utf-8", "surrogateescape"), FILE)
        return None
    given = evaluate_expression(parse_expression(variables.encode(), ""), Scope())
    return evaluate_expression(parse_expression(text.encode(), FILE), Scope({"var": object_of({"v": given})}, _SHARED))


def _compare_mistakes(
    tally: Tally, number: int, document: Document, ours: list[Mistake], theirs: list[Mistake]
) -> None:
    tally.rejected += 1
    tally.same_place += ours[0].place == theirs[0].place
    tally.same_message += ours[0] == theirs[0]
    same = comparable(ours) == comparable(theirs)
    tally.same_list += same
    if not same:
        tally.findings.append(Finding("mistakes", number, document, ours, theirs))


def _compare_values(oracle: Oracle, tally: Tally, number: int, document: Document, variables: str) -> None:
    shown = f"jsonencode({document.text}\n)"
    try:
        encoded = evaluated(shown, variables)
    except HclError as error:
        if not oracle.mistakes_in_expression(shown, variables):
            tally.findings.append(Finding("verdict", number, document, str(error), []))
        return
    found = encoded.text if encoded is not None else ""
    if not oracle.agrees(shown, found, variables):
        tally.findings.append(Finding("value", number, document, found, None))


def main() -> None:
    """Compare as many mutations as the command line says; fail if a value or a verdict is wrong."""
    parser = argparse.ArgumentParser(prog="conformance.soak", description=__doc__)
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with running_oracle() as oracle:
        tally = run(oracle, options.mutations, options.seed)
    gravest_first = sorted(tally.findings, key=lambda each: ("value", "verdict", "mistakes").index(each.what))
    for finding in gravest_first[:_SHOWN]:
        sys.stdout.write(
            f"{finding.what} {finding.number}: {finding.document.text!r}\n  {finding.ours}\n  {finding.theirs}\n"
        )
    sys.stdout.write(f"{tally}\n")
    sys.exit(1 if tally.count("value") + tally.count("verdict") else 0)


if __name__ == "__main__":
    main()
