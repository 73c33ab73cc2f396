"""File patterns: Go's `filepath.Glob`, and the library doublestar (v1) whose patterns also have `**` and `{a,b}`.

Both get their directories from a function, and ask it for nothing but directories that the pattern leads to. Paths are
absolute, parted by slashes.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Listing = Callable[[str], Mapping[str, bool | None] | None]
    """What is in a directory: by name, whether it leads to a directory, None if nowhere. None for no directory."""

_NOT_ESCAPED = r"(?<!\\)"


class PatternError(ValueError):
    """A malformed pattern."""

    def __init__(self) -> None:
        super().__init__("the pattern has a syntax error")


def glob(pattern: str, listing: Listing) -> list[str]:
    """Return the paths that match as Go's `filepath.Glob` has them. Raises PatternError.

    Like Go only for what it reads: what stands before a component's first star, and what is compared with a name.
    """
    _matches(pattern, "")
    if not re.search(r"[*?\[\\]", pattern):
        return [pattern] if _exists(pattern, listing) else []
    above, _, last = pattern.rpartition("/")
    found: list[str] = []
    for directory in glob(above or "/", listing):
        names = sorted(listing(directory) or ())
        matching = (name for name in names if _matches(last, name))
        found.extend(posixpath.normpath(posixpath.join(directory, name)) for name in matching)
    return found


def _exists(path: str, listing: Listing) -> bool:
    above, name = posixpath.split(posixpath.normpath(path))
    return not name or name in (listing(above) or ())


_CHUNK = re.compile(r"(\**)((?:\\.|\[(?:\\.|[^\\\]])*\]?|[^*\\\[]|\\\Z)*)", re.DOTALL)
_TERM = re.compile(r"(\?)|\[(\^?)((?:\\.|[^\\\]])+)\]|\\(.)|([^?\[\\])", re.DOTALL)
_RANGE = re.compile(r"(?:\\(.)|([^\\-]))(?:-(?:\\(.)|([^\\-])))?", re.DOTALL)


def _matches(pattern: str, name: str) -> bool:
    """Match a name as `filepath.Match` does. Raises PatternError if it gets to a malformed part."""
    place = 0
    while place < len(pattern):
        stars, chunk = _CHUNK.match(pattern, place).groups()  # type: ignore[union-attr]  # it matches anything
        place += len(stars) + len(chunk)
        if not chunk:
            return "/" not in name
        expression = re.compile(_expression(chunk), re.DOTALL)
        starts = range(name.find("/") + 1 or len(name) + 1) if stars else range(1)
        ends = (match.end() for start in starts if (match := expression.match(name, start)))
        end = next((end for end in ends if place < len(pattern) or end == len(name)), None)
        if end is None:
            return False
        name = name[end:]
    return not name


def _expression(chunk: str) -> str:
    """Return a pattern without stars as a regular expression. Raises PatternError."""
    parts: list[str] = []
    place = 0
    while place < len(chunk):
        match = _TERM.match(chunk, place)
        if match is None:
            raise PatternError
        place = match.end()
        any_one, caret, inside, escaped, char = match.groups()
        if any_one:
            parts.append("[^/]")
        elif inside is None:
            parts.append(re.escape(escaped or char))
        else:
            parts.append(_class(caret, inside))
    return "".join(parts)


def _class(caret: str, inside: str) -> str:
    ranges = "".join(_ranges(inside))
    if ranges:
        return f"[{caret}{ranges}]"
    return "." if caret else "(?!)"


def _ranges(inside: str) -> Iterator[str]:
    """Yield the ranges of a class for a regular expression."""
    place = 0
    while place < len(inside):
        match = _RANGE.match(inside, place)
        if match is None:
            raise PatternError
        place = match.end()
        low = match[1] or match[2]
        high = match[3] or match[4] or low
        # Go lets a range run backwards, and nothing matches it.
        yield f"\\U{ord(low):08x}-\\U{ord(high):08x}" if low <= high else ""


# doublestar


def fileset(pattern: str, listing: Listing) -> list[str]:
    """Return the paths that match as doublestar has them. Raises PatternError, like it not for every malformed one."""
    found: list[str] = []
    if not _walk("/", pattern.removeprefix("/"), listing, found):
        raise PatternError
    return found


def _walk(directory: str, pattern: str, listing: Listing, found: list[str]) -> bool:
    """Add the paths that match. Return whether the last pattern that was looked at made sense: others do not count."""
    directory, pattern = _descended(directory, pattern)
    if not pattern:
        if _exists(directory, listing):
            found.append(directory)
        return True
    entries = listing(directory)
    if entries is None:
        return True
    valid = True
    component, slash, below = _component(pattern)
    if component == "**":
        for name in sorted(name for name, leads in entries.items() if leads is not None):
            path = posixpath.join(directory, name)
            if not slash:
                found.append(path)
            if entries[name]:
                valid = _walk(path, pattern, listing, found)
        if not slash:
            return valid
        pattern = below
    return _walk_component(directory, pattern, listing, found) if entries else valid


def _walk_component(directory: str, pattern: str, listing: Listing, found: list[str]) -> bool:
    valid = True
    for name in sorted(listing(directory) or ()):
        try:
            rests = _match_component(pattern, name)
        except PatternError:
            return False
        valid = True
        path = posixpath.join(directory, name)
        if rests == []:
            found.append(path)
        for rest in rests or ():
            valid = _walk(path, rest, listing, found)
    return valid


def _component(pattern: str) -> tuple[str, bool, str]:
    """Split a pattern at its first slash: what stands before, whether there is one, what stands behind."""
    slash = _unescaped(pattern, "/")
    return (pattern, False, "") if slash < 0 else (pattern[:slash], True, pattern[slash + 1 :])


def _descended(directory: str, pattern: str) -> tuple[str, str]:
    """Go down as far as the pattern has nothing but names."""
    special = _unescaped(pattern, "*?[{\\")
    slash = special if special == 0 else pattern.rfind("/", 0, special if special > 0 else None)
    if slash > 0:
        return posixpath.normpath(posixpath.join(directory, pattern[:slash])), pattern[slash + 1 :]
    return directory, pattern


def _unescaped(text: str, chars: str) -> int:
    """Return the place of the first of these characters without a backslash before it, -1 for none."""
    match = re.search(f"{_NOT_ESCAPED}[{re.escape(chars)}]", text)
    return match.start() if match else -1


def _match_component(pattern: str, name: str) -> list[str] | None:
    """Match a name with the first component of a pattern, which may come out of alternatives in several lengths.

    Return the patterns for what lies below, an empty list for the whole pattern, None if it does not match.
    """
    place = index = 0
    while place < len(pattern) and index < len(name):
        char = pattern[place]
        if char == "/":
            place += 1
            break
        if char == "*":
            return _match_star(pattern[place + 1 :], name[index:])
        if char == "{":
            return _match_alternatives(pattern[place + 1 :], name[index:])
        if char == "[":
            matched, place = _match_class(pattern, place + 1, name[index])
        else:
            place += char == "\\"
            if place >= len(pattern):
                raise PatternError
            matched = pattern[place] == name[index] or char == "?"
            place += 1
        if not matched:
            return None
        index += 1
    return _rest(pattern[place:]) if index >= len(name) else None


def _rest(pattern: str) -> list[str] | None:
    """Return what `_match_component` does when the name is at its end."""
    if not pattern:
        return []
    component, slash, below = _component(pattern)
    if not _can_be_empty(component):
        return None
    return [below] if slash else []


def _match_star(pattern: str, name: str) -> list[str] | None:
    if not pattern:
        return []
    if pattern.startswith("/"):
        return [pattern[1:]]
    rests = (_match_component(pattern, name[start:]) for start in range(len(name)))
    return next((rest for rest in rests if rest is not None), None)


def _match_alternatives(pattern: str, name: str) -> list[str] | None:
    options, rest = _alternatives(pattern)
    matches = [found for each in options if (found := _match_component(each + rest, name)) is not None]
    return [pattern for found in matches for pattern in found] if matches else None


def _alternatives(text: str) -> tuple[list[str], str]:
    """Split what follows an opening brace into its alternatives and what follows the closing one."""
    options: list[str] = []
    start = place = 0
    depth = 1
    while place < len(text):
        char = text[place]
        if char == "\\":
            place += 1
        elif char == "{":
            depth += 1
        elif (char == "," and depth == 1) or char == "}":
            depth -= char == "}"
            if char == "," or not depth:
                options.append(text[start:place])
                start = place + 1
            if not depth:
                return options, text[place + 1 :]
        place += 1
    raise PatternError


def _can_be_empty(pattern: str) -> bool:
    if pattern in ("", "*", "**"):
        return True
    if not pattern.startswith("{"):
        return False
    options, rest = _alternatives(pattern[1:])
    return _can_be_empty(rest) and any(_can_be_empty(each) for each in options)


def _match_class(pattern: str, place: int, char: str) -> tuple[bool, int]:
    """Match a class that begins at `place`; return whether it matches, and the place behind it."""
    end = _unescaped(pattern[place:], "]")
    inside = pattern[place : place + end]
    if end <= 0:
        raise PatternError
    expression = _class("^" if inside.startswith("^") else "", inside.removeprefix("^"))
    return re.fullmatch(expression, char, re.DOTALL) is not None, place + end + 1
