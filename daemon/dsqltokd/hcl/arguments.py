"""What the functions of the language have in common: how they are declared, and what they ask of their arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .scope import Function, FunctionError, Parameter
from .types import STRING
from .values import Value, string

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_PADDING = 10_000
"""The largest width, precision or indentation. Go has none, or a million; a daemon does not fill its memory for one."""

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


def of_one(name: str, parameter: Parameter, compute: Callable[[Value], Value]) -> Function:
    """Return a function of one argument."""
    return Function(name, (parameter,), None, lambda values: compute(values[0]))


def of_strings(name: str, parameters: Sequence[str], compute: Callable[..., str]) -> Function:
    """Return a function of strings that gives a string."""
    return to_value(name, parameters, lambda *texts: string(compute(*texts)))


def to_value(name: str, parameters: Sequence[str], compute: Callable[..., Value]) -> Function:
    """Return a function of strings that gives whatever value."""
    params = tuple(Parameter(parameter, STRING) for parameter in parameters)
    return Function(name, params, None, lambda values: compute(*(value.text for value in values)))


def whole_number(value: Value, what: str = "", argument_index: int | None = None) -> int:
    """Return a number as an integer of 64 bits. Raises FunctionError with `what` and a colon before cty's words."""
    if value.decimal == value.decimal.to_integral_value() and _SMALLEST <= value.decimal <= _LARGEST:
        return int(value.decimal)
    before = f"{what}: " if what else ""
    raise FunctionError(f"{before}value must be a whole number, between {_SMALLEST} and {_LARGEST}", argument_index)
