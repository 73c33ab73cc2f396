"""`formatdate` and `timeadd`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsqltokd.hcl import FUNCTIONS, Function, string, to_python

if TYPE_CHECKING:
    from unit.hcl.conftest import Evaluated, FirstMistake

MOMENT = st.datetimes(datetime(400, 1, 1), datetime(9000, 1, 1)).map(lambda time: time.replace(microsecond=0))  # noqa: DTZ001 - UTC


def call(name: str, *texts: str) -> str:
    function = FUNCTIONS[name]
    assert isinstance(function, Function)
    return str(to_python(function.call([string(text) for text in texts])))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'formatdate("EEEE, DD MMMM YYYY hh:mm:ss ZZZ", "2006-01-02T15:04:05Z")',
            "Monday, 02 January 2006 15:04:05 UTC",
        ),
        ('formatdate("D.M.YY h:m:s H AA aa EEE MMM", "2018-01-02T00:09:07-08:00")', "2.1.18 0:9:7 12 AM am Tue Jan"),
        ('formatdate("Z ZZZ ZZZZ ZZZZZ", "2018-01-02T23:12:01-08:30")', "-08:30 -0830 -0830 -08:30"),
        ('formatdate("Z ZZZ ZZZZ ZZZZZ", "2018-01-02T23:12:01Z")', "Z UTC +0000 +00:00"),
        ("formatdate(\"'o''clock' ''h é\", \"2018-01-02T13:00:00Z\")", "o'clock '13 é"),
        ('formatdate("YYYY EEE", "0000-02-29T00:00:00Z")', "0000 Tue"),
        ('timeadd("2017-11-22T00:00:00Z", "1h30m")', "2017-11-22T01:30:00Z"),
        ('timeadd("2017-11-22T00:00:00+01:00", "-1.5h")', "2017-11-21T22:30:00+01:00"),
        ('timeadd("2017-11-22T00:00:00.9Z", "100ms")', "2017-11-22T00:00:01Z"),
        ('timeadd("2017-11-22T00:00:00Z", "+1us2ns3µs.5s")', "2017-11-22T00:00:00Z"),
        ('timeadd("9999-12-31T23:59:59Z", "1s")', "10000-01-01T00:00:00Z"),
        ('timeadd("0000-01-01T00:00:00Z", "-1s")', "-0001-12-31T23:59:59Z"),
    ],
)
def test_a_time_is_written_as_go_writes_it(value: Evaluated, text: str, expected: str) -> None:
    assert to_python(value(text)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('formatdate("x", "2018-01-02T23:12:01Z")', "put letters in single quotes"),
        ('formatdate("YYY", "2018-01-02T23:12:01Z")', 'must be "YY" or "YYYY"'),
        ('formatdate("\'x", "2018-01-02T23:12:01Z")', "unterminated literal"),
        ('formatdate("", "2018-01-02 23:12:01Z")', "such as 2006-01-02T15:04:05Z"),
        ('formatdate("", "2018-02-29T23:12:01Z")', "day of month must be between 1 and 28"),
        ('formatdate("", "2018-13-01T23:12:01Z")', "month must be between"),
        ('formatdate("", "2018-01-02T24:00:00Z")', "hour must be between"),
        ('formatdate("", "2018-01-02T23:12:01+24:00")', "UTC offset is out of range"),
        ('timeadd("2018-01-02T23:12:01Z", "1 h")', "not a valid duration"),
        ('timeadd("2018-01-02T23:12:01Z", "")', "not a valid duration"),
        ('timeadd("2018-01-02T23:12:01Z", "1d")', "not a valid duration"),
        ('timeadd("2018-01-02T23:12:01Z", "9999999h")', "292 years"),
        ('timeadd("2018-01-02T23:12:01Z", "99999999999999999999999ns")', "292 years"),
    ],
)
def test_what_is_no_time_duration_or_format_is_a_mistake(mistake: FirstMistake, text: str, said: str) -> None:
    assert said in mistake(text).detail


@given(MOMENT, st.integers(-(10**8), 10**8))
def test_dates_are_those_of_the_gregorian_calendar(moment: datetime, seconds: int) -> None:
    later = moment + timedelta(seconds=seconds)
    assert call("timeadd", f"{moment.isoformat()}Z", f"{seconds}s") == f"{later.isoformat()}Z"


@given(MOMENT)
def test_a_weekday_is_the_calendars(moment: datetime) -> None:
    assert call("formatdate", "EEEE D.M.YYYY", f"{moment.isoformat()}Z") == (
        f"{moment.replace(tzinfo=UTC):%A} {moment.day}.{moment.month}.{moment.year:04d}"
    )
