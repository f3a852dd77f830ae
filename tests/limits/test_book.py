"""Limits: the specific instead of the default, and every window and scope at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreason_budget.errors import ConfigError
from coreason_budget.limits import Limit, LimitBook
from coreason_budget.model import UNITS, WINDOWS, Amounts, Subject
from coreason_budget.windows import Calendar

NOW_S = 1_795_435_200  # 2026-11-23T12:00Z, a Monday
NOW_US = NOW_S * 1_000_000
ALICE = Subject.of("alice", "alpha", "openai/gpt-4o", {"team": "search"})


def _found(limits, subject=ALICE, now_us=NOW_US, zone="UTC"):
    """Scope, window and unit of each account -> its limit."""
    accounts = LimitBook(limits, Calendar(zone)).accounts(subject, now_us)
    found = {(str(a.scope), a.window, a.unit): limit and limit.amount for a, limit in accounts}
    assert len(found) == len(accounts), "an account stands there twice"
    return found


def test_every_scope_has_its_usd_day_account():
    """Without any limit, the day's USD of every scope is booked, and bound by nothing."""
    days = {(scope, "day", "usd"): None for scope in map(str, ALICE.scopes)}
    assert _found([]) == days
    assert list(_found([])) == list(days), "narrowest first"


@pytest.mark.parametrize("kind", ["user", "project", "model", "team"])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("window", WINDOWS)
def test_a_default_binds_everyone_of_its_kind(kind, window, unit):
    """A limit without an id applies to every id of the kind, each with an account of its own."""
    found = _found([Limit(kind, None, window, unit, 7)])
    scope = next(str(s) for s in ALICE.scopes if s.kind == kind)
    assert {place: limit for place, limit in found.items() if limit is not None} == {(scope, window, unit): 7}
    assert len(found) == len(ALICE.scopes) + ((window, unit) != ("day", "usd"))


@pytest.mark.parametrize("specific", [50, 5, 0, None])
def test_a_single_subjects_limit_stands_instead_of_the_default(specific):
    """Higher, lower, nothing or unlimited: the specific limit alone counts, for that subject alone."""
    limits = [Limit("user", None, "day", "usd", 10), Limit("user", "alice", "day", "usd", specific)]
    for order in (limits, limits[::-1]):
        assert _found(order)["user/alice", "day", "usd"] == specific
        assert _found(order, Subject.of("bob"))["user/bob", "day", "usd"] == 10


def test_a_specific_limit_leaves_other_windows_and_units_to_the_default():
    """Instead means: for the same window and unit."""
    found = _found([
        Limit("user", None, "day", "usd", 10),
        Limit("user", None, "month", "usd", 150),
        Limit("user", None, "day", "tokens", 1000),
        Limit("user", "alice", "day", "usd", 50),
    ])  # fmt: skip
    assert found["user/alice", "day", "usd"] == 50
    assert found["user/alice", "month", "usd"] == 150
    assert found["user/alice", "day", "tokens"] == 1000


def test_all_windows_and_units_of_all_scopes_apply_at_once():
    """A call asks every account that has a limit for it."""
    kinds = ("user", "project", "model", "team", "global")
    places = [(kind, window, unit) for kind in kinds for window in WINDOWS for unit in UNITS]
    found = _found([Limit(kind, None, window, unit, i) for i, (kind, window, unit) in enumerate(places)])
    assert sorted(found.values()) == list(range(len(places)))


def test_a_tags_limit_applies_to_calls_that_carry_it():
    """A call without the tag, or with another kind, is not bound by it."""
    limits = [Limit("team", None, "day", "tokens", 5), Limit("team", "search", "day", "tokens", 9)]
    assert _found(limits)["team/search", "day", "tokens"] == 9
    assert _found(limits, Subject.of("a", tags={"team": "ads"}))["team/ads", "day", "tokens"] == 5
    assert set(_found(limits, Subject.of("a", tags={"feature": "search"})).values()) == {None}


