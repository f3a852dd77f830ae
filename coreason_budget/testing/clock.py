"""A clock that stands still until it is told to move: the `clock=` of any ledger, for tests."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

_MONDAY_NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class ManualClock:
    """Time as a test sets it. Thread safe; a pickled copy starts at the same moment and then goes its own way.

    >>> clock = ManualClock(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
    >>> clock.advance(seconds=1)
    >>> clock.now.isoformat()
    '2027-01-01T00:00:00+00:00'

    Args:
        now: Where it begins; a Monday at noon, UTC, if left out.
    """

    def __init__(self, now: datetime = _MONDAY_NOON) -> None:
        self._lock = threading.Lock()
        self.now_us = _micros(now)

    def __call__(self, ledger_us: int) -> int:
        """The time to use, whatever time the ledger says it is (microseconds since the epoch)."""
        return self.now_us

    def __repr__(self) -> str:
        return f"ManualClock({self.now.isoformat()})"

    def __getstate__(self) -> dict[str, Any]:
        return {"now_us": self.now_us}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._lock = threading.Lock()
        self.now_us = state["now_us"]

    @property
    def now(self) -> datetime:
        """The time it shows, in UTC."""
        return datetime.fromtimestamp(self.now_us / 1_000_000, UTC)

    def advance(self, seconds: float = 0, *, us: int = 0) -> None:
        """Move by seconds, microseconds, or both; back if they are negative."""
        with self._lock:
            self.now_us += round(seconds * 1_000_000) + us

    def set(self, now: datetime) -> None:
        """Move to a moment, which must say its time zone.

        Raises:
            ValueError: It does not.
        """
        with self._lock:
            self.now_us = _micros(now)


def _micros(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise ValueError("now: a moment without a time zone means another moment on every machine; add tzinfo=UTC")
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * 1_000_000 + moment.microsecond
