"""Calendar arithmetic: which window instance a moment falls into, in any time zone.

Windows of one kind tile time: each moment lies in exactly one of them, also on days of 23 and
25 hours and where a zone skips or repeats midnight.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from coreason_budget.errors import ConfigError
from coreason_budget.model import WINDOWS

_CLOCK_SIZES_S = {"minute": 60, "hour": 3600}
# Window -> the first of the days it holds, and how many days after its own first another one has begun at the latest.
_DATES: dict[str, tuple[Callable[[datetime], datetime], int]] = {
    "day": (lambda day: day, 1),
    "week": (lambda day: day - timedelta(days=day.weekday()), 7),
    "month": (lambda day: day.replace(day=1), 31),
}
# In a zone database, but of this machine, of no place, or counting leap seconds.
_NO_PLACE = re.compile(r"localtime|posixrules|Factory|(?:posix|right)/.*", re.DOTALL)


def load_zone(name: str) -> tzinfo:
    """Find a time zone by its IANA name. UTC needs no time zone database.

    Raises:
        ConfigError: There is no such zone, or no database of zones on this machine.
    """
    if name == "UTC":
        return UTC
    try:
        if _NO_PLACE.fullmatch(name):
            raise LookupError(name)
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError, TypeError):
        raise ConfigError(
            f"timezone: unknown zone {name!r}; allowed is an IANA name such as 'Europe/Berlin' "
            "(if it is one, this machine has no zone database: pip install tzdata)",
            field="timezone",
        ) from None


class Calendar:
    """The windows of one time zone.

    Args:
        timezone: An IANA name; days begin at its local midnight, weeks on its Mondays.
    """

    def __init__(self, timezone: str = "UTC") -> None:
        self.timezone = timezone
        self._zone = load_zone(timezone)
        self._last: dict[str, tuple[int, int]] = {}

    def instance(self, window: str, now_s: int) -> tuple[int, int | None]:
        """The start and end of the window that holds ``now_s``, as UTC epoch seconds.

        The start is inside, the end is not. ``total`` starts at 0 and has no end.

        Raises:
            ConfigError: There is no such window.
        """
        if window == "total":
            return 0, None
        last = self._last.get(window)
        if last is None or not last[0] <= now_s < last[1]:
            size_s = _CLOCK_SIZES_S.get(window)
            last = self._by_clock(now_s, size_s) if size_s else self._by_date(window, now_s)
            self._last[window] = last
        return last

    def _by_date(self, window: str, now_s: int) -> tuple[int, int]:
        first_of, days = _date(window)
        today = datetime.fromtimestamp(now_s, self._zone).replace(hour=0, minute=0, second=0, tzinfo=None, fold=0)
        first = first_of(today)
        following = first_of(first + timedelta(days=days))
        start_s, end_s = self._first_moment(first), self._first_moment(following)
        if end_s <= now_s:
            # Clocks were set back over midnight: the new day has begun and is not taken back.
            start_s, end_s = end_s, self._first_moment(first_of(following + timedelta(days=days)))
        return start_s, end_s

    def _first_moment(self, midnight: datetime) -> int:
        # Of two midnights, fold=0 is the earlier; around a skipped one, fold=1 lies before the jump.
        first_s, other_s = (int(midnight.replace(tzinfo=self._zone, fold=fold).timestamp()) for fold in (0, 1))
        return first_s if first_s <= other_s else self._change(other_s, first_s)

    def _by_clock(self, now_s: int, size_s: int) -> tuple[int, int]:
        offset_s = self._offset_s(now_s)
        start_s = (now_s + offset_s) // size_s * size_s - offset_s
        end_s = start_s + size_s
        # A change of offset cuts a clock hour in two windows.
        if self._offset_s(start_s) != offset_s:
            start_s = self._change(start_s, now_s)
        if self._offset_s(end_s - 1) != offset_s:
            end_s = self._change(now_s, end_s - 1)
        return start_s, end_s

    def _offset_s(self, moment_s: int) -> int:
        offset = datetime.fromtimestamp(moment_s, self._zone).utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def _change(self, before_s: int, after_s: int) -> int:
        """The first second after ``before_s`` that has the offset of ``after_s``."""
        wanted = self._offset_s(after_s)
        while after_s - before_s > 1:
            middle = (before_s + after_s) // 2
            if self._offset_s(middle) == wanted:
                after_s = middle
            else:
                before_s = middle
        return after_s


def _date(window: str) -> tuple[Callable[[datetime], datetime], int]:
    if window not in _DATES:
        raise ConfigError(f"window: unknown window {window!r}; allowed are {', '.join(WINDOWS)}", field="window")
    return _DATES[window]
