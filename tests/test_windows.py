"""Windows tile time: each moment lies in exactly one of a kind, in any zone, whatever its clocks do."""

import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreason_budget.errors import ConfigError
from coreason_budget.windows import Calendar, load_zone

WINDOWS = ("minute", "hour", "day", "week", "month")
# Zone, and a moment (UTC) at which its clocks do something odd.
ODD_MOMENTS = (
    ("Europe/Berlin", "2026-03-29T01:00"),  # 23 hours
    ("Europe/Berlin", "2026-10-25T01:00"),  # 25 hours
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),  # half an hour back
    ("Australia/Lord_Howe", "2026-10-03T15:30"),  # half an hour on
    ("America/Sao_Paulo", "2018-02-18T02:00"),  # midnight comes back to 23:00
    ("America/Sao_Paulo", "2018-11-04T03:00"),  # no midnight
    ("Africa/Cairo", "2024-04-25T22:00"),  # no midnight
    ("Africa/Cairo", "2024-10-31T21:00"),
    ("Asia/Beirut", "2022-03-26T22:00"),  # no midnight
    ("Asia/Beirut", "2022-10-29T21:00"),
    ("America/Havana", "2024-11-03T05:00"),  # midnight twice
    ("America/Nuuk", "2024-03-31T01:00"),  # 23:00 to midnight
    ("America/Nuuk", "2024-10-27T01:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),  # a day that never was
    ("Pacific/Kiritimati", "1994-12-31T10:00"),  # a New Year's Eve that never was
    ("Pacific/Kwajalein", "1993-08-21T12:00"),
    ("America/St_Johns", "2010-11-07T02:31"),  # a minute of the new day, then an hour of the old one
    ("America/Toronto", "1919-03-31T04:30"),  # 23:30 to 0:30
    ("Africa/Casablanca", "2026-03-22T02:00"),  # back for Ramadan
    ("Asia/Pyongyang", "2018-05-04T15:00"),
    ("Asia/Kathmandu", "1985-12-31T18:30"),  # on by 15 minutes at New Year
    ("America/Caracas", "2016-05-01T07:00"),
    ("Antarctica/Troll", "2026-03-29T01:00"),  # two hours
    ("Europe/Dublin", "2026-10-25T01:00"),
    ("Asia/Tehran", "2022-09-21T19:30"),
    ("UTC", "2024-02-29T00:00"),
    ("UTC", "2000-03-01T00:00"),
    ("UTC", "2027-01-01T00:00"),
    ("UTC", "1970-01-01T00:00"),
    ("Asia/Kolkata", "2026-12-31T18:30"),
    ("Pacific/Chatham", "2026-04-04T14:00"),
)
_DAY = 86400
_AROUND = (0, 1, 59, 60, 61, 1799, 1800, 1801, 3540, 3599, 3600, 3601, 5400, 7200, _DAY - 1, _DAY, _DAY + 1, 2 * _DAY)


