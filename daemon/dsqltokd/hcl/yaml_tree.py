"""YAML as nodes: the one module that knows PyYAML, which is there only with the extra `dsqltok[yaml]`.

PyYAML's parser and emitter are the forebears of those in Go's libraries, so the syntax is theirs; what a scalar means
PyYAML is not asked. No message quotes the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from .scope import FunctionError

if TYPE_CHECKING:
    from collections.abc import Iterator

Node: TypeAlias = "Scalar | Sequence | Mapping"
_END_MARK = re.compile("(?<=[\n\x85\u2028\u2029])\\.\\.\\.\n\\Z")
TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Scalar:
    """A scalar as it was written. `tag` is "" if there is none; `style` is PyYAML's, None for a plain one."""

    text: str
    tag: str = ""
    style: str | None = None

    @property
    def quoted(self) -> bool:
        """Whether it stands in quotes."""
        return self.style in ("'", '"')


@dataclass(frozen=True)
class Sequence:
    """A list of nodes."""

    items: tuple[Node, ...]
    tag: str = ""


@dataclass(frozen=True)
class Mapping:
    """Pairs of nodes, in the order of the text."""

    pairs: tuple[tuple[Node, Node], ...]
    tag: str = ""


def _library() -> Any:
    try:
        return import_module("yaml")
    except ModuleNotFoundError:
        raise FunctionError("YAML needs PyYAML, which is not installed; install dsqltok[yaml]") from None


def parse(text: str, *, only: bool) -> Node | None:
    """Return the first document, None if there is none. Raises FunctionError, for a second one only if `only`."""
    yaml = _library()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        events = iter(yaml.parse(text, Loader=loader))
        next(events)
        if not isinstance(next(events), yaml.DocumentStartEvent):
            return None
        node = _Builder(yaml, events).node(next(events))
        next(events)
        if only and isinstance(next(events), yaml.DocumentStartEvent):
            raise FunctionError("only a single document is allowed")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise FunctionError(f"not valid YAML{where}") from None
    except RecursionError:
        raise FunctionError("YAML nested too deeply") from None
    else:
        return node


class _Builder:
    """Makes nodes of events. An alias is the very node that it names."""

    def __init__(self, yaml: Any, events: Iterator[Any]) -> None:
        self._yaml = yaml
        self._events = events
        self._anchors: dict[str, Node] = {}

    def node(self, event: Any) -> Node:
        """Return the node that begins with an event."""
        yaml = self._yaml
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise FunctionError("an alias refers to an anchor that is not defined, or not complete yet")
            return self._anchors[event.anchor]
        node: Node
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        if isinstance(event, yaml.ScalarEvent):
            node = Scalar(event.value, event.tag or "", None if event.style in (None, "") else event.style)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Sequence(tuple(self._until(yaml.SequenceEndEvent)), event.tag or "")
        else:
            parts = self._until(yaml.MappingEndEvent)
            node = Mapping(tuple(zip(parts[::2], parts[1::2], strict=True)), event.tag or "")
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _until(self, end: type) -> list[Node]:
        nodes: list[Node] = []
        while not isinstance(event := next(self._events), end):
            nodes.append(self.node(event))
        return nodes


def dump(node: Node) -> str:
    """Return a document in block style. A scalar is written in its style."""
    yaml = _library()
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    events = [
        yaml.StreamStartEvent(encoding=None),
        yaml.DocumentStartEvent(explicit=False),
        *_events(yaml, node),
        yaml.DocumentEndEvent(explicit=False),
        yaml.StreamEndEvent(),
    ]
    text: str = yaml.emit(events, Dumper=dumper, allow_unicode=True)
    # PyYAML may mark the end of the document, where Go's library does not.
    return _END_MARK.sub("", text)


def _events(yaml: Any, node: Node) -> Iterator[Any]:
    match node:
        case Scalar():
            yield yaml.ScalarEvent(None, None, (True, True), node.text, style=node.style)
        case Sequence():
            yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=False)
            for item in node.items:
                yield from _events(yaml, item)
            yield yaml.SequenceEndEvent()
        case Mapping():
            yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=False)
            for key, value in node.pairs:
                yield from _events(yaml, key)
                yield from _events(yaml, value)
            yield yaml.MappingEndEvent()


def possible_styles(text: str) -> frozenset[str]:
    """Return in which styles a text can be written without being changed: `plain`, `'`, `|`; `"` always works."""
    yaml = _library()
    emitter = yaml.emitter.Emitter(None, allow_unicode=True)
    found = emitter.analyze_scalar(text)
    allowed = {"plain": found.allow_block_plain, "'": found.allow_single_quoted, "|": found.allow_block}
    return frozenset(style for style, is_allowed in allowed.items() if is_allowed)


# What both of Go's libraries take for a time.
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt](?=.*[Z+-])| +(?!.*[Z+-]))"
    r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]+))?(Z|[+-][0-9]{2}:[0-9]{2})?)?",
)


def timestamp(text: str, *, fraction: bool) -> str | None:
    """Return the time in RFC 3339, with or without fractions of a second; None if the text is no time."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day = (int(part) for part in match.groups()[:3])
    hour, minute, second = (int(part or 0) for part in match.groups()[3:6])
    lengths = (31, 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28, 31, 30, 31, 30, 31, 31, 30)
    if not 1 <= month <= 12 or not 1 <= day <= (*lengths, 31, 30, 31)[month - 1]:  # noqa: PLR2004 - a calendar's
        return None
    if hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004 - a clock's
        return None
    zone = match[8] or "Z"
    if zone[1:3] > "24" or zone[4:] > "60":
        return None
    part = (match[7] or "")[:9].rstrip("0") if fraction else ""
    zone = "Z" if zone[1:] == "00:00" else zone
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}{'.' if part else ''}{part}{zone}"
