"""Functions of numbers. `log` and `pow` compute with 64-bit floats, as Go's `math` does and cty with it."""

from __future__ import annotations

import math
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from .arguments import of_one, whole_number
from .decimals import MAX_EXPONENT, NumberError
from .scope import Function, FunctionError, Parameter
from .types import NUMBER, STRING
from .values import Value, list_of, number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MOST_VALUES = 1024
_SMALLEST_BASE, _LARGEST_BASE = 2, 62
_BASE_WITH_ONE_CASE = 36
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TOO_MANY_BITS = 4 * MAX_EXPONENT


def _whole(rounding: str) -> Callable[[Value], Value]:
    return lambda value: number(int(value.decimal.to_integral_value(rounding)))


def _extreme(name: str, choose: Callable[..., Value]) -> Function:
    def call(values: Sequence[Value]) -> Value:
        if not values:
            raise FunctionError("must pass at least one number")
        return choose(values, key=lambda value: value.decimal)

    return Function(name, (), Parameter("numbers", NUMBER), call)


def _signum(value: Value) -> Value:
    whole = whole_number(value)
    return number((whole > 0) - (whole < 0))


def _of_floats(name: str, second: str, compute: Callable[[float, float], float]) -> Function:
    def call(values: Sequence[Value]) -> Value:
        left, right = map(_float, values)
        try:
            result = compute(left, right)
        except (OverflowError, ZeroDivisionError):
            result = math.inf
        except ValueError:
            result = math.nan
        if math.isnan(result):
            raise FunctionError("the result is not a number")
        # The shortest decimal that names the float is its text in Go; `Decimal(result)` would have 50 digits.
        return number(Decimal(repr(result)))

    return Function(name, (Parameter("num", NUMBER), Parameter(second, NUMBER)), None, call)


def _float(value: Value) -> float:
    result = float(value.decimal)
    if math.isinf(result):
        raise FunctionError("value must be between -1.8e308 and 1.8e308 inclusive")
    return result


def _log(value: float, base: float) -> float:
    above, below = _ln(value), _ln(base)
    if not below:
        return math.nan if not above or math.isnan(above) else math.copysign(math.inf, above)
    return above / below


# FreeBSD's e_log.c, which Go uses; the C library of this machine may differ from it in the last digit.
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_ODD = (6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860511658591e-01)
_EVEN = (3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01)


def _ln(value: float) -> float:
    if value <= 0:
        return math.nan if value else -math.inf
    fraction, power = math.frexp(value)
    if fraction < math.sqrt(2) / 2:
        fraction, power = fraction * 2, power - 1
    rest = fraction - 1
    s = rest / (2 + rest)
    s2 = s * s
    s4 = s2 * s2
    odd = s2 * (_ODD[0] + s4 * (_ODD[1] + s4 * (_ODD[2] + s4 * _ODD[3])))
    even = s4 * (_EVEN[0] + s4 * (_EVEN[1] + s4 * _EVEN[2]))
    half = 0.5 * rest * rest
    return power * _LN2_HIGH - ((half - (s * (half + (odd + even)) + power * _LN2_LOW)) - rest)


def _pow(base: float, power: float) -> float:
    """Return the power as Go computes it: by squaring for the whole part of the exponent, by logarithm for the rest."""
    if not power or base == 1:
        return 1.0
    if power == 1:
        return base
    if abs(power) == 0.5 and base >= 0:  # noqa: PLR2004 - what a square root is
        return math.sqrt(base) if power > 0 else 1 / math.sqrt(base)
    fraction, whole = math.modf(abs(power))
    if not base or (fraction and base < 0) or whole >= 2.0**63:
        return math.pow(base, power)
    result = 1.0
    if fraction:
        over = fraction > 0.5  # noqa: PLR2004 - the nearer whole number
        whole += over
        result = math.exp((fraction - over) * _ln(base))
    result, exponent = _squared(result, base, int(whole))
    return math.ldexp(1 / result, -exponent) if power < 0 else math.ldexp(result, exponent)


