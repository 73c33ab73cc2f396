"""Numbers as cty has them: binary floating point with a mantissa of 512 bits.

Rule 1: a number is kept as the shortest decimal that names its 512-bit value, which is also its text and what
equality looks at. `Decimal` can hold that exactly, and there is one such decimal for each value.
Rule 2: a decimal of at most 153 digits is the shortest name of its own 512-bit value. All others, and what is computed,
need `arithmetic`, which is loaded for the first of them: most projects have none.
Rule 3: canonical decimals have no needless zeros and no positive exponent, so that `str()` shows an integer in full.
Beyond a magnitude of 10**±`MAX_EXPONENT` there are no numbers here (cty goes on to 10**646456993), nor infinities.
"""

from __future__ import annotations

import re
from decimal import ROUND_05UP, Context, Decimal

MAX_EXPONENT = 4096
"""The largest power of ten: a number's text is never longer than that."""

TOO_LARGE = f"numbers beyond 10 to the power of {MAX_EXPONENT} are not supported"

ALWAYS_EXACT_DIGITS = 153
"""See rule 2."""

_MOST_DIGITS = MAX_EXPONENT + 200
# Rounding so leaves a trace of what it cut off, and so does not disturb the rounding to bits that follows.
CANONICAL = Context(prec=_MOST_DIGITS, Emax=10 * MAX_EXPONENT, Emin=-10 * MAX_EXPONENT, rounding=ROUND_05UP)
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
        from .arithmetic import scaled  # noqa: PLC0415 - see rule 2

        return scaled(rounded(Decimal(f"{sign}{digits}E{-len(fraction_digits)}")), exponent)
    return rounded(Decimal(f"{sign}{digits}E{exponent - len(fraction_digits)}"))


def _small(power: str) -> int:
    if len(power.lstrip("+-0")) > len(str(MAX_EXPONENT)):
        raise NumberError(TOO_LARGE)
    return int(power)


def rounded(value: Decimal) -> Decimal:
    """Return the canonical decimal of the 512-bit number nearest to `value`. Raises NumberError."""
    if not value.is_finite():
        raise NumberError("infinities are not supported")
    if value and abs(value.adjusted()) > MAX_EXPONENT:
        raise NumberError(TOO_LARGE)
    value = CANONICAL.plus(value) if len(value.as_tuple().digits) > _MOST_DIGITS else value
    if len(value.as_tuple().digits) <= ALWAYS_EXACT_DIGITS:
        return canonical(value)
    from .arithmetic import nearest  # noqa: PLC0415 - see rule 2

    return nearest(value)


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
