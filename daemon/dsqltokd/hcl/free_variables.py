"""Which variables an expression needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .syntax import (
    Binary,
    Conditional,
    Expression,
    For,
    FunctionCall,
    Index,
    Literal,
    ObjectConstructor,
    ObjectKey,
    Parentheses,
    RelativeTraversal,
    Splat,
    Template,
    TemplateJoin,
    TemplateWrap,
    Traversal,
    TupleConstructor,
    Unary,
    Variable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_Scoped = tuple[Expression, frozenset[str]]


def references(expression: Expression) -> tuple[Traversal, ...]:
    """Return the free variables and the literal steps into them, in the order of the text, repeats included.

    Names that a `for` brings in are not free. Neither side of a conditional is left out.
    """
    found: list[Traversal] = []
    waiting: list[_Scoped] = [(expression, frozenset())]
    while waiting:
        node, hidden = waiting.pop()
        if isinstance(node, Variable):
            if node.traversal.root not in hidden:
                found.append(node.traversal)
        elif isinstance(node, For):
            waiting.extend(reversed(_for_children(node, hidden)))
        else:
            waiting.extend((child, hidden) for child in reversed(list(_children(node))))
    return tuple(found)


def key_name(key: ObjectKey) -> str | None:
    """Return the name that an object's key is when it is written as a bare word; None for any other expression."""
    wrapped = key.wrapped
    if isinstance(wrapped, Variable) and not wrapped.traversal.steps:
        return wrapped.traversal.root
    if isinstance(wrapped, Literal) and not wrapped.value.type.is_number:
        return "null" if wrapped.value.is_null else str(wrapped.value.payload).lower()
    return None


def _for_children(node: For, hidden: frozenset[str]) -> list[_Scoped]:
    inner = hidden | {name for name in (node.key_name, node.value_name) if name is not None}
    parts = [node.key, node.value, node.condition]
    return [(node.collection, hidden), *((part, inner) for part in parts if part is not None)]


def _children(node: Expression) -> Iterator[Expression]:  # noqa: C901, PLR0912 - one case for each form
    match node:
        case Parentheses():
            yield node.inner
        case RelativeTraversal():
            yield node.source
        case FunctionCall():
            yield from node.arguments
        case Conditional():
            yield from (node.condition, node.if_true, node.if_false)
        case Index():
            yield from (node.collection, node.key)
        case TupleConstructor():
            yield from node.elements
        case ObjectConstructor():
            for key, value in node.items:
                yield from (key, value)
        case ObjectKey() if key_name(node) is None:
            yield node.wrapped
        case Splat():
            yield from (node.source, node.each)
        case Binary():
            yield from (node.left, node.right)
        case Unary():
            yield node.operand
        case Template():
            yield from node.parts
        case TemplateJoin():
            yield node.tuple
        case TemplateWrap():
            yield node.wrapped