def test_the_same_id_in_another_kind_is_another_subject():
    """A limit on user/x says nothing of project/x."""
    found = _found([Limit("user", "x", "day", "usd", 1)], Subject.of("x", "x", "x", {"team": "x"}))
    assert [place for place, limit in found.items() if limit is not None] == [("user/x", "day", "usd")]


def test_an_unlimited_subject_is_booked_and_not_asked():
    """Its account stays in the plan of a charge, and is left out where only limits matter."""
    limits = [Limit("user", None, "day", "usd", 10), Limit("user", "alice", "day", "usd", None)]
    book = LimitBook(limits, Calendar())
    charged = book.plan(Subject.of("alice"), Amounts(5))(NOW_US)
    checked = book.plan(Subject.of("alice"), Amounts(5), limited_only=True)(NOW_US)
    assert [(str(e.account.scope), e.amount, e.limit_units) for e in charged] == [
        ("user/alice", 5, None),
        ("global", 5, None),
    ]
    assert checked == ()


def test_a_plan_asks_each_account_in_its_own_unit():
    """Nanos of usd, tokens of tokens, one request of requests."""
    book = LimitBook([Limit("user", None, "day", unit, 100) for unit in UNITS], Calendar())
    entries = book.plan(Subject.of("alice"), Amounts(70, 7, 1), limited_only=True)(NOW_US)
    assert {e.account.unit: e.amount for e in entries} == {"usd": 70, "tokens": 7, "requests": 1}


def test_two_limits_for_one_place_are_refused():
    """Which of them stood would depend on their order."""
    same = Limit("user", "alice", "day", "usd", 10)
    with pytest.raises(ConfigError, match="two limits"):
        LimitBook([same, Limit("user", "alice", "day", "usd", 10)], Calendar())
    LimitBook([same, Limit("user", "alice", "day", "tokens", 10), Limit("user", None, "day", "usd", 1)], Calendar())


@given(
    st.lists(st.integers(-90 * 86400, 90 * 86400), min_size=1, max_size=8),
    st.sampled_from(("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata")),
)
def test_what_is_cached_is_what_would_be_computed(jumps, zone):
    """Over midnights, months and clock changes, forward and back: the accounts of a fresh book."""
    limits = [Limit("user", None, window, "usd", 1) for window in WINDOWS]
    book = LimitBook(limits, Calendar(zone))
    for jump in jumps:
        now_us = NOW_US + jump * 1_000_000
        fresh = LimitBook(limits, Calendar(zone)).accounts(ALICE, now_us)
        assert [(a.key, a.end_s, limit) for a, limit in book.accounts(ALICE, now_us)] == [
            (a.key, a.end_s, limit) for a, limit in fresh
        ]


def test_midnight_opens_new_accounts_to_the_microsecond():
    """The last microsecond of a day is in it, the next one is not."""
    midnight_us = (NOW_S + 12 * 3600) * 1_000_000
    book = LimitBook([], Calendar())
    for moment, start_s in ((midnight_us - 1, NOW_S - 12 * 3600), (midnight_us, NOW_S + 12 * 3600)):
        assert {a.start_s for a, _ in book.accounts(ALICE, moment)} == {start_s}


def test_the_cache_is_bounded(monkeypatch):
    """A flood of new users does not fill the memory, and each still has its own accounts."""
    monkeypatch.setattr("coreason_budget.limits.book._CACHED_SUBJECTS", 10)
    book = LimitBook([], Calendar())
    for i in range(35):
        account, _ = book.accounts(Subject.of(f"user{i}"), NOW_US)[0]
        assert str(account.scope) == f"user/user{i}"
        assert len(book._cache) <= 10


def test_the_same_subject_in_another_zone_has_other_days():
    """Noon in UTC is one calendar day everywhere, but it began at another moment."""
    starts = {}
    for zone in ("UTC", "Asia/Kolkata", "America/New_York"):
        (account, _), *_ = LimitBook([], Calendar(zone)).accounts(Subject.of("alice"), NOW_US)
        starts[zone] = account.start_s - (NOW_S - 12 * 3600)
    assert starts == {"UTC": 0, "Asia/Kolkata": -5.5 * 3600, "America/New_York": 5 * 3600}
