"""The syntax tree of a file around its expressions: attributes and blocks. As in `syntax`, nobody changes a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .source import join_spans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .source import Span
    from .syntax import Expression


class Attribute:
    """`name = expression`."""

    __slots__ = ("expression", "name", "name_span", "span")

    def __init__(self, name: str, expression: Expression, name_span: Span, span: Span) -> None:
        self.name = name
        self.expression = expression
        self.name_span = name_span
        self.span = span


class Block:
    """`type "label" { … }`; `span` covers the header: from the type to the last label."""

    __slots__ = ("body", "close_span", "label_spans", "labels", "open_span", "type", "type_span")

    def __init__(
        self,
        type_: str,
        labels: tuple[str, ...],
        body: Body,
        *,
        type_span: Span,
        label_spans: tuple[Span, ...],
        open_span: Span,
        close_span: Span,
    ) -> None:
        self.type = type_
        self.labels = labels
        self.body = body
        self.type_span = type_span
        self.label_spans = label_spans
        self.open_span = open_span
        self.close_span = close_span

    @property
    def span(self) -> Span:
        """The header: the type and its labels."""
        last = self.label_spans[-1] if self.label_spans else self.type_span
        return join_spans(self.type_span, last)


class Body:
    """Attributes by name in the order of the file, and blocks in the order of the file."""

    __slots__ = ("attributes", "blocks", "end_span", "span")

    def __init__(
        self, attributes: Mapping[str, Attribute], blocks: tuple[Block, ...], span: Span, end_span: Span
    ) -> None:
        self.attributes = attributes
        self.blocks = blocks
        self.span = span
        self.end_span = end_span
