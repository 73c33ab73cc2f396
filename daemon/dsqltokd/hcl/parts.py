"""Evaluating the parts of an expression: all of them, or one whose own type says nothing of the whole's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .scope import EvaluationError, Scope
from .syntax import Expression, For, ObjectConstructor, Parentheses, TupleConstructor
from .types import DYNAMIC, Kind, Type, tuple_type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .calls import Evaluator
    from .source import Diagnostic
    from .values import Value

_CONSTRUCTORS = (TupleConstructor, ObjectConstructor, For)


def evaluate_all(nodes: Iterable[tuple[Expression, Scope]], evaluate: Evaluator) -> list[Value]:
    """Evaluate all nodes. Raises one EvaluationError of everything that is wrong, with a tuple's type."""
    values: list[Value] = []
    types: list[Type] = []
    problems: list[Diagnostic] = []
    for node, scope in nodes:
        try:
            values.append(evaluate(node, scope))
            types.append(values[-1].type)
        except EvaluationError as error:
            problems.extend(error.diagnostics)
            types.append(error.type)
    if len(values) < len(types):
        raise EvaluationError(*problems, type_=tuple_type(types))
    return values


def untyped(node: Expression, scope: Scope, evaluate: Evaluator) -> Value:
    """Evaluate a part of an expression whose own type says nothing of the whole's."""
    try:
        return evaluate(node, scope)
    except EvaluationError as error:
        error.type = DYNAMIC
        raise


def is_structure(node: Expression, error: EvaluationError) -> bool:
    """Whether a part makes a tuple or object that has a mistake in it: it is there all the same, and no text or bool.

    What else fails with such a type, as a splat may, says nothing but its type.
    """
    while isinstance(node, Parentheses):
        node = node.inner
    return isinstance(node, _CONSTRUCTORS) and error.type.kind in (Kind.TUPLE, Kind.OBJECT)


def attempt(node: Expression, scope: Scope, evaluate: Evaluator) -> Value | EvaluationError:
    """Return the value of a part, or the error in its place. Both have a type."""
    try:
        return evaluate(node, scope)
    except EvaluationError as error:
        return error
