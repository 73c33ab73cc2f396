"""Arithmetic with numbers as cty has them.

It goes from the canonical decimal to the 512-bit value that this names, computes exactly, rounds half to even to 512
bits, and goes back to the shortest decimal. So `0.1 + 0.2` is what HashiCorp's evaluator says, to the last digit. See
`decimals`.
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction

from .decimals import ALWAYS_EXACT_DIGITS, CANONICAL, MAX_EXPONENT, TOO_LARGE, NumberError, canonical, negate

_BITS = 512


def nearest(value: Decimal) -> Decimal:
    """Return the canonical decimal of the 512-bit number nearest to `value`."""
    return _shortest(_to_bits(Fraction(value)))


def scaled(value: Decimal, exponent: int) -> Decimal:
    """Return a number times a power of two."""
    return _shortest(_to_bits(Fraction(value) * Fraction(2) ** exponent))


def add(left: Decimal, right: Decimal) -> Decimal:
    """Return the sum."""
    if not left and not right:
        return left if left.is_signed() and right.is_signed() else Decimal(0)
    return _shortest(_to_bits(exact(left) + exact(right)))


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """Return the difference."""
    return add(left, negate(right))


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
    if value.denominator == 1 and abs(value.numerator) < 10**ALWAYS_EXACT_DIGITS:
        return Decimal(value.numerator)
    digits = ALWAYS_EXACT_DIGITS
    while True:
        candidate = _to_digits(value, digits)
        if abs(candidate.adjusted()) > MAX_EXPONENT:
            raise NumberError(TOO_LARGE)
        if _to_bits(Fraction(candidate)) == value:
            return canonical(candidate)
        digits += 1


def _to_digits(value: Fraction, digits: int) -> Decimal:
    context = Context(prec=digits, Emax=CANONICAL.Emax, Emin=CANONICAL.Emin)
    return context.divide(Decimal(value.numerator), Decimal(value.denominator))
