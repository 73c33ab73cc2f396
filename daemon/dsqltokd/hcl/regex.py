r"""RE2's regular expressions by the standard library's `re`: read as Go reads them, and written anew.

Rule 1: nothing of a pattern is handed on as it stands. It is parsed by RE2's grammar, which refuses what RE2 refuses
(lookaround, backreferences, possessive repeats, `{2}{3}`), and `re` gets groups, classes of code points, and anchors.
Rule 2: flags are resolved here, for `re` understands them differently: case is folded letter by letter, `\w` and `\b`
are ASCII, `$` is the very end.
Rule 3: like Go's, `re` takes the leftmost match and of those the first by preference. It may need exponential time for
it, where Go does not; whoever evaluates has to have a deadline.
Rule 4: where what is repeated may match nothing, as in `(a*|b)*`, `re` ends with the first turn that does; Go goes on
with the other alternatives. No other pattern is known to match differently.
Rule 5: `\p{...}` knows categories only; the standard library does not know which script a letter belongs to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .regex_classes import EVERYTHING, Ranges, folded, merged, negated, ranges, rendered, unicode_class

_MOST_REPEATS = 1000
_MOST_CHARACTERS = 10_000  # RE2 takes longer ones; `re` would need seconds to compile them
_DIGITS = ranges("09")
_WORD = ranges("09", "AZ", "_", "az")
_PERL = {"d": _DIGITS, "s": ranges("\t\n", "\f\r", " "), "w": _WORD}
_POSIX = {
    "alnum": ranges("09", "AZ", "az"),
    "alpha": ranges("AZ", "az"),
    "ascii": ranges("\x00\x7f"),
    "blank": ranges("\t", " "),
    "cntrl": ranges("\x00\x1f", "\x7f"),
    "digit": _DIGITS,
    "graph": ranges("!~"),
    "lower": ranges("az"),
    "print": ranges(" ~"),
    "punct": ranges("!/", ":@", "[`", "{~"),
    "space": ranges("\t\r", " "),
    "upper": ranges("AZ"),
    "word": _WORD,
    "xdigit": ranges("09", "AF", "af"),
}
_ESCAPES = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NOT_BOUNDARY = r"(?!(?a:\b))"  # where `re` has `\B`, it does not match in an empty text
_ANCHORS = {"A": r"\A", "z": r"\Z", "b": r"(?a:\b)", "B": _NOT_BOUNDARY}

_REPEAT = re.compile(r"\{(0|[1-9][0-9]*)(?:(,)(0|[1-9][0-9]*)?)?\}")
_NAME = re.compile(r"\(\?P?<([^>]*)(>?)")
_FLAGS = re.compile(r"\(\?([imsU]*)(?:-([imsU]+))?([:)])")
_HEX = re.compile(r"x(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))")
_OCTAL = re.compile(r"[1-7][0-7]{1,2}|0[0-7]{0,2}")
_CLASS_ESCAPE = re.compile(r"\\(?:([dswDSW])|([pP])(?:\{(\^?)([^}]*)(\})?|(.))?)", re.DOTALL)
_POSIX_CLASS = re.compile(r"\[:(.*?):\]", re.DOTALL)


class PatternError(ValueError):
    """A pattern that RE2 refuses; the text is Go's, without the pattern."""


@dataclass(frozen=True)
class Pattern:
    """A pattern that can be searched for; `names` has a name for each group, "" for those without.

    Two groups may have the same name.
    """

    compiled: re.Pattern[str]
    names: tuple[str, ...]


def compile_pattern(text: str) -> Pattern:
    """Return the pattern. Raises PatternError."""
    if len(text) > _MOST_CHARACTERS:
        raise PatternError(f"a pattern may not be longer than {_MOST_CHARACTERS} characters")
    translation = _Translation(text)
    try:
        return Pattern(re.compile(translation.run()), tuple(translation.names))
    except (RecursionError, OverflowError):
        raise PatternError("expression nests too deeply") from None


