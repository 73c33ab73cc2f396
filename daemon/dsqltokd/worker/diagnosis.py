"""The mistakes in a project file, as the user is told of them.

What HCL says about a mistake may quote a value: a key that stands in a file the project read, a text that a function
could not use. So a quotation is shown only if it stands in the project file itself, or is a name of the language's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dsqltok.errors import ConfigurationError
from dsqltokd.atlas import INSTEAD, WORDS
from dsqltokd.hcl import Diagnostic, excerpt
from dsqltokd.hcl.calls import UNKNOWN_FUNCTION

if TYPE_CHECKING:
    from collections.abc import Collection

    from dsqltokd.atlas import Functions
    from dsqltokd.hcl import Function, HclError, LazyFunction, Parameter

_MOST = 10  # mistakes told in one go
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SUGGESTION = re.compile(r' Did you mean "…"\?')


def configuration_error(error: HclError, source: bytes, functions: Functions) -> ConfigurationError:
    """Return the mistakes: the first as `FILE:LINE:COLUMN: what`, with its line, a caret and the others as the detail.

    `source` is the content of the file, `functions` are those it could call.
    """
    parameters = (parameter.name for function in functions.values() for parameter in _parameters(function))
    words = {*WORDS, *functions, *parameters, "true", "false", "heredoc"}
    text = source.decode(errors="replace")
    first, *others = (_advised(each, source) for each in error.diagnostics)
    details = [shown(first, source)]
    for other in others[: _MOST - 1]:
        details += ["", f"{place(other)}: {_said(other, text, words)}", shown(other, source)]
        details += [f"hint: {other.hint}"] if other.hint else []
    if len(others) >= _MOST:
        details += ["", f"… and {len(others) - _MOST + 1} more"]
    start = first.subject.start
    return ConfigurationError(
        f"{place(first)}: {_said(first, text, words)}",
        hint=first.hint or f"correct {'these lines' if others else 'this line'}: an edit counts at once",
        detail="\n".join(details),
        data={"file": first.subject.filename, "line": start.line, "column": start.column},
    )


def place(diagnostic: Diagnostic) -> str:
    """Return where a mistake is, as editors and compilers write it."""
    start = diagnostic.subject.start
    return f"{diagnostic.subject.filename}:{start.line}:{start.column}"


def shown(diagnostic: Diagnostic, source: bytes) -> str:
    """Return the line of a mistake with a caret below it."""
    return excerpt(source, diagnostic.subject).partition("\n")[2]  # the message has said where


def _advised(diagnostic: Diagnostic, source: bytes) -> Diagnostic:
    """Return the diagnostic with what to write in place of a function that Atlas does not have, where it is of one."""
    subject = diagnostic.subject
    called = source[subject.start.byte : subject.end.byte].decode(errors="replace")
    if diagnostic.summary != UNKNOWN_FUNCTION or called not in INSTEAD:
        return diagnostic
    # Of short names many are near: "sql" is no help to whoever wrote sum().
    detail = diagnostic.detail.partition(" Did you mean ")[0]
    return Diagnostic(diagnostic.summary, detail, subject, INSTEAD[called])


def _said(diagnostic: Diagnostic, text: str, words: Collection[str]) -> str:
    def shown(quoted: re.Match[str]) -> str:
        # What has neither letter nor digit is a sign of the language's, not a value worth hiding.
        known = quoted[1] in words or quoted[1] in text or not any(each.isalnum() for each in quoted[1])
        return quoted[0] if known else '"…"'

    sentences = [" ".join(said.split()).rstrip(".") for said in (diagnostic.summary, diagnostic.detail) if said]
    message = ": ".join(sentence[:1].lower() + sentence[1:] for sentence in sentences)
    return _SUGGESTION.sub("", _QUOTED.sub(shown, message)).rstrip(".")


def _parameters(function: Function | LazyFunction) -> tuple[Parameter, ...]:
    return (*function.params, function.variadic) if function.variadic else function.params
