"""Numbers in Go's formats for floats, `%e`, `%f` and `%g`, with the precision that cty's numbers have.

Rule 1: a precision counts digits of the 512-bit value, which is rounded half to even; that differs from its shortest
decimal where this is a tie. Rule 2: no precision means the shortest decimal for `g`, and 6 for the others.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from .arithmetic import exact

if TYPE_CHECKING:
    from decimal import Decimal

_DEFAULT_PRECISION = 6
_SHORTEST_BEFORE_EXPONENT = 6
_SMALLEST_WITHOUT_EXPONENT = -4


class _Digits:
    """A number that is 0.`mantissa` times ten to the power of `point`; zero has no digits."""

    def __init__(self, mantissa: str, point: int) -> None:
        self.mantissa = mantissa
        self.point = point

    def fixed(self, places: int) -> str:
        whole = self.mantissa[: max(self.point, 0)].ljust(self.point, "0") or "0"
        if not places:
            return whole
        fraction = "0" * min(-self.point, places) + self.mantissa[max(self.point, 0) :]
        return f"{whole}.{fraction[:places].ljust(places, '0')}"

    def scientific(self, places: int) -> str:
        exponent = self.point - 1 if self.mantissa else 0
        fraction = self.mantissa[1 : places + 1].ljust(places, "0")
        dot = "." if places else ""
        return f"{self.mantissa[:1] or '0'}{dot}{fraction}e{exponent:+03d}"


def float_text(value: Decimal, verb: str, precision: int | None) -> str:
    """Return the number's digits, with a minus sign where it has one. `verb` is one of `eEfgG`."""
    kind = verb.lower()
    if precision is None and kind != "g":
        precision = _DEFAULT_PRECISION
    magnitude = value.copy_abs()
    if precision is None:
        text = _general(_shortest(magnitude), None)
    elif kind == "f":
        text = _rounded(magnitude, precision).fixed(precision)
    elif kind == "e":
        text = _significant(magnitude, precision + 1).scientific(precision)
    else:
        text = _general(_significant(magnitude, precision or 1), precision or 1)
    sign = "-" if value.is_signed() else ""
    return sign + (text.upper() if verb.isupper() else text)


def _general(digits: _Digits, precision: int | None) -> str:
    count = len(digits.mantissa)
    before_exponent = _SHORTEST_BEFORE_EXPONENT
    if precision is not None:
        before_exponent = count if precision > count >= digits.point else precision
    if not _SMALLEST_WITHOUT_EXPONENT <= digits.point - 1 < before_exponent:
        return digits.scientific(count - 1)
    return digits.fixed(max(count - digits.point, 0))


def _shortest(value: Decimal) -> _Digits:
    if not value:
        return _Digits("", 0)
    mantissa = "".join(map(str, value.as_tuple().digits)).rstrip("0")
    return _Digits(mantissa, value.adjusted() + 1)


def _rounded(value: Decimal, places: int) -> _Digits:
    """Round to so many digits behind the point."""
    digits = str(round(exact(value) * 10**places))
    return _Digits("", 0) if digits == "0" else _Digits(digits.rstrip("0"), len(digits) - places)


def _significant(value: Decimal, count: int) -> _Digits:
    """Round to so many digits."""
    if not value:
        return _Digits("", 0)
    point = value.adjusted() + 1
    digits = str(round(exact(value) * Fraction(10) ** (count - point)))
    # The exact value may round up to, or lie just below, a power of ten.
    return _Digits(digits.rstrip("0"), point + len(digits) - count)