@dataclass
class _Level:
    """What stands between two parentheses: its alternatives so far and the parts of the last one.

    A part is an expression on its own with the number of copies that its repeats ask for.
    """

    opening: str
    flags: frozenset[str]
    parts: list[tuple[str, int]] = field(default_factory=list)
    alternatives: list[str] = field(default_factory=list)
    copies: int = 1

    def alternate(self) -> None:
        self.alternatives.append("".join(text for text, _ in self.parts))
        self.copies = max([self.copies, *(copies for _, copies in self.parts)])
        self.parts = []


class _Translation:
    """One pass over a pattern."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._flags: frozenset[str] = frozenset()
        self._levels = [_Level("", self._flags)]
        self.names: list[str] = []

    def run(self) -> str:
        after_repeat = False
        while self._place < len(self._text):
            after_repeat = self._step(after_repeat)
        if len(self._levels) > 1:
            raise PatternError("missing closing )")
        level = self._levels[0]
        level.alternate()
        return "|".join(level.alternatives)

    def _step(self, after_repeat: bool) -> bool:
        """Read one thing; return whether it was a repeat."""
        char = self._text[self._place]
        if char in "*+?":
            self._place += 1
            self._repeat(char, 1, after_repeat)
            return True
        if char == "{" and (match := _REPEAT.match(self._text, self._place)):
            self._place = match.end()
            self._repeat(match[0], _copies(match), after_repeat)
            return True
        self._plain(char)
        return False

    def _plain(self, char: str) -> None:
        if char == "(":
            self._open()
        elif char == ")":
            self._close()
        elif char == "[":
            self._class()
        elif char == "\\":
            self._escape()
        else:
            self._place += 1
            self._simple(char)

    def _simple(self, char: str) -> None:
        multiline = "m" in self._flags
        if char == "|":
            self._levels[-1].alternate()
        elif char == "^":
            self._add("(?m:^)" if multiline else r"\A")
        elif char == "$":
            self._add("(?m:$)" if multiline else r"\Z")
        elif char == ".":
            self._add(rendered(EVERYTHING if "s" in self._flags else negated(ranges("\n"))))
        else:
            self._literal(char)

    def _add(self, expression: str, copies: int = 1) -> None:
        self._levels[-1].parts.append((expression, copies))

    def _literal(self, char: str) -> None:
        alike = folded(ranges(char)) if "i" in self._flags else ()
        self._add(rendered(alike) if alike else re.escape(char))

    def _repeat(self, operator: str, count: int, after_repeat: bool) -> None:
        lazy = self._text.startswith("?", self._place)
        self._place += lazy
        if after_repeat:
            raise PatternError("invalid nested repetition operator")
        parts = self._levels[-1].parts
        if not parts:
            raise PatternError("missing argument to repetition operator")
        expression, copies = parts.pop()
        if count > 1 and copies * count > _MOST_REPEATS:
            raise PatternError("invalid repeat count")
        reluctant = lazy != ("U" in self._flags)
        self._add(f"(?:{expression}){operator}{'?' if reluctant else ''}", copies * max(count, 1))

    # --- groups

    def _open(self) -> None:
        if not self._text.startswith("(?", self._place):
            self._place += 1
            self._group("(", "")
        elif match := _NAME.match(self._text, self._place):
            name = match[1]
            if not match[2] or not re.fullmatch("[A-Za-z0-9_]+", name):
                raise PatternError("invalid named capture")
            self._place = match.end()
            self._group("(", name)
        elif match := _FLAGS.match(self._text, self._place):
            self._place = match.end()
            before = self._flags
            self._flags = before.union(match[1]).difference(match[2] or "")
            if match[3] == ":":
                self._levels.append(_Level("(?:", before))
        else:
            raise PatternError("invalid or unsupported Perl syntax")

    def _group(self, opening: str, name: str) -> None:
        self.names.append(name)
        self._levels.append(_Level(opening, self._flags))

    def _close(self) -> None:
        self._place += 1
        if len(self._levels) == 1:
            raise PatternError("unexpected )")
        level = self._levels.pop()
        level.alternate()
        self._flags = level.flags
        self._add(f"{level.opening}{'|'.join(level.alternatives)})", level.copies)

    # --- escapes and classes

    def _escape(self) -> None:
        following = self._text[self._place + 1 : self._place + 2]
        if following and following in _ANCHORS:
            self._place += 2
            self._add(_ANCHORS[following])
        elif following == "Q":
            end = self._text.find("\\E", self._place + 2)
            quoted = self._text[self._place + 2 : end if end >= 0 else None]
            self._place = end + 2 if end >= 0 else len(self._text)
            for char in quoted:
                self._literal(char)
        elif (found := self._class_escape()) is not None:
            self._add(rendered(found))
        else:
            self._literal(self._character())

    def _class_escape(self) -> Ranges | None:
        r"""Read `\d`, `\pL` and the like; None for anything else."""
        match = _CLASS_ESCAPE.match(self._text, self._place)
        if match is None:
            return None
        self._place = match.end()
        perl, unicode, caret, braced, end, single = match.groups()
        if perl:
            found = self._fold(_PERL[perl.lower()])
            return negated(found) if perl.isupper() else found
        named = unicode_class(single or braced or "")
        if (braced is not None and not end) or named is None:
            raise PatternError("invalid character class range: there is no such category, and no scripts are supported")
        found = self._fold(named)
        return negated(found) if (unicode == "P") != bool(caret) else found

    def _fold(self, given: Ranges) -> Ranges:
        return folded(given) if "i" in self._flags else given

    def _character(self) -> str:
        """Read an escape that stands for one character."""
        place = self._place + 1
        following = self._text[place : place + 1]
        if not following:
            raise PatternError("trailing backslash at end of expression")
        self._place += 2
        if following in _ESCAPES:
            return _ESCAPES[following]
        if following.isascii() and not following.isalnum():
            return following
        match = _HEX.match(self._text, place) or _OCTAL.match(self._text, place)
        if match is None:
            raise PatternError("invalid escape sequence")
        self._place = match.end()
        digits, base = (match[1] or match[2], 16) if following == "x" else (match[0], 8)
        code = int(digits[-8:], base) if not digits[:-8].strip("0") else EVERYTHING[0][1] + 1
        if code > EVERYTHING[0][1]:
            raise PatternError("invalid escape sequence")
        return chr(code)

    def _class(self) -> None:
        self._place += 1
        negative = self._text.startswith("^", self._place)
        self._place += negative
        spans: list[tuple[int, int]] = []
        first = True
        while first or not self._text.startswith("]", self._place):
            first = False
            spans.extend(self._class_item())
        self._place += 1
        found = merged(spans)
        self._add(rendered(negated(found) if negative else found))

    def _class_item(self) -> Ranges:
        if match := _POSIX_CLASS.match(self._text, self._place):
            self._place = match.end()
            name = match[1]
            if name.removeprefix("^") not in _POSIX:
                raise PatternError("invalid character class range")
            found = self._fold(_POSIX[name.removeprefix("^")])
            return negated(found) if name.startswith("^") else found
        escaped = self._class_escape()
        if escaped is not None:
            return escaped
        low = high = self._class_character()
        if self._text.startswith("-", self._place) and self._text[self._place + 1 : self._place + 2] not in ("", "]"):
            self._place += 1
            high = self._class_character()
            if high < low:
                raise PatternError("invalid character class range")
        return self._fold(ranges(low + high))

    def _class_character(self) -> str:
        if self._place >= len(self._text):
            raise PatternError("missing closing ]")
        if self._text[self._place] == "\\":
            return self._character()
        self._place += 1
        return self._text[self._place - 1]


def _copies(repeat: re.Match[str]) -> int:
    """Return how many copies a repeat in braces asks for. Raises PatternError."""
    least, comma, most = repeat.groups()
    for digits in (least, most or "0"):
        if len(digits) > len(str(_MOST_REPEATS)) or int(digits) > _MOST_REPEATS:
            raise PatternError("invalid repeat count")
    if comma and most and int(most) < int(least):
        raise PatternError("invalid repeat count")
    return int(most or least)