_FAR = 1 << 12  # any exponent of two beyond this overflows or vanishes


def _squared(start: float, base: float, power: int) -> tuple[float, int]:
    result, exponent = start, 0
    factor, factor_exponent = math.frexp(base)
    while power:
        if abs(factor_exponent) > _FAR:
            return result, exponent + factor_exponent
        if power & 1:
            result *= factor
            exponent += factor_exponent
        factor *= factor
        factor_exponent *= 2
        if factor < 0.5:  # noqa: PLR2004 - mantissas are from a half to one
            factor, factor_exponent = factor * 2, factor_exponent - 1
        power >>= 1
    return result, exponent


def _parseint(values: Sequence[Value]) -> Value:
    given, base_value = values
    if given.type != STRING:
        raise FunctionError(f"first argument must be a string, not {given.type}", 0)
    base = whole_number(base_value, argument_index=1)
    if not _SMALLEST_BASE <= base <= _LARGEST_BASE:
        raise FunctionError("base must be a whole number between 2 and 62 inclusive", 1)
    text = given.text if base > _BASE_WITH_ONE_CASE else given.text.lower()
    match = re.fullmatch(f"([+-]?)([{_DIGITS[:base]}]+)", text)
    if match is None:
        raise FunctionError(f"cannot parse this as a base {base} integer", 0)
    sign, digits = match.groups()
    magnitude = _integer(digits.lstrip("0"), base)
    return number(-magnitude if sign == "-" else magnitude)


def _integer(digits: str, base: int) -> int:
    if len(digits) > _TOO_MANY_BITS:
        raise NumberError(f"numbers beyond 10 to the power of {MAX_EXPONENT} are not supported")
    value = 0
    for digit in digits:
        value = value * base + _DIGITS.index(digit)
    return value


def _range(values: Sequence[Value]) -> Value:
    start, end, step = _bounds([value.decimal for value in values])
    if not step:
        raise FunctionError("step must not be zero", 2)
    if step < 0 and end > start:
        raise FunctionError("end must be less than start when step is negative", 1)
    if step > 0 and end < start:
        raise FunctionError("end must be greater than start when step is positive", 1)
    too_many = FunctionError(
        f"more than {_MOST_VALUES} values were generated; either decrease the difference between start and end or use "
        "a smaller step"
    )
    if (end - start) / step > 2 * _MOST_VALUES:  # plain without counting, which takes long with thousands of digits
        raise too_many
    from .arithmetic import add  # noqa: PLC0415 - see `decimals`, rule 2

    items: list[Value] = []
    while start > end if step < 0 else start < end:
        if len(items) >= _MOST_VALUES:
            raise too_many
        items.append(number(start))
        start = add(start, step)
    return list_of(NUMBER, items)


def _bounds(given: list[Decimal]) -> tuple[Decimal, Decimal, Decimal]:
    match given:
        case [end]:
            start, step = Decimal(0), Decimal(-1 if end < 0 else 1)
        case [start, end]:
            step = Decimal(-1 if end < start else 1)
        case [start, end, step]:
            pass
        case _:
            raise FunctionError("must have one, two, or three arguments")
    return start, end, step


_NUM = Parameter("num", NUMBER)
NUMBER_FUNCTIONS = (
    of_one("abs", _NUM, lambda value: number(value.decimal.copy_abs())),
    of_one("ceil", _NUM, _whole(ROUND_CEILING)),
    of_one("floor", _NUM, _whole(ROUND_FLOOR)),
    of_one("signum", _NUM, _signum),
    _extreme("min", min),
    _extreme("max", max),
    _of_floats("log", "base", _log),
    _of_floats("pow", "power", _pow),
    Function("parseint", (Parameter("number"), Parameter("base", NUMBER)), None, _parseint),
    Function("range", (), Parameter("params", NUMBER), _range),
)
