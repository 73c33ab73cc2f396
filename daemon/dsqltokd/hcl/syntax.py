"""The syntax tree of expressions: what the parser makes of them, before anything is evaluated.

Every node has a `span`. The nodes are those of HashiCorp's own parser, so that messages and spans can be compared.

Nodes are written out rather than dataclasses, whose import and generated code took longer than all else here together.
Nobody changes a node once it is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .source import Span
    from .values import Value


class AttributeStep:
    """`.name`."""

    __slots__ = ("name", "span")

    def __init__(self, name: str, span: Span) -> None:
        self.name = name
        self.span = span


class IndexStep:
    """`[key]` with a literal key, a string or number; or the legacy form `.0`."""

    __slots__ = ("key", "span")

    def __init__(self, key: Value, span: Span) -> None:
        self.key = key
        self.span = span


Step = AttributeStep | IndexStep


class Traversal:
    """A variable's name and the literal steps that follow it: `local.zones[0]`."""

    __slots__ = ("root", "root_span", "span", "steps")

    def __init__(self, root: str, root_span: Span, steps: tuple[Step, ...], span: Span) -> None:
        self.root = root
        self.root_span = root_span
        self.steps = steps
        self.span = span


class Expression:
    """What can be evaluated; the base of all forms below."""

    __slots__ = ("span",)

    def __init__(self, span: Span) -> None:
        self.span = span


class Literal(Expression):
    """A number, `true`, `false`, `null`, or a piece of literal text in a template."""

    __slots__ = ("value",)

    def __init__(self, span: Span, value: Value) -> None:
        self.span = span
        self.value = value


class Variable(Expression):
    """A reference to a variable, and into it."""

    __slots__ = ("traversal",)

    def __init__(self, span: Span, traversal: Traversal) -> None:
        self.span = span
        self.traversal = traversal


class RelativeTraversal(Expression):
    """Literal steps into the value of an expression that is no variable: `f(x).a`."""

    __slots__ = ("source", "steps")

    def __init__(self, span: Span, source: Expression, steps: tuple[Step, ...]) -> None:
        self.span = span
        self.source = source
        self.steps = steps


class Index(Expression):
    """`collection[key]` with a key that has to be evaluated; `open_span` is the bracket's."""

    __slots__ = ("bracket_span", "collection", "key", "open_span")

    def __init__(
        self, span: Span, collection: Expression, key: Expression, open_span: Span, bracket_span: Span
    ) -> None:
        self.span = span
        self.collection = collection
        self.key = key
        self.open_span = open_span
        self.bracket_span = bracket_span


class SplatItem(Expression):
    """Stands for each element within the `each` of a Splat."""

    __slots__ = ()


class Splat(Expression):
    """`source[*]…` or `source.*…`; `each` is applied to each element, which `item` stands for."""

    __slots__ = ("each", "item", "marker_span", "source")

    def __init__(self, span: Span, source: Expression, item: SplatItem, each: Expression, marker_span: Span) -> None:
        self.span = span
        self.source = source
        self.item = item
        self.each = each
        self.marker_span = marker_span


class FunctionCall(Expression):
    """`name(arguments)`; with `expand_final` the last argument's elements become arguments (`...`)."""

    __slots__ = ("arguments", "close_span", "expand_final", "name", "name_span", "open_span")

    def __init__(
        self,
        span: Span,
        name: str,
        arguments: tuple[Expression, ...],
        *,
        expand_final: bool,
        name_span: Span,
        open_span: Span,
        close_span: Span,
    ) -> None:
        self.span = span
        self.name = name
        self.arguments = arguments
        self.expand_final = expand_final
        self.name_span = name_span
        self.open_span = open_span
        self.close_span = close_span


class Unary(Expression):
    """`-operand` or `!operand`."""

    __slots__ = ("operand", "operator", "operator_span")

    def __init__(self, span: Span, operator: str, operand: Expression, operator_span: Span) -> None:
        self.span = span
        self.operator = operator
        self.operand = operand
        self.operator_span = operator_span


class Binary(Expression):
    """`left operator right`. Long chains lean to the left: walk `left` in a loop, not by recursion."""

    __slots__ = ("left", "operator", "right")

    def __init__(self, span: Span, operator: str, left: Expression, right: Expression) -> None:
        self.span = span
        self.operator = operator
        self.left = left
        self.right = right


class Conditional(Expression):
    """`condition ? if_true : if_false`, or a template's `%{ if }`."""

    __slots__ = ("condition", "if_false", "if_true")

    def __init__(self, span: Span, condition: Expression, if_true: Expression, if_false: Expression) -> None:
        self.span = span
        self.condition = condition
        self.if_true = if_true
        self.if_false = if_false


class Parentheses(Expression):
    """`(inner)`, kept because `(name) = …` in an object is no literal key."""

    __slots__ = ("inner",)

    def __init__(self, span: Span, inner: Expression) -> None:
        self.span = span
        self.inner = inner


class TupleConstructor(Expression):
    """`[a, b]`."""

    __slots__ = ("elements", "open_span")

    def __init__(self, span: Span, elements: tuple[Expression, ...], open_span: Span) -> None:
        self.span = span
        self.elements = elements
        self.open_span = open_span


class ObjectKey(Expression):
    """A key of an object constructor: a bare name is that name, not a variable."""

    __slots__ = ("wrapped",)

    def __init__(self, span: Span, wrapped: Expression) -> None:
        self.span = span
        self.wrapped = wrapped


class ObjectConstructor(Expression):
    """`{key = value, …}`."""

    __slots__ = ("items", "open_span")

    def __init__(self, span: Span, items: tuple[tuple[ObjectKey, Expression], ...], open_span: Span) -> None:
        self.span = span
        self.items = items
        self.open_span = open_span


class For(Expression):
    """`[for k, v in collection : value if condition]` or `{for … : key => value...}` (then `key` is set)."""

    __slots__ = ("collection", "condition", "group", "key", "key_name", "open_span", "value", "value_name")

    def __init__(
        self,
        span: Span,
        *,
        key_name: str | None,
        value_name: str,
        collection: Expression,
        key: Expression | None,
        value: Expression,
        condition: Expression | None,
        group: bool,
        open_span: Span,
    ) -> None:
        self.span = span
        self.key_name = key_name
        self.value_name = value_name
        self.collection = collection
        self.key = key
        self.value = value
        self.condition = condition
        self.group = group
        self.open_span = open_span


class Template(Expression):
    """Text with interpolations, in quotes, a heredoc or a file. Its value is a string."""

    __slots__ = ("parts",)

    def __init__(self, span: Span, parts: tuple[Expression, ...]) -> None:
        self.span = span
        self.parts = parts


class TemplateJoin(Expression):
    """A template's `%{ for }`: the strings of its tuple, joined."""

    __slots__ = ("tuple",)

    def __init__(self, span: Span, tuple_: Expression) -> None:
        self.span = span
        self.tuple = tuple_


class TemplateWrap(Expression):
    """A template of one lone interpolation, which keeps its value's type: `"${x}"`."""

    __slots__ = ("wrapped",)

    def __init__(self, span: Span, wrapped: Expression) -> None:
        self.span = span
        self.wrapped = wrapped
