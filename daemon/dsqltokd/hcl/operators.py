"""The operators: what types they take, and what they do with values that have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import numbers
from .types import BOOL, DYNAMIC, NUMBER, Type
from .values import FALSE, Value, boolean, number

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Operator:
    """`operands` is the type that both sides are converted to, `result` the type of what comes out.

    `apply` gets values that are not null, unless any are taken (DYNAMIC). It raises `numbers.NumberError`.
    `decisive` is the operand that decides the result alone, if there is one.
    """

    operands: Type
    result: Type
    apply: Callable[[Value, Value], Value]
    decisive: bool | None = None


def equal(left: Value, right: Value) -> bool:
    """HCL's `==`: nulls of all types are equal, values of different types never are."""
    if left.is_null or right.is_null:
        return left.is_null and right.is_null
    return left.type == right.type and left.payload == right.payload


def _arithmetic(compute: Callable[[Decimal, Decimal], Decimal]) -> Operator:
    return Operator(NUMBER, NUMBER, lambda left, right: number(compute(left.decimal, right.decimal)))


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
    "+": _arithmetic(numbers.add),
    "-": _arithmetic(lambda left, right: numbers.add(left, numbers.negate(right))),
    "*": _arithmetic(numbers.multiply),
    "/": _arithmetic(numbers.divide),
    "%": _arithmetic(numbers.modulo),
}


@dataclass(frozen=True, slots=True)
class UnaryOperator:
    """As `Operator`, with one operand, whose type is the result's."""

    type: Type
    apply: Callable[[Value], Value]


UNARY = {
    "!": UnaryOperator(BOOL, lambda value: boolean(value == FALSE)),
    "-": UnaryOperator(NUMBER, lambda value: number(numbers.negate(value.decimal))),
}
