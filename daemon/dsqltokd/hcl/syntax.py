"""The syntax tree: what the parser makes of a text, before anything is evaluated.

Every node has a `span`. The nodes are those of HashiCorp's own parser, so that messages and spans can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .source import join_spans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .source import Span
    from .values import Value


@dataclass(frozen=True, slots=True)
class AttributeStep:
    """`.name`."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class IndexStep:
    """`[key]` with a literal key, a string or number; or the legacy form `.0`."""

    key: Value
    span: Span


Step = AttributeStep | IndexStep


@dataclass(frozen=True, slots=True)
class Traversal:
    """A variable's name and the literal steps that follow it: `local.zones[0]`."""

    root: str
    root_span: Span
    steps: tuple[Step, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Expression:
    """What can be evaluated; the base of all forms below."""

    span: Span


@dataclass(frozen=True, slots=True)
class Literal(Expression):
    """A number, `true`, `false`, `null`, or a piece of literal text in a template."""

    value: Value


@dataclass(frozen=True, slots=True)
class Variable(Expression):
    """A reference to a variable, and into it."""

    traversal: Traversal


@dataclass(frozen=True, slots=True)
class RelativeTraversal(Expression):
    """Literal steps into the value of an expression that is no variable: `f(x).a`."""

    source: Expression
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Index(Expression):
    """`collection[key]` with a key that has to be evaluated; `open_span` is the bracket's."""

    collection: Expression
    key: Expression
    open_span: Span
    bracket_span: Span


@dataclass(frozen=True, slots=True)
class SplatItem(Expression):
    """Stands for each element within the `each` of a Splat."""


@dataclass(frozen=True, slots=True)
class Splat(Expression):
    """`source[*]…` or `source.*…`; `each` is applied to each element, which `item` stands for."""

    source: Expression
    item: SplatItem
    each: Expression
    marker_span: Span


@dataclass(frozen=True, slots=True)
class FunctionCall(Expression):
    """`name(arguments)`; with `expand_final` the last argument's elements become arguments (`...`)."""

    name: str
    arguments: tuple[Expression, ...]
    expand_final: bool
    name_span: Span
    open_span: Span
    close_span: Span


@dataclass(frozen=True, slots=True)
class Unary(Expression):
    """`-operand` or `!operand`."""

    operator: str
    operand: Expression
    operator_span: Span


@dataclass(frozen=True, slots=True)
class Binary(Expression):
    """`left operator right`. Long chains lean to the left: walk `left` in a loop, not by recursion."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Conditional(Expression):
    """`condition ? if_true : if_false`, or a template's `%{ if }`."""

    condition: Expression
    if_true: Expression
    if_false: Expression


@dataclass(frozen=True, slots=True)
class Parentheses(Expression):
    """`(inner)`, kept because `(name) = …` in an object is no literal key."""

    inner: Expression


@dataclass(frozen=True, slots=True)
class TupleConstructor(Expression):
    """`[a, b]`."""

    elements: tuple[Expression, ...]
    open_span: Span


@dataclass(frozen=True, slots=True)
class ObjectKey(Expression):
    """A key of an object constructor: a bare name is that name, not a variable."""

    wrapped: Expression


@dataclass(frozen=True, slots=True)
class ObjectConstructor(Expression):
    """`{key = value, …}`."""

    items: tuple[tuple[ObjectKey, Expression], ...]
    open_span: Span


@dataclass(frozen=True, slots=True)
class For(Expression):
    """`[for k, v in collection : value if condition]` or `{for … : key => value...}` (then `key` is set)."""

    key_name: str | None
    value_name: str
    collection: Expression
    key: Expression | None
    value: Expression
    condition: Expression | None
    group: bool
    open_span: Span


@dataclass(frozen=True, slots=True)
class Template(Expression):
    """Text with interpolations, in quotes, a heredoc or a file. Its value is a string."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class TemplateJoin(Expression):
    """A template's `%{ for }`: the strings of its tuple, joined."""

    tuple: Expression


@dataclass(frozen=True, slots=True)
class TemplateWrap(Expression):
    """A template of one lone interpolation, which keeps its value's type: `"${x}"`."""

    wrapped: Expression


@dataclass(frozen=True, slots=True)
class Attribute:
    """`name = expression`."""

    name: str
    expression: Expression
    name_span: Span
    span: Span


@dataclass(frozen=True, slots=True)
class Block:
    """`type "label" { … }`; `span` covers the header: from the type to the last label."""

    type: str
    labels: tuple[str, ...]
    body: Body
    type_span: Span
    label_spans: tuple[Span, ...]
    open_span: Span
    close_span: Span

    @property
    def span(self) -> Span:
        """The header: the type and its labels."""
        last = self.label_spans[-1] if self.label_spans else self.type_span
        return join_spans(self.type_span, last)


@dataclass(frozen=True, slots=True)
class Body:
    """Attributes by name in the order of the file, and blocks in the order of the file."""

    attributes: Mapping[str, Attribute]
    blocks: tuple[Block, ...]
    span: Span
    end_span: Span
