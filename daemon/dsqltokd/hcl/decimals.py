"""Numbers as cty has them: binary floating point with a mantissa of 512 bits.

Rule 1: a number is kept as the shortest decimal that names its 512-bit value, which is also its text and what
equality looks at. `Decimal` can hold that exactly, and there is one such decimal for each value.
Rule 2: a decimal of at most 153 digits is the shortest name of its own 512-bit value. All others, and what is computed,
need `arithmetic`, which is loaded for the first of them: most projects have none.
Rule 3: canonical decimals have no needless zeros and no positive exponent, so that `str()` shows an integer in full.
Beyond a magnitude of 10**±`MAX_EXPONENT` there are no numbers here (cty goes on to 10**646456993), nor infinities.
"""

from __future__ import annotations

from decimal import ROUND_05UP, Context, Decimal

MAX_EXPONENT = 4096
"""The largest power of ten: a number's text is never longer than that."""

TOO_LARGE = f"numbers beyond 10 to the power of {MAX_EXPONENT} are not supported"

ALWAYS_EXACT_DIGITS = 153
"""See rule 2."""

MOST_DIGITS = MAX_EXPONENT + 200
# Rounding so leaves a trace of what it cut off, and so does not disturb the rounding to bits that follows.
CANONICAL = Context(prec=MOST_DIGITS, Emax=10 * MAX_EXPONENT, Emin=-10 * MAX_EXPONENT, rounding=ROUND_05UP)


class NumberError(ValueError):
    """An operation whose result is no number here; the text is cty's where cty has one."""


def number_text(value: Decimal) -> str:
    """Return the number as a string, without an exponent, as HCL converts it."""
    return format(value, "f")


def negate(value: Decimal) -> Decimal:
    """Return the number with its sign turned; the negative of zero is -0, as in Go."""
    return value.copy_negate()


def canonical(value: Decimal) -> Decimal:
    """Return the decimal as rule 3 has it."""
    value = value.normalize(CANONICAL)
    exponent = value.as_tuple().exponent
    return value.quantize(Decimal(1), context=CANONICAL) if isinstance(exponent, int) and exponent > 0 else value
