"""The mistakes in a project file, as the user is told of them.

What HCL says about a mistake may quote a value: a key that stands in a file the project read, a text that a function
could not use. So a quotation is shown only if it stands in the project file itself, or is a name of the language's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from dsqltok.errors import ConfigurationError, from_data
from dsqltokd.atlas import INSTEAD, WORDS, ProjectError
from dsqltokd.hcl import Diagnostic, excerpt
from dsqltokd.hcl.calls import UNKNOWN_FUNCTION

if TYPE_CHECKING:
    from collections.abc import Collection

    from dsqltok.errors import DsqltokError
    from dsqltokd.atlas import Functions
    from dsqltokd.hcl import Function, HclError, LazyFunction, Parameter

    from .limits import ExceededError

_MOST = 10  # mistakes told in one go
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_LONGEST_MISTAKE = 800  # characters of what is said of one
_LONGEST_TEXT = 5000  # a path alone may have 4096
_MOST_CANDIDATES = 100
_SUGGESTION = re.compile(r' Did you mean "…"\?')


def configuration_error(error: HclError, source: bytes, functions: Functions) -> ConfigurationError:
    """Return the mistakes: the first as `FILE:LINE:COLUMN: what`, with its line, a caret and the others as the detail.

    `source` is the content of the file, `functions` are those it could call.
    """
    parameters = (parameter.name for function in functions.values() for parameter in _parameters(function))
    words = {*WORDS, *functions, *parameters, "true", "false", "heredoc"}
    text = source.decode(errors="replace")
    first, *others = (_advised(each, source) for each in error.diagnostics[:_MOST])
    details = [shown(first, source)]
    for other in others:
        details += ["", f"{place(other)}: {_said(other, text, words)}", shown(other, source)]
        details += [f"hint: {other.hint}"] if other.hint else []
    if len(error.diagnostics) > _MOST:
        details += ["", f"… and {len(error.diagnostics) - _MOST} more"]
    start = first.subject.start
    return ConfigurationError(
        f"{place(first)}: {_said(first, text, words)}",
        hint=first.hint or f"correct {'these lines' if others else 'this line'}: an edit counts at once",
        detail="\n".join(details),
        data={"file": first.subject.filename, "line": start.line, "column": start.column},
    )


def limit_error(error: ExceededError, path: str, source: bytes, functions: Functions) -> ConfigurationError:
    """Return what to tell of an evaluation that took too much."""
    hint = "simplify it: see what it multiplies, such as loops within loops, and how long its texts are"
    found = ConfigurationError(f"{path} is too large to be evaluated: {error.what}", hint=hint)
    if error.span is not None:
        mistake = ProjectError("Evaluation too large", f"{error.what}.", error.span, hint=hint)
        found = configuration_error(mistake, source, functions)
    found.retryable = error.passing
    return found


def shortened(error: DsqltokError) -> DsqltokError:
    """Return the error with texts of readable length: a project may have names as long as itself, and many of them."""
    data = error.as_data()
    for part in ("message", "hint"):
        text = str(data[part])
        data[part] = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
    if "candidates" in error.data:
        names = cast("list[str]", error.data["candidates"])
        candidates = [name for name in names[:_MOST_CANDIDATES] if len(name) <= _LONGEST_TEXT]
        data["data"] = error.data | {"candidates": candidates}
    return from_data(data)


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
    message = _cut(": ".join(sentence[:1].lower() + sentence[1:] for sentence in sentences))
    return _SUGGESTION.sub("", _QUOTED.sub(shown, message)).rstrip(".")


def _cut(message: str) -> str:
    """Return a message that people can read to its end, without half a quotation, which nobody would recognise."""
    if len(message) <= _LONGEST_MISTAKE:
        return message
    message = message[:_LONGEST_MISTAKE]
    *_, quoted = 0, *(found.end() for found in _QUOTED.finditer(message))
    open_quote = message.find('"', quoted)
    return (message if open_quote < 0 else message[:open_quote]) + "…"


def _parameters(function: Function | LazyFunction) -> tuple[Parameter, ...]:
    return (*function.params, function.variadic) if function.variadic else function.params
