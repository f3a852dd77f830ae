"""Moments: microseconds since the epoch inside, `datetime` in UTC outside. Here one becomes the other, exactly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

US_PER_S = 1_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def to_moment(us: int) -> datetime:
    """Give microseconds since the epoch as a moment in UTC, exactly.

    >>> to_moment(1_500_000).isoformat()
    '1970-01-01T00:00:01.500000+00:00'
    """
    return _EPOCH + timedelta(microseconds=us)


def to_us(moment: datetime) -> int:
    """Give a moment of any offset as microseconds since the epoch; one without an offset is UTC."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _US
