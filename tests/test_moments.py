"""Moments outside are the microseconds inside: exact, both ways, whatever the offset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from coreason_budget.moments import US_PER_S, to_moment, to_us

_LAST_US = 253_402_300_799_999_999


@given(st.integers(0, _LAST_US))
def test_a_moment_keeps_every_microsecond(us: int) -> None:
    """Up to the last of the year 9999; a float of seconds does not, as the control shows."""
    assert to_us(to_moment(us)) == us
    assert to_moment(us).tzinfo is UTC


def test_a_float_of_seconds_does_not() -> None:
    """The naive control: late moments have no float of their own."""
    naive = datetime.fromtimestamp(_LAST_US / US_PER_S - 86400, UTC)
    assert to_us(naive) != _LAST_US - 86400 * US_PER_S
    assert to_moment(_LAST_US).isoformat() == "9999-12-31T23:59:59.999999+00:00"


@given(st.datetimes(min_value=datetime(1971, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_an_offset_moves_the_clock_and_not_the_moment(local: datetime, minutes: int) -> None:
    """And without one it is UTC."""
    offset = timedelta(minutes=minutes)
    assert to_us(local.replace(tzinfo=timezone(offset))) == to_us(local) - minutes * 60 * US_PER_S
    assert to_us(local) == to_us(local.replace(tzinfo=UTC))
