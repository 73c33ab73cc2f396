"""Operations: evaluating and converting the operands, and what their errors mean for the result.

Both operands are always evaluated. An operand that failed still has a type, which has to suit the operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .conversion import ConversionError, convert
from .decimals import NumberError
from .operators import BINARY, UNARY, Operator
from .parts import attempt
from .scope import EvaluationError, Scope, fail
from .source import Diagnostic, Span
from .syntax import Binary, Unary
from .types import DYNAMIC, Type
from .values import Value, boolean, null

if TYPE_CHECKING:
    from .calls import Evaluator

_FAILED = "Operation failed"
_NULL_OPERAND = "Error during operation: argument must not be null."


def binary(node: Binary, scope: Scope, evaluate: Evaluator) -> Value:
    """Return the value of a binary operation, and of all those at its left. Raises EvaluationError."""
    chain = [node]
    while isinstance(first := chain[-1].left, Binary):
        chain.append(first)
    result = attempt(first, scope, evaluate)
    for link in reversed(chain):
        result = _combined(link, result, attempt(link.right, scope, evaluate))
    if isinstance(result, EvaluationError):
        raise result
    return result


def _combined(node: Binary, left: Value | EvaluationError, right: Value | EvaluationError) -> Value | EvaluationError:
    """Return the value of one operation, or the error in its place."""
    operator = BINARY[node.operator]
    left_value, problems = _converted(left, operator.operands, "left", node.left.span)
    right_value, more = _converted(right, operator.operands, "right", node.right.span)
    problems += more
    if not problems and operator.decisive is not None and _decided(operator, left_value, right_value):
        return boolean(operator.decisive)
    if left_value is None or right_value is None:
        failures = [each for side in (left, right) if isinstance(side, EvaluationError) for each in side.diagnostics]
        return EvaluationError(*problems, *failures, type_=operator.result)
    if operator.operands != DYNAMIC and (left_value.is_null or right_value.is_null):
        return fail(_FAILED, _NULL_OPERAND, node.span, operator.result)
    try:
        return operator.apply(left_value, right_value)
    except NumberError as error:
        return fail(_FAILED, f"Error during operation: {error}.", node.span, operator.result)


def _converted(
    side: Value | EvaluationError, wanted: Type, which: str, where: Span
) -> tuple[Value | None, list[Diagnostic]]:
    """Return an operand as the operator wants it, or what is wrong with that, even if there is only its type."""
    failed = isinstance(side, EvaluationError)
    known = side.value or null(side.type) if isinstance(side, EvaluationError) else side
    try:
        converted = convert(known, wanted)
    except ConversionError as error:
        detail = f"Unsuitable value for {which} operand: {error.message}."
        return None, [Diagnostic("Invalid operand", detail, where)]
    return None if failed else converted, []


def _decided(operator: Operator, *sides: Value | None) -> bool:
    """Whether one operand decides the result alone. A null is false here."""
    return any(side is not None and (side.payload or False) is operator.decisive for side in sides)


def unary(node: Unary, scope: Scope, evaluate: Evaluator) -> Value:
    """Return the value of a unary operation. Raises EvaluationError."""
    operator = UNARY[node.operator]
    operand = attempt(node.operand, scope, evaluate)
    value, problems = _converted(operand, operator.type, "unary", node.operand.span)
    if value is None:
        failures = operand.diagnostics if isinstance(operand, EvaluationError) else ()
        raise EvaluationError(*failures, *problems, type_=operator.type)
    if value.is_null:
        raise fail(_FAILED, _NULL_OPERAND, node.span, operator.type)
    return operator.apply(value)
