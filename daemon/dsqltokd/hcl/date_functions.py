"""`formatdate` and `timeadd`: timestamps as RFC 3339 writes them, durations as Go does.

Rule 1: years go from 0000, which Python's `datetime` does not have, and a sum may leave the four digits; so days are
counted here. Rule 2: a format is letters, repeated for their length; what stands in single quotes, and what is no
letter, stands for itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .arguments import of_strings, to_value
from .scope import FunctionError
from .values import Value, string

if TYPE_CHECKING:
    from collections.abc import Callable

_TIMESTAMP = r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
_PARTS = ("month", "day of month", "hour", "minute", "second")
_NANOSECOND_DIGITS = 9
_BILLION = 10**9
_DAY = 86_400
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# 1970 began with a Thursday.
_WEEKDAYS = ("Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday")
_LONG_MONTHS = (1, 3, 5, 7, 8, 10, 12)
_FEBRUARY = 2
_NOON = 12


class _Time:
    """Nanoseconds since 1970 began in the zone, and the zone's seconds east of Greenwich."""

    def __init__(self, local: int, offset: int) -> None:
        self.local = local
        self.offset = offset

    @property
    def date(self) -> tuple[int, int, int]:
        return _date(self.local // (_DAY * _BILLION))

    @property
    def weekday(self) -> str:
        return _WEEKDAYS[self.local // (_DAY * _BILLION) % 7]

    @property
    def clock(self) -> tuple[int, int, int]:
        minutes, second = divmod(self.local // _BILLION % _DAY, 60)
        return (*divmod(minutes, 60), second)

    def zone(self, colon: str) -> str:
        sign = "-" if self.offset < 0 else "+"
        hours, minutes = divmod(abs(self.offset) // 60, 60)
        return f"{sign}{hours:02d}{colon}{minutes:02d}"


def _days(year: int, month: int, day: int) -> int:
    """Return the days from 1 January 1970 to a date of the Gregorian calendar, extended to all years."""
    year -= month <= _FEBRUARY
    from_march = (month + 9) % 12
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * from_march + 2) // 5 + day - 1 - 719_468


def _date(days: int) -> tuple[int, int, int]:
    """Return (year, month, day), the inverse of `_days`."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    from_march = (5 * day_of_year + 2) // 153
    month = (from_march + 2) % 12 + 1
    return era * 400 + year_of_era + (month <= _FEBRUARY), month, day_of_year - (153 * from_march + 2) // 5 + 1


def _month_length(year: int, month: int) -> int:
    if month == _FEBRUARY:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 31 if month in _LONG_MONTHS else 30


def _parse(text: str, argument_index: int | None = None) -> _Time:
    match = re.fullmatch(_TIMESTAMP, text)
    if match is None:
        raise FunctionError("not a valid RFC3339 timestamp, such as 2006-01-02T15:04:05Z", argument_index)
    year, month, day, *clock = (int(part) for part in match.groups()[:6])
    limits = [(1, 12), (1, _month_length(year, month)), (0, 23), (0, 59), (0, 59)]
    for name, value, (least, most) in zip(_PARTS, (month, day, *clock), limits, strict=True):
        if not least <= value <= most:
            raise FunctionError(
                f"not a valid RFC3339 timestamp: {name} must be between {least} and {most} inclusive", argument_index
            )
    offset = _offset(match[8])
    if offset is None:
        raise FunctionError("not a valid RFC3339 timestamp: the UTC offset is out of range", argument_index)
    seconds = _days(year, month, day) * _DAY + (clock[0] * 60 + clock[1]) * 60 + clock[2]
    nanoseconds = (match[7] or ".")[1 : _NANOSECOND_DIGITS + 1].ljust(_NANOSECOND_DIGITS, "0")
    return _Time(seconds * _BILLION + int(nanoseconds), offset)


def _offset(zone: str) -> int | None:
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:])
    if hours > 23 or minutes > 59:  # noqa: PLR2004 - a clock's
        return None
    return (-60 if zone[0] == "-" else 60) * (hours * 60 + minutes)


# formatdate

_PIECE = r"(?P<quote>'')|(?P<quoted>'(?:[^']|'')*'?)|(?P<verb>([a-zA-Z])\4*)|[^'a-zA-Z]+"


def _number(value: Callable[[_Time], int]) -> dict[int, Callable[[_Time], str]]:
    return {1: lambda time: str(value(time)), 2: lambda time: f"{value(time):02d}"}


def _half(am: str, pm: str) -> dict[int, Callable[[_Time], str]]:
    return {2: lambda time: pm if time.clock[0] >= _NOON else am}


_VERBS: dict[str, dict[int, Callable[[_Time], str]]] = {
    "Y": {2: lambda time: f"{time.date[0] % 100:02d}", 4: lambda time: f"{time.date[0]:04d}"},
    "M": {
        **_number(lambda time: time.date[1]),
        3: lambda time: _MONTHS[time.date[1] - 1][:3],
        4: lambda time: _MONTHS[time.date[1] - 1],
    },
    "D": _number(lambda time: time.date[2]),
    "E": {3: lambda time: time.weekday[:3], 4: lambda time: time.weekday},
    "h": _number(lambda time: time.clock[0]),
    "H": _number(lambda time: time.clock[0] % _NOON or _NOON),
    "A": _half("AM", "PM"),
    "a": _half("am", "pm"),
    "m": _number(lambda time: time.clock[1]),
    "s": _number(lambda time: time.clock[2]),
    "Z": {
        1: lambda time: time.zone(":") if time.offset else "Z",
        3: lambda time: time.zone("") if time.offset else "UTC",
        4: lambda time: time.zone(""),
        5: lambda time: time.zone(":"),
    },
}


def _formatdate(template: str, timestamp: str) -> Value:
    time = _parse(timestamp, 1)
    return string("".join(_rendered(match, time) for match in re.finditer(_PIECE, template)))


def _rendered(token: re.Match[str], time: _Time) -> str:
    text = token[0]
    if token["quote"]:
        return "'"
    if token["quoted"]:
        if len(text) == 1 or not text.endswith("'"):
            raise FunctionError("unterminated literal '", 0)
        return text[1:-1].replace("''", "'")
    if not token["verb"]:
        return text
    lengths = _VERBS.get(text[0])
    if lengths is None:
        raise FunctionError(f'invalid date format verb "{text[0]}"; put letters in single quotes', 0)
    if len(text) not in lengths:
        known = " or ".join(f'"{text[0] * length}"' for length in lengths)
        raise FunctionError(f'invalid date format verb "{text[0]}" repeated {len(text)} times: it must be {known}', 0)
    return lengths[len(text)](time)


# timeadd

_DURATION = r"([0-9]*)(?:\.([0-9]*))?(ns|us|\xb5s|\u03bcs|ms|s|m|h)"
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "\xb5s": 10**3,
    "\u03bcs": 10**3,
    "ms": 10**6,
    "s": _BILLION,
    "m": 60 * _BILLION,
    "h": 3600 * _BILLION,
}
_LONGEST = 2**63
_MOST_DIGITS = 19


def _duration(text: str) -> int:
    """Return the nanoseconds. Raises FunctionError."""
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    total = place = 0
    pattern = re.compile(_DURATION)
    while match := pattern.match(rest, place):
        whole, fraction, unit = match.groups(default="")
        if not whole and not fraction:
            break
        place = match.end()
        # What lies beyond 18 digits of a fraction is less than a nanosecond of any unit.
        part = int(fraction[:18].ljust(18, "0")) * _UNITS[unit] // 10**18
        total += int(whole[-_MOST_DIGITS:] or 0) * _UNITS[unit] + part
        if len(whole.lstrip("0")) > _MOST_DIGITS:
            total = _LONGEST + 1
    if not rest or place < len(rest):
        raise FunctionError("not a valid duration, such as 1h30m")
    if total > _LONGEST or total * sign >= _LONGEST:
        raise FunctionError("a duration may not be longer than 292 years")
    return total * sign


def _timeadd(timestamp: str, duration: str) -> str:
    start = _parse(timestamp)
    time = _Time(start.local + _duration(duration), start.offset)
    (year, month, day), (hour, minute, second) = time.date, time.clock
    zone = time.zone(":") if time.offset else "Z"
    digits = f"{year:04d}" if year >= 0 else f"-{-year:04d}"
    return f"{digits}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}{zone}"


DATE_FUNCTIONS = (
    to_value("formatdate", ("format", "time"), _formatdate),
    of_strings("timeadd", ("timestamp", "duration"), _timeadd),
)
