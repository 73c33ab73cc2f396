"""The operators: what types they take, and what they do with values that have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .decimals import negate
from .types import BOOL, DYNAMIC, NUMBER, Type
from .values import FALSE, Value, boolean, number

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal


class Operator:
    """`operands` is the type that both sides are converted to, `result` the type of what comes out.

    `apply` gets values that are not null, unless any are taken (DYNAMIC). It raises `decimals.NumberError`.
    `decisive` is the operand that decides the result alone, if there is one.
    """

    def __init__(
        self,
        operands: Type,
        result: Type,
        apply: Callable[[Value, Value], Value],
        *,
        decisive: bool | None = None,
    ) -> None:
        self.operands = operands
        self.result = result
        self.apply = apply
        self.decisive = decisive


def equal(left: Value, right: Value) -> bool:
    """HCL's `==`: nulls of all types are equal, values of different types never are."""
    if left.is_null or right.is_null:
        return left.is_null and right.is_null
    return left.type == right.type and left.payload == right.payload


def _arithmetic(operation: str) -> Operator:
    """Return the operator that is a function of `arithmetic`, which few projects ever need."""

    def apply(left: Value, right: Value) -> Value:
        from . import arithmetic  # noqa: PLC0415 - see above

        compute: Callable[[Decimal, Decimal], Decimal] = getattr(arithmetic, operation)
        return number(compute(left.decimal, right.decimal))

    return Operator(NUMBER, NUMBER, apply)


def _comparison(compare: Callable[[Decimal, Decimal], bool]) -> Operator:
    return Operator(NUMBER, BOOL, lambda left, right: boolean(compare(left.decimal, right.decimal)))


BINARY = {
    "||": Operator(BOOL, BOOL, lambda _, right: right, decisive=True),
    "&&": Operator(BOOL, BOOL, lambda _, right: right, decisive=False),
    "==": Operator(DYNAMIC, BOOL, lambda left, right: boolean(equal(left, right))),
    "!=": Operator(DYNAMIC, BOOL, lambda left, right: boolean(not equal(left, right))),
    "<": _comparison(lambda left, right: left < right),
    "<=": _comparison(lambda left, right: left <= right),
    ">": _comparison(lambda left, right: left > right),
    ">=": _comparison(lambda left, right: left >= right),
    "+": _arithmetic("add"),
    "-": _arithmetic("subtract"),
    "*": _arithmetic("multiply"),
    "/": _arithmetic("divide"),
    "%": _arithmetic("modulo"),
}


class UnaryOperator:
    """As `Operator`, with one operand, whose type is the result's."""

    def __init__(self, type_: Type, apply: Callable[[Value], Value]) -> None:
        self.type = type_
        self.apply = apply


UNARY = {
    "!": UnaryOperator(BOOL, lambda value: boolean(value == FALSE)),
    "-": UnaryOperator(NUMBER, lambda value: number(negate(value.decimal))),
}
