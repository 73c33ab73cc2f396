"""`condition ? a : b`: both arms' types count, only one arm's value.

A null of no type takes the other arm's type. An arm that failed with an unknown type asks for nothing. Else both arms
convert to the type they have in common, and it is a mistake if there is none, whichever arm is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .conversion import ConversionError, convert, unify
from .gotext import quoted
from .parts import attempt, is_structure
from .scope import EvaluationError, Scope, fail
from .source import Diagnostic, join_spans
from .types import BOOL, DYNAMIC, Kind, Type
from .values import TRUE, Value

if TYPE_CHECKING:
    from .calls import Evaluator
    from .syntax import Conditional, Expression

_NO_CONDITION = ("Incorrect condition type", "The condition expression must be of type bool.")
_INCONSISTENT = "Inconsistent conditional result types"


def conditional(node: Conditional, scope: Scope, evaluate: Evaluator) -> Value:
    """Return the value of a conditional. Raises EvaluationError."""
    true_arm = attempt(node.if_true, scope, evaluate)
    false_arm = attempt(node.if_false, scope, evaluate)
    result = _common_type(true_arm, false_arm)
    if result is None:
        detail = _difference(_type_of(true_arm), _type_of(false_arm))
        where = join_spans(node.if_true.span, node.if_false.span)
        raise fail(_INCONSISTENT, f"The true and false result expressions must have consistent types. {detail}.", where)
    holds = _holds(node.condition, scope, evaluate, result)
    taken = true_arm if holds else false_arm
    if isinstance(taken, EvaluationError):
        raise taken
    try:
        return convert(taken, result)
    except ConversionError as error:
        arm, side = (node.if_true, "true") if holds else (node.if_false, "false")
        detail = f"The {side} result value has the wrong type: {error.message}."
        raise fail(_INCONSISTENT, detail, arm.span, result) from None


def _type_of(arm: Value | EvaluationError) -> Type:
    return arm.type


def _common_type(true_arm: Value | EvaluationError, false_arm: Value | EvaluationError) -> Type | None:
    """Return the type to convert the taken arm to, DYNAMIC to leave it as it is, None if there is none."""
    if _is_bare_null(true_arm):
        return _type_of(false_arm)
    if _is_bare_null(false_arm):
        return _type_of(true_arm)
    types = [_type_of(true_arm), _type_of(false_arm)]
    return DYNAMIC if DYNAMIC in types else unify(types)


def _is_bare_null(arm: Value | EvaluationError) -> bool:
    return isinstance(arm, Value) and arm.is_null and arm.type == DYNAMIC


def _holds(node: Expression, scope: Scope, evaluate: Evaluator, result: Type) -> bool:
    try:
        condition = evaluate(node, scope)
    except EvaluationError as error:
        more = [Diagnostic(*_NO_CONDITION, node.span)] if is_structure(node, error) else []
        raise EvaluationError(*error.diagnostics, *more, type_=result) from None
    if condition.is_null:
        detail = "The condition value is null. Conditions must either be true or false."
        raise fail("Null condition", detail, node.span, result)
    try:
        return convert(condition, BOOL) == TRUE
    except ConversionError:
        raise fail(*_NO_CONDITION, node.span, result) from None


def _difference(true: Type, false: Type) -> str:
    """Say where two types differ that have none in common."""
    special = ""
    if true.kind is false.kind is Kind.OBJECT:
        special = _object_difference(true, false)
    elif true.kind is false.kind is Kind.TUPLE:
        special = _tuple_difference(true, false)
    elif true.kind is false.kind and true.element is not None and false.element is not None:
        kinds = {true.element.kind, false.element.kind}
        if kinds in ({Kind.OBJECT}, {Kind.TUPLE}):
            special = f"Mismatched {true.kind.value} element types: {_difference(true.element, false.element)}"
    if special:
        return special
    if str(true) == str(false):
        return (
            "At least one deeply-nested attribute or element is not compatible across both the 'true' and the 'false' "
            "value"
        )
    return f"The 'true' value is {true}, but the 'false' value is {false}"


def _object_difference(true: Type, false: Type) -> str:
    have, other = true.attributes, false.attributes
    for name, kind in have.items():
        if name not in other:
            return _absent("true", name, "false")
        if kind != other[name]:
            return f"Type mismatch for object attribute {quoted(name)}: {_difference(kind, other[name])}"
    extra = next((name for name in other if name not in have), None)
    return "" if extra is None else _absent("false", extra, "true")


def _absent(side: str, name: str, other: str) -> str:
    return f"The '{side}' value includes object attribute {quoted(name)}, which is absent in the '{other}' value"


def _tuple_difference(true: Type, false: Type) -> str:
    have, other = true.elements, false.elements
    if len(have) != len(other):
        return f"The 'true' tuple has length {len(have)}, but the 'false' tuple has length {len(other)}"
    pairs = enumerate(zip(have, other, strict=True))
    index, pair = next((index, pair) for index, pair in pairs if pair[0] != pair[1])
    return f"Type mismatch for tuple element {index}: {_difference(*pair)}"
