"""Reading numbers, and rounding any decimal to one that there is. What numbers are is told in `decimals`."""

from __future__ import annotations

import re
from decimal import Decimal

from .decimals import ALWAYS_EXACT_DIGITS, CANONICAL, MAX_EXPONENT, MOST_DIGITS, TOO_LARGE, NumberError, canonical

_NUMBER = re.compile(r"([+-]?)(?:([0-9]+)\.?([0-9]*)|\.([0-9]+))(?:([eEpP])([+-]?[0-9]+))?", re.ASCII)


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
        from .arithmetic import scaled  # noqa: PLC0415 - see `decimals`, rule 2

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
    value = CANONICAL.plus(value) if len(value.as_tuple().digits) > MOST_DIGITS else value
    if len(value.as_tuple().digits) <= ALWAYS_EXACT_DIGITS:
        return canonical(value)
    from .arithmetic import nearest  # noqa: PLC0415 - see `decimals`, rule 2

    return nearest(value)
