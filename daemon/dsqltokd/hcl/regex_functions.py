"""`regex`, `regexall`, `regexreplace` and `regexpescape`, with Go's rules for empty matches and for replacements."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .arguments import of_strings, to_value
from .scope import FunctionError
from .types import STRING, Type, object_type, tuple_type
from .values import Value, list_of, null, object_of, string, tuple_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .regex import Pattern

_SPECIAL = r"[\\.+*?()|\[\]{}^$]"
_REFERENCE = r"\$(?:(\$)|(\w+)|\{(\w+)\})"
_NUMBER = "0|[1-9][0-9]{0,8}"


def _compiled(text: str, argument_index: int | None = None) -> Pattern:
    from .regex import PatternError, compile_pattern  # noqa: PLC0415 - 2 ms that most projects need not pay

    try:
        return compile_pattern(text)
    except PatternError as error:
        raise FunctionError(f"invalid regexp pattern: {error}", argument_index) from None


def _matches(pattern: Pattern, text: str) -> Iterator[re.Match[str]]:
    """Yield all matches as Go's FindAll does: no empty one right behind another."""
    place, end = 0, -1
    while place <= len(text) and (match := pattern.compiled.search(text, place)):
        accept = match.end() != place or match.start() != end
        place = match.end() if match.end() != place else place + 1
        end = match.end()
        if accept:
            yield match


def _regex(pattern_text: str, text: str) -> Value:
    pattern = _compiled(pattern_text, 0)
    result_type = _result_type(pattern)
    match = pattern.compiled.search(text)
    if match is None:
        raise FunctionError("pattern did not match any part of the given string")
    return _result(pattern, match, result_type)


def _regexall(pattern_text: str, text: str) -> Value:
    pattern = _compiled(pattern_text, 0)
    result_type = _result_type(pattern)
    return list_of(result_type, [_result(pattern, match, result_type) for match in _matches(pattern, text)])


def _result_type(pattern: Pattern) -> Type:
    names = pattern.names
    if not names:
        return STRING
    if not any(names):
        return tuple_type([STRING] * len(names))
    if not all(names):
        raise FunctionError("invalid regexp pattern: cannot mix both named and unnamed capture groups", 0)
    return object_type(dict.fromkeys(names, STRING))


def _result(pattern: Pattern, match: re.Match[str], result_type: Type) -> Value:
    if result_type == STRING:
        return string(match[0])
    groups = [null(STRING) if group is None else string(group) for group in match.groups()]
    return object_of(dict(zip(pattern.names, groups, strict=True))) if any(pattern.names) else tuple_of(groups)


def _regexreplace(text: str, pattern_text: str, template: str) -> str:
    """Go's ReplaceAllString: there is no replacement for an empty match right behind another match."""
    pattern = _compiled(pattern_text)
    parts: list[str] = []
    place = end = 0
    while place <= len(text) and (match := pattern.compiled.search(text, place)):
        parts.append(text[end : match.start()])
        if match.end() > end or match.start() == 0:
            parts.append(_expanded(template, pattern, match))
        end = match.end()
        place = max(place + 1, end)
    return "".join(parts) + text[end:]


def _expanded(template: str, pattern: Pattern, match: re.Match[str]) -> str:
    def expand(reference: re.Match[str]) -> str:
        dollar, bare, braced = reference.groups()
        return "$" if dollar else _group(bare or braced, pattern, match)

    return re.sub(_REFERENCE, expand, template)


def _group(name: str, pattern: Pattern, match: re.Match[str]) -> str:
    """Return what a group matched, "" if there is no such group."""
    if re.fullmatch(_NUMBER, name):
        return (match[int(name)] or "") if int(name) <= len(pattern.names) else ""
    named = zip(pattern.names, match.groups(), strict=True)
    return next((group for other, group in named if other == name and group is not None), "")


REGEX_FUNCTIONS = (
    to_value("regex", ("pattern", "string"), _regex),
    to_value("regexall", ("pattern", "string"), _regexall),
    of_strings("regexreplace", ("str", "pattern", "replace"), _regexreplace),
    of_strings("regexpescape", ("str",), lambda text: re.sub(_SPECIAL, r"\\\g<0>", text)),
)
