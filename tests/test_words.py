"""Windows and units are two lists of words; whoever acts on a word knows each of them, and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args, get_type_hints

import pytest

from coreason_budget.errors import ConfigError
from coreason_budget.model import UNITS, WINDOWS, Account, Amounts, Scope
from coreason_budget.windows import Calendar
from coreason_budget.wire.answers import CountedAccount, UsdAccount, Window
from coreason_budget.wire.json_schema import Schemas

NOW_S = 1_795_000_000


def known_to(ask: Callable[[str], object], words: tuple[str, ...]) -> set[str]:
    """The words that get an answer."""

    def answers(word: str) -> bool:
        try:
            ask(word)
        except (ConfigError, ValueError):
            return False
        return True

    return {word for word in words if answers(word)}


def test_a_calendar_knows_every_window_and_no_other() -> None:
    """One that nobody taught it must not count as a day."""
    assert known_to(lambda window: Calendar().instance(window, NOW_S), (*WINDOWS, "quarter", "", "Day")) == set(WINDOWS)
    with pytest.raises(ConfigError, match="'quarter'; allowed are minute, hour, day, week, month, total") as caught:
        Calendar("Asia/Tokyo").instance("quarter", NOW_S)
    assert caught.value.field == "window"


def test_every_window_has_instances_of_its_own() -> None:
    """No two of them are the same stretch of time, in a month that is no week."""
    assert len({Calendar().instance(window, NOW_S) for window in WINDOWS}) == len(WINDOWS)


def test_amounts_know_every_unit_and_no_other() -> None:
    """What is asked in a unit that nobody taught them must not be what is asked in another."""
    amounts = Amounts(11, 12, 13)
    assert {unit: amounts.of(unit) for unit in UNITS} == {"usd": 11, "tokens": 12, "requests": 13}
    assert known_to(amounts.of, (*UNITS, "images", "", "USD")) == set(UNITS)


def test_answers_know_every_word() -> None:
    """What the service may answer is described."""
    assert tuple(Schemas().of(Window)["enum"]) == WINDOWS
    told = [get_args(get_type_hints(account)["unit"]) for account in (UsdAccount, CountedAccount)]
    assert tuple(unit for units in told for unit in units) == UNITS


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("window", WINDOWS)
def test_an_account_of_every_word_is_read_back(window: str, unit: str) -> None:
    """From its key, which names both."""
    account = Account(Scope("user", "a|b"), window, *Calendar().instance(window, NOW_S), unit)
    read = Account.parse(account.key, account.end_s)
    assert (read.window, read.unit, read.expires_us) == (window, unit, account.expires_us)


def test_the_check_finds_an_unknown_word() -> None:
    """The naive control: a calendar that takes every other window for a day."""

    class Naive(Calendar):
        def instance(self, window: str, now_s: int) -> tuple[int, int | None]:
            return super().instance(window if window in ("minute", "hour", "week", "month") else "day", now_s)

    assert "quarter" in known_to(lambda window: Naive().instance(window, NOW_S), (*WINDOWS, "quarter"))
