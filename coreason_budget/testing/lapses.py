"""Law 7: reservations that nobody ended in time, and what comes late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from coreason_budget.errors import ReservationError
from coreason_budget.guard import BudgetGuard
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing.endings import end
from coreason_budget.testing.kit import (
    ALICE,
    BOB,
    CENT,
    DAY_S,
    HOUR_S,
    USD,
    LedgerKit,
    books,
    books_of,
    limit,
    standing,
    usd,
)

_TTL_S = 600
_LIMITS = (limit("user", 10 * USD), limit("project", 10 * USD), limit("global", 1000 * USD))
_POLICIES = {"charge": USD, "release": 0}

_NOTICED_BY: dict[str, Callable[[BudgetGuard], object]] = {
    "check": lambda g: g.check(BOB, Amounts(1)),
    "usage": lambda g: g.usage(BOB),
    "reserve": lambda g: g.reserve(BOB, Amounts(1)),
    "charge": lambda g: g.charge(BOB, Amounts(1)),
}

both_policies = pytest.mark.parametrize("on_lapse", list(_POLICIES))


class LapseLaws(LedgerKit):
    """When a reservation lapses, what that books, who notices, and what corrects it."""

    @both_policies
    def test_a_lapsed_reservation_counts_as_its_policy_says(self, on_lapse: str) -> None:
        """Law 7: as spent at its amount, or as nothing, on every account of the call."""
        guard = self.guard(*_LIMITS, on_lapse=on_lapse)
        guard.reserve(ALICE, usd(1))
        self.clock.advance(seconds=_TTL_S)
        for kind in ("user", "project", "model", "global"):
            assert standing(guard, ALICE, kind) == (_POLICIES[on_lapse], 0)

    def test_it_lapses_at_its_time_and_not_a_microsecond_before(self) -> None:
        """Law 7: until then it can be ended as any other."""
        guard = self.guard(limit("user", USD), on_lapse="release")
        hold = guard.reserve(ALICE, usd(1), ttl_s=5)
        assert hold.lapses_us == self.clock.now_us + 5_000_000
        self.clock.advance(seconds=5, us=-1)
        assert standing(guard, ALICE, "user") == (USD, USD)
        self.clock.advance(us=1)
        assert standing(guard, ALICE, "user") == (0, 0)

    def test_ended_just_in_time_is_not_late(self) -> None:
        """Law 7: the last microsecond is in time, the next one is not."""
        guard = self.guard(*_LIMITS)
        first, second = (guard.reserve(ALICE, usd(1), ttl_s=5).reservation_id for _ in range(2))
        self.clock.advance(seconds=5, us=-1)
        assert not guard.settle(first, CENT).late
        self.clock.advance(us=1)
        assert guard.settle(second, CENT).late

    @pytest.mark.parametrize("verb", list(_NOTICED_BY))
    def test_whoever_comes_by_notices_a_lapse(self, verb: str) -> None:
        """Law 7: no background process; any call of any other user cleans up."""
        guard = self.guard(*_LIMITS, on_lapse="release")
        hold = guard.reserve(ALICE, usd(1))
        self.clock.advance(seconds=_TTL_S)
        _NOTICED_BY[verb](guard)
        self.clock.advance(us=-1)
        # The clock stands before the lapse again: only one that was carried out is seen.
        assert standing(guard, ALICE, "user") == (0, 0)
        with pytest.raises(ReservationError) as error:
            guard.lapse(hold.reservation_id)
        assert error.value.reason == "lapsed"

    def test_a_lapse_makes_room_for_the_call_that_notices_it(self) -> None:
        """Law 7: what a lapse gives back can be taken in the same moment."""
        guard = self.guard(limit("project", USD), on_lapse="release")
        guard.reserve(ALICE, usd(1))
        self.clock.advance(seconds=_TTL_S)
        guard.reserve(BOB, usd(1))
        self.clock.advance(seconds=_TTL_S)
        guard.check(ALICE, usd(1))

    @both_policies
    def test_any_number_lapsed_at_once_is_counted(self, on_lapse: str) -> None:
        """Law 7: more than one batch of them, and still the books are those after all lapses."""
        guard = self.guard(limit("global", 250 * CENT, window="total"), on_lapse=on_lapse)
        for number in range(250):
            guard.reserve(Subject(f"u{number}"), Amounts(CENT), ttl_s=1 + number % 3)
        self.clock.advance(seconds=3)
        left = 0 if on_lapse == "charge" else 250 * CENT
        if left:
            guard.reserve(ALICE, Amounts(left))
        assert standing(guard, ALICE, "global", "total") == (250 * CENT, left)
        assert standing(guard, Subject("u7"), "user") == (CENT if on_lapse == "charge" else 0, 0)

    @both_policies
    def test_charges_alone_clean_up_in_the_end(self, on_lapse: str) -> None:
        """Law 7: users who are never refused and never look clean up too, a batch at a time."""
        guard = self.guard(*_LIMITS, on_lapse=on_lapse)
        for _ in range(120):
            guard.reserve(ALICE, Amounts(CENT))
        self.clock.advance(seconds=_TTL_S)
        for _ in range(3):
            guard.charge(BOB, Amounts(0))
        self.clock.advance(us=-1)
        assert standing(guard, ALICE, "user") == (120 * CENT if on_lapse == "charge" else 0, 0)

    @pytest.mark.parametrize("noticed", [True, False])
    @pytest.mark.parametrize("verb", ["settle", "release"])
    @both_policies
    def test_a_late_ending_corrects_what_the_lapse_assumed(self, on_lapse: str, verb: str, noticed: bool) -> None:
        """Law 7: late settle books the true cost, late release nothing; both say that they were late."""
        guard = self.guard(*_LIMITS, on_lapse=on_lapse)
        hold = guard.reserve(ALICE, usd(1))
        self.clock.advance(seconds=DAY_S)
        if noticed:
            guard.usage(BOB)
        today = books(guard, ALICE) if noticed else None
        receipt = end(guard, verb, hold.reservation_id, 3 * USD)
        cost = 3 * USD if verb == "settle" else 0
        assert (receipt.late, receipt.amounts.usd_nanos) == (True, cost)
        assert set(books_of(self.ledger, (e.account for e in hold.entries)).values()) == {(cost, 0)}
        assert today is None or books(guard, ALICE) == today

    @both_policies
    def test_a_late_ending_repeated_counts_once(self, on_lapse: str) -> None:
        """Laws 4 and 7: a correction is a mutation as any other."""
        guard = self.guard(*_LIMITS, on_lapse=on_lapse)
        hold = guard.reserve(ALICE, usd(1))
        self.clock.advance(seconds=_TTL_S)
        answers = [guard.settle(hold.reservation_id, CENT) for _ in range(3)]
        assert [(a.late, a.replayed) for a in answers] == [(True, False), (True, True), (True, True)]
        assert standing(guard, ALICE, "user") == (CENT, 0)
        with pytest.raises(ReservationError) as error:
            guard.release(hold.reservation_id)
        assert error.value.reason == "settled"

    @both_policies
    def test_an_early_lapse_is_a_lapse(self, on_lapse: str) -> None:
        """A block left by an exception: booked as its lapse would, once, and a settle corrects it."""
        guard = self.guard(*_LIMITS, on_lapse=on_lapse)
        hold = guard.reserve(ALICE, usd(1))
        receipts = [guard.lapse(hold.reservation_id) for _ in range(2)]
        assert [(r.status, r.replayed) for r in receipts] == [("lapsed", False), ("lapsed", True)]
        assert standing(guard, ALICE, "user") == (_POLICIES[on_lapse], 0)
        self.clock.advance(seconds=_TTL_S)
        guard.usage(ALICE)
        assert guard.settle(hold.reservation_id, CENT).late
        assert standing(guard, ALICE, "user") == (CENT, 0)

    def test_the_policy_is_the_one_it_was_reserved_under(self) -> None:
        """Law 7: whoever notices the lapse, by whatever settings, carries out the reservation's own."""
        self.guard(*_LIMITS, on_lapse="release").reserve(ALICE, usd(1))
        other = self.guard(*_LIMITS, on_lapse="charge")
        self.clock.advance(seconds=_TTL_S)
        assert standing(other, ALICE, "user") == (0, 0)

    def test_a_lapse_is_forgotten_after_a_day(self) -> None:
        """Law 7: a late ending corrects while the record is kept, 24 h; then it is unknown."""
        self.needs_forgetting()
        guard = self.guard(*_LIMITS)
        first, second = (guard.reserve(ALICE, usd(1)) for _ in range(2))
        self.clock.advance(seconds=_TTL_S)
        guard.usage(ALICE)
        self.clock.advance(seconds=DAY_S - 1)
        assert guard.settle(first.reservation_id, CENT).late
        self.clock.advance(seconds=2)
        guard.charge(BOB, Amounts(1))
        assert guard.settle(first.reservation_id, CENT).replayed
        with pytest.raises(ReservationError) as error:
            guard.settle(second.reservation_id, CENT)
        assert error.value.reason == "unknown"
        accounts = [e.account for e in first.entries if e.account.scope.kind == "user"]
        assert set(books_of(self.ledger, accounts).values()) == {(USD + CENT, 0)}

    def test_an_account_that_expired_is_not_made_again(self) -> None:
        """A late ending leaves a forgotten account alone: it would come back without its past."""
        self.needs_forgetting()
        guard = self.guard(*_LIMITS, limit("user", 10 * USD, window="minute"))
        hold = guard.reserve(ALICE, usd(1))
        self.clock.advance(seconds=50 * HOUR_S)
        assert guard.settle(hold.reservation_id, CENT).late
        by_window = {e.account.window: e.account for e in hold.entries if e.account.scope.kind == "user"}
        found = books_of(self.ledger, by_window.values())
        assert found[by_window["day"].key] == (CENT, 0)
        guard.charge(BOB, Amounts(1))
        assert books_of(self.ledger, [by_window["minute"]])[by_window["minute"].key] == (0, 0)

    def test_an_account_is_forgotten_after_its_time(self) -> None:
        """A day's account lives a week more, a minute's two days: long enough for every late ending."""
        self.needs_forgetting()
        guard = self.guard(limit("user", USD), limit("user", USD, window="minute"), limit("user", USD, window="total"))
        accounts = [b.account for b in guard.charge(Subject("alice"), usd(1)).balances]
        forgotten = {"minute": datetime(2026, 11, 25, 13, 1, tzinfo=UTC), "day": datetime(2026, 12, 1, tzinfo=UTC)}
        for window, moment in forgotten.items():
            (account,) = [a for a in accounts if a.scope.kind == "user" and a.window == window]
            self.clock.set(moment)
            self.clock.advance(us=-1)
            guard.charge(BOB, Amounts(1))
            assert books_of(self.ledger, [account])[account.key] == (USD, 0)
            self.clock.advance(us=1)
            guard.charge(BOB, Amounts(1))
            assert books_of(self.ledger, [account])[account.key] == (0, 0)
        assert standing(guard, ALICE, "user", "total") == (USD, 0)
