"""Numbers as cty has them: binary floating point with a mantissa of 512 bits.

Rule 1: a number is kept as the shortest decimal that names its 512-bit value, which is also its text and what
equality looks at. `Decimal` can hold that exactly, and there is one such decimal for each value.
Rule 2: arithmetic goes from there to the 512-bit value, computes exactly, rounds half to even to 512 bits, and goes
back. So `0.1 + 0.2` is what HashiCorp's evaluator says, to the last digit.
Rule 3: a decimal of at most 153 digits is the shortest name of its own 512-bit value.
Rule 4: canonical decimals have no needless zeros and no positive exponent, so that `str()` shows an integer in full.
Beyond a magnitude of 10**±`MAX_EXPONENT` there are no numbers here (cty goes on to 10**646456993), nor infinities.
"""

from __future__ import annotations

import re
from decimal import ROUND_05UP, Context, Decimal
from fractions import Fraction

MAX_EXPONENT = 4096
"""The largest power of ten: a number's text is never longer than that."""

_BITS = 512
_ALWAYS_EXACT_DIGITS = 153
_MOST_DIGITS = MAX_EXPONENT + 200
# Rounding so leaves a trace of what it cut off, and so does not disturb the rounding to bits that follows.
_CANONICAL = Context(prec=_MOST_DIGITS, Emax=10 * MAX_EXPONENT, Emin=-10 * MAX_EXPONENT, rounding=ROUND_05UP)
_NUMBER = re.compile(r"([+-]?)(?:([0-9]+)\.?([0-9]*)|\.([0-9]+))(?:([eEpP])([+-]?[0-9]+))?", re.ASCII)


class NumberError(ValueError):
    """An operation whose result is no number here; the text is cty's where cty has one."""


def parse_number(text: str) -> Decimal | None:
    """Read a number as Go's `big.ParseFloat` in base 10 does, without its infinities; None if it is none.

    A `p` exponent is one of two: `1p3` is 8. Raises NumberError beyond the largest magnitude.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, whole, part, only_part, marker, power = match.groups()
    fraction_digits = part or only_part or ""
    exponent = _small(power) if power else 0
    digits = (whole or "") + fraction_digits
    if marker in ("p", "P"):
        mantissa = rounded(Decimal(f"{sign}{digits}E{-len(fraction_digits)}"))
        return _shortest(_to_bits(Fraction(mantissa) * Fraction(2) ** exponent))
    return rounded(Decimal(f"{sign}{digits}E{exponent - len(fraction_digits)}"))


def _small(power: str) -> int:
    if len(power.lstrip("+-0")) > len(str(MAX_EXPONENT)):
        raise NumberError(_TOO_LARGE)
    return int(power)


_TOO_LARGE = f"numbers beyond 10 to the power of {MAX_EXPONENT} are not supported"


def rounded(value: Decimal) -> Decimal:
    """Return the canonical decimal of the 512-bit number nearest to `value`. Raises NumberError."""
    if not value.is_finite():
        raise NumberError("infinities are not supported")
    if value and abs(value.adjusted()) > MAX_EXPONENT:
        raise NumberError(_TOO_LARGE)
    value = _CANONICAL.plus(value) if len(value.as_tuple().digits) > _MOST_DIGITS else value
    if len(value.as_tuple().digits) <= _ALWAYS_EXACT_DIGITS:
        return _canonical(value)
    return _shortest(_to_bits(Fraction(value)))


def number_text(value: Decimal) -> str:
    """Return the number as a string, without an exponent, as HCL converts it."""
    return format(value, "f")


def add(left: Decimal, right: Decimal) -> Decimal:
    """Return the sum."""
    if not left and not right:
        return left if left.is_signed() and right.is_signed() else Decimal(0)
    return _shortest(_to_bits(exact(left) + exact(right)))


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """Return the product."""
    if not left or not right:
        return Decimal("-0") if left.is_signed() != right.is_signed() else Decimal(0)
    return _shortest(_to_bits(exact(left) * exact(right)))


def divide(left: Decimal, right: Decimal) -> Decimal:
    """Return the quotient. By zero, NumberError: cty says so for 0/0 only and otherwise gives an infinity."""
    if not right:
        raise NumberError("can't divide zero by zero or infinity by infinity" if not left else "division by zero")
    if not left:
        return Decimal("-0") if left.is_signed() != right.is_signed() else Decimal(0)
    return _shortest(_to_bits(exact(left) / exact(right)))


def modulo(left: Decimal, right: Decimal) -> Decimal:
    """Return what is left of `left` after division, with its sign; `left` itself if `right` is zero, as in cty."""
    if not right:
        return left
    if not left:
        return Decimal("-0") if left.is_signed() and not right.is_signed() else Decimal(0)
    quotient = _to_bits(exact(left) / exact(right))
    product = _to_bits(_to_bits(Fraction(int(quotient))) * exact(right))
    return _shortest(_to_bits(exact(left) - product))


def negate(value: Decimal) -> Decimal:
    """Return the number with its sign turned; the negative of zero is -0, as in Go."""
    return value.copy_negate()


def exact(value: Decimal) -> Fraction:
    """Return the 512-bit number that a canonical decimal names."""
    return _to_bits(Fraction(value))


def _to_bits(value: Fraction) -> Fraction:
    """Round to a mantissa of 512 bits, half to even."""
    top, bottom = abs(value.numerator), value.denominator
    if bottom == 1 and top.bit_length() <= _BITS:
        return value
    # With this shift the quotient has 513 or 514 bits, at least one more than is kept.
    shift = _BITS + 1 - (top.bit_length() - bottom.bit_length())
    quotient, rest = divmod(top << max(shift, 0), bottom << max(-shift, 0))
    mantissa = _round_half_even(quotient, bool(rest), quotient.bit_length() - _BITS)
    power = quotient.bit_length() - _BITS - shift
    magnitude = Fraction(mantissa << max(power, 0), 1 << max(-power, 0))
    return -magnitude if value < 0 else magnitude


def _round_half_even(quotient: int, more: bool, drop: int) -> int:
    kept, dropped = quotient >> drop, quotient & ((1 << drop) - 1)
    half = 1 << (drop - 1)
    up = dropped > half or (dropped == half and (more or kept & 1))
    return kept + bool(up)


def _shortest(value: Fraction) -> Decimal:
    """Return the shortest decimal that rounds to the 512-bit number `value`."""
    if value.denominator == 1 and abs(value.numerator) < 10**_ALWAYS_EXACT_DIGITS:
        return Decimal(value.numerator)
    digits = _ALWAYS_EXACT_DIGITS
    while True:
        candidate = _to_digits(value, digits)
        if abs(candidate.adjusted()) > MAX_EXPONENT:
            raise NumberError(_TOO_LARGE)
        if _to_bits(Fraction(candidate)) == value:
            return _canonical(candidate)
        digits += 1


def _to_digits(value: Fraction, digits: int) -> Decimal:
    context = Context(prec=digits, Emax=_CANONICAL.Emax, Emin=_CANONICAL.Emin)
    return context.divide(Decimal(value.numerator), Decimal(value.denominator))


def _canonical(value: Decimal) -> Decimal:
    value = value.normalize(_CANONICAL)
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal(1), context=_CANONICAL) if isinstance(exponent, int) and exponent > 0 else value