def _utc(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def _text(moment_s):
    return None if moment_s is None else datetime.fromtimestamp(moment_s, UTC).strftime("%Y-%m-%dT%H:%M")


def _instance(zone, window, moment_s):
    """Ask a calendar that has seen nothing else."""
    return Calendar(zone).instance(window, moment_s)


@pytest.mark.parametrize(("zone", "moment"), ODD_MOMENTS, ids=[f"{z} {m}" for z, m in ODD_MOMENTS])
@pytest.mark.parametrize("window", WINDOWS)
def test_windows_tile_time(zone, moment, window):
    """A moment is in its window, all of the window agrees, and its neighbours join it without gap or overlap."""
    for delta in _AROUND:
        for now in (_utc(moment) - delta, _utc(moment) + delta):
            start, end = _instance(zone, window, now)
            assert start <= now < end
            for inside in (start, end - 1, (start + end) // 2):
                assert _instance(zone, window, inside) == (start, end)
            assert _instance(zone, window, end)[0] == end
            assert _instance(zone, window, start - 1)[1] == start


@given(
    st.sampled_from(sorted({zone for zone, _ in ODD_MOMENTS})),
    st.sampled_from(WINDOWS),
    st.integers(_utc("1970-01-02T00:00"), _utc("2060-01-01T00:00")),
)
def test_windows_tile_time_anywhere(zone, window, now):
    """The same at any moment."""
    start, end = _instance(zone, window, now)
    assert start <= now < end
    assert _instance(zone, window, start) == _instance(zone, window, end - 1) == (start, end)
    assert _instance(zone, window, end)[0] == end
    assert _instance(zone, window, start - 1)[1] == start


@given(
    st.sampled_from(("Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC", "Australia/Lord_Howe")),
    st.integers(_utc("1990-01-01T00:00"), _utc("2037-01-01T00:00")),
)
def test_windows_begin_where_the_calendar_says(zone, now):
    """Where midnight exists: days begin at 0:00 of the same date, weeks on Monday, months on the 1st."""
    there = datetime.fromtimestamp(now, ZoneInfo(zone))
    starts = {w: datetime.fromtimestamp(_instance(zone, w, now)[0], ZoneInfo(zone)) for w in WINDOWS}
    for window in ("day", "week", "month"):
        assert (starts[window].hour, starts[window].minute, starts[window].second) == (0, 0, 0)
    assert starts["day"].date() == there.date()
    assert starts["week"].isocalendar()[:2] == there.isocalendar()[:2]
    assert starts["week"].isoweekday() == 1
    assert (starts["month"].year, starts["month"].month, starts["month"].day) == (there.year, there.month, 1)
    assert (starts["hour"].date(), starts["hour"].hour) == (there.date(), there.hour)
    assert starts["minute"] == there.replace(second=0, microsecond=0)


# Zone, window, moment, and by hand: its start and end, all in UTC.
TABLE = (
    ("UTC", "minute", "2026-11-23T12:34", "2026-11-23T12:34", "2026-11-23T12:35"),
    ("UTC", "hour", "2026-11-23T12:34", "2026-11-23T12:00", "2026-11-23T13:00"),
    ("UTC", "day", "2026-11-23T00:00", "2026-11-23T00:00", "2026-11-24T00:00"),
    ("UTC", "day", "2026-11-23T23:59", "2026-11-23T00:00", "2026-11-24T00:00"),
    ("UTC", "day", "2024-02-29T12:00", "2024-02-29T00:00", "2024-03-01T00:00"),
    ("UTC", "day", "2026-02-28T12:00", "2026-02-28T00:00", "2026-03-01T00:00"),
    ("UTC", "day", "2026-12-31T23:59", "2026-12-31T00:00", "2027-01-01T00:00"),
    ("UTC", "week", "2026-11-23T00:00", "2026-11-23T00:00", "2026-11-30T00:00"),  # a Monday
    ("UTC", "week", "2026-11-22T23:59", "2026-11-16T00:00", "2026-11-23T00:00"),  # a Sunday
    ("UTC", "week", "2027-01-01T12:00", "2026-12-28T00:00", "2027-01-04T00:00"),  # week 53 of 2026
    ("UTC", "week", "2024-12-31T12:00", "2024-12-30T00:00", "2025-01-06T00:00"),  # week 1 of 2025
    ("UTC", "week", "1970-01-01T00:00", "1969-12-29T00:00", "1970-01-05T00:00"),
    ("UTC", "month", "2024-02-29T23:59", "2024-02-01T00:00", "2024-03-01T00:00"),
    ("UTC", "month", "2026-02-28T23:59", "2026-02-01T00:00", "2026-03-01T00:00"),
    ("UTC", "month", "2026-12-31T23:59", "2026-12-01T00:00", "2027-01-01T00:00"),
    ("UTC", "month", "2100-02-28T12:00", "2100-02-01T00:00", "2100-03-01T00:00"),  # no leap year
    ("Europe/Berlin", "day", "2026-11-23T22:59", "2026-11-22T23:00", "2026-11-23T23:00"),
    ("Europe/Berlin", "day", "2026-11-23T23:00", "2026-11-23T23:00", "2026-11-24T23:00"),
    ("Europe/Berlin", "day", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 h
    ("Europe/Berlin", "day", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 h
    ("Europe/Berlin", "hour", "2026-10-25T00:30", "2026-10-25T00:00", "2026-10-25T01:00"),  # 2 o'clock
    ("Europe/Berlin", "hour", "2026-10-25T01:30", "2026-10-25T01:00", "2026-10-25T02:00"),  # and again
    ("Europe/Berlin", "week", "2026-03-29T12:00", "2026-03-22T23:00", "2026-03-29T22:00"),
    ("Europe/Berlin", "month", "2026-03-15T12:00", "2026-02-28T23:00", "2026-03-31T22:00"),
    ("Europe/Berlin", "month", "2026-10-31T23:00", "2026-10-31T23:00", "2026-11-30T23:00"),
    ("Australia/Lord_Howe", "day", "2026-04-04T20:00", "2026-04-04T13:00", "2026-04-05T13:30"),  # 24 h 30
    ("Australia/Lord_Howe", "day", "2026-10-03T20:00", "2026-10-03T13:30", "2026-10-04T13:00"),  # 23 h 30
    ("Australia/Lord_Howe", "hour", "2026-04-04T14:59", "2026-04-04T14:00", "2026-04-04T15:00"),  # 1:00 to 2:00
    ("Australia/Lord_Howe", "hour", "2026-04-04T15:10", "2026-04-04T15:00", "2026-04-04T15:30"),  # 1:30 to 2:00
    ("Australia/Lord_Howe", "hour", "2026-10-03T15:40", "2026-10-03T15:30", "2026-10-03T16:00"),  # 2:30 to 3:00
    ("America/Sao_Paulo", "day", "2018-11-04T12:00", "2018-11-04T03:00", "2018-11-05T02:00"),  # begins at 1:00
    ("America/Sao_Paulo", "day", "2018-11-04T02:59", "2018-11-03T03:00", "2018-11-04T03:00"),
    ("America/Sao_Paulo", "day", "2018-02-18T02:30", "2018-02-17T02:00", "2018-02-18T03:00"),  # 23:00 again: 25 h
    ("Africa/Cairo", "day", "2024-04-26T12:00", "2024-04-25T22:00", "2024-04-26T21:00"),  # begins at 1:00
    ("Africa/Cairo", "day", "2024-10-31T21:30", "2024-10-30T21:00", "2024-10-31T22:00"),
    ("Asia/Beirut", "day", "2022-03-27T12:00", "2022-03-26T22:00", "2022-03-27T21:00"),
    ("Asia/Beirut", "day", "2022-10-29T21:30", "2022-10-28T21:00", "2022-10-29T22:00"),
    ("America/Havana", "day", "2024-11-03T05:30", "2024-11-03T04:00", "2024-11-04T05:00"),  # the first midnight
    ("Pacific/Apia", "day", "2011-12-30T09:59", "2011-12-29T10:00", "2011-12-30T10:00"),  # the 29th
    ("Pacific/Apia", "day", "2011-12-30T10:00", "2011-12-30T10:00", "2011-12-31T10:00"),  # at once the 31st
    ("Pacific/Apia", "week", "2011-12-30T10:00", "2011-12-26T10:00", "2012-01-01T10:00"),  # 6 days
    ("Pacific/Apia", "month", "2011-12-31T09:59", "2011-12-01T10:00", "2011-12-31T10:00"),  # 30 days
    ("America/St_Johns", "day", "2010-11-07T03:00", "2010-11-07T02:30", "2010-11-08T03:30"),  # not taken back
    ("America/Toronto", "day", "1919-03-31T04:45", "1919-03-31T04:30", "1919-04-01T04:00"),  # from 0:30 on
    ("Asia/Kathmandu", "day", "2026-11-23T18:15", "2026-11-23T18:15", "2026-11-24T18:15"),
    ("Asia/Kathmandu", "hour", "2026-11-23T18:20", "2026-11-23T18:15", "2026-11-23T19:15"),
    ("Asia/Kathmandu", "minute", "2026-11-23T18:15", "2026-11-23T18:15", "2026-11-23T18:16"),
)


@pytest.mark.parametrize(("zone", "window", "moment", "start", "end"), TABLE)
def test_windows_computed_by_hand(zone, window, moment, start, end):
    """Start and end of a window, worked out on paper."""
    found = _instance(zone, window, _utc(moment))
    assert (_text(found[0]), _text(found[1])) == (start, end)


def test_total_has_neither_begin_nor_end():
    """It is one window for all time, in every zone."""
    for zone in ("UTC", "Pacific/Apia"):
        for now in (0, 1, 2**33):
            assert _instance(zone, "total", now) == (0, None)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
def test_a_calendar_that_has_been_asked_before_answers_the_same(zone):
    """What it remembers never shows: any order of questions gives the answers of a fresh calendar."""
    used = Calendar(zone)
    moments = [_utc("2026-10-25T01:30") + step for step in (0, 7200, -1, 90000, -90000, 1, 3600, -3600, 40 * _DAY, 0)]
    for moment in moments:
        for window in WINDOWS:
            assert used.instance(window, moment) == _instance(zone, window, moment)


def test_the_days_of_a_year_have_23_24_or_25_hours():
    """Berlin 2026: 365 days, one short, one long, and together the year."""
    calendar, lengths = Calendar("Europe/Berlin"), []
    start = _utc("2025-12-31T23:00")
    while start < _utc("2026-12-31T23:00"):
        assert calendar.instance("day", start)[0] == start
        end = calendar.instance("day", start)[1]
        lengths.append((end - start) // 3600)
        start = end
    assert (len(lengths), lengths.count(23), lengths.count(25), sum(lengths)) == (365, 1, 1, 365 * 24)


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "Mars/Olympus", "Europe", "Europe/", "europe/berlin", "Europe/Berlin ", "../etc/passwd", "/etc/passwd",
        "/UTC", "./UTC", "Europe/../UTC", "..", ".", "tzdata.zi", "zone.tab", "UTC\x00", "UTC+1", "+01:00", "\ud800",
        "x" * 5000, "localtime", "posixrules", "Factory", "right/UTC", "posix/Europe/Berlin",
    ],
    ids=lambda name: ascii(name)[:30],
)  # fmt: skip
def test_an_unknown_zone_is_refused(name):
    """What is no IANA zone, a path, or a thing of this machine alone, is a `ConfigError` with an example."""
    with pytest.raises(ConfigError, match="Europe/Berlin") as caught:
        load_zone(name)
    assert caught.value.field == "timezone"
    with pytest.raises(ConfigError):
        Calendar(name)


def test_utc_needs_no_zone_database(monkeypatch):
    """On a machine without zones UTC works, and another zone's refusal says what to install."""
    monkeypatch.setattr("zoneinfo._tzpath.TZPATH", ())
    for name in ("tzdata", *(name for name in sys.modules if name.startswith("tzdata."))):
        monkeypatch.setitem(sys.modules, name, None)
    ZoneInfo.clear_cache()
    assert load_zone("UTC").utcoffset(None) == timedelta(0)
    with pytest.raises(ConfigError, match="pip install tzdata"):
        load_zone("Europe/Berlin")
