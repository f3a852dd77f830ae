"""Laws 5 and 6: a reservation ends once, in the windows that admitted it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from coreason_budget.errors import BudgetError, ReservationError
from coreason_budget.guard import BudgetGuard
from coreason_budget.model import Amounts, Subject
from coreason_budget.standing import Receipt
from coreason_budget.testing.kit import ALICE, CENT, USD, LedgerKit, books, books_of, limit, standing, usd

_LIMITS = (limit("user", 10 * USD), limit("user", 1000, unit="tokens"), limit("global", 100 * USD))
_ENDS = ("settle", "release", "lapse")


def end(guard: BudgetGuard, verb: str, reservation_id: str, cost: int = CENT) -> Receipt:
    """End a reservation by the verb's name."""
    if verb == "settle":
        return guard.settle(reservation_id, cost)
    return guard.release(reservation_id) if verb == "release" else guard.lapse(reservation_id)


class EndingLaws(LedgerKit):
    """What settle and release book, where, and how often."""

    @pytest.mark.parametrize("cost", [0, 1, CENT, USD, 50 * USD])
    def test_settle_books_the_true_cost_and_gives_the_rest_back(self, cost: int) -> None:
        """Law 2: booked is what the call cost, less or more than what was held."""
        guard = self.guard(*_LIMITS)
        receipt = guard.settle(guard.reserve(ALICE, usd(1)).reservation_id, cost)
        assert (receipt.status, receipt.amounts.usd_nanos, receipt.late) == ("settled", cost, False)
        for kind in ("user", "project", "global"):
            assert standing(guard, ALICE, kind) == (cost, 0)

    def test_release_books_nothing(self) -> None:
        """A released reservation was never there."""
        guard = self.guard(*_LIMITS)
        before = books(guard, ALICE)
        receipt = guard.release(guard.reserve(ALICE, Amounts(USD, 70)).reservation_id)
        assert (receipt.status, receipt.amounts) == ("released", Amounts(0, 0, 0))
        assert books(guard, ALICE) == before

    def test_settle_books_the_tokens_it_names_or_those_reserved(self) -> None:
        """Tokens that the caller does not name are those it reserved."""
        guard = self.guard(*_LIMITS)
        guard.settle(guard.reserve(ALICE, Amounts(USD, 70)).reservation_id, CENT, 50)
        assert standing(guard, ALICE, "user", unit="tokens") == (50, 0)
        guard.settle(guard.reserve(ALICE, Amounts(USD, 70)).reservation_id, CENT)
        assert standing(guard, ALICE, "user", unit="tokens") == (120, 0)

    def test_the_callers_entries_change_nothing_but_the_way(self) -> None:
        """A handle may bring its accounts along; the books are the same."""
        guard = self.guard(*_LIMITS)
        hold = guard.reserve(ALICE, usd(1))
        guard.settle(hold.reservation_id, CENT, entries=hold.entries)
        hold = guard.reserve(ALICE, usd(1))
        guard.release(hold.reservation_id, entries=hold.entries)
        assert standing(guard, ALICE, "user") == (CENT, 0)

    def test_cost_may_be_told_from_the_reserved_model(self) -> None:
        """Whoever keeps only the id is priced by the model that was reserved for."""
        guard = self.guard(*_LIMITS)
        hold = guard.reserve(ALICE, usd(1))
        prices = {"gpt-4o": 3 * CENT}
        guard.settle(hold.reservation_id, lambda model: prices[str(model)], content={"c": "c"})
        assert standing(guard, ALICE, "user") == (3 * CENT, 0)

    def test_a_cost_that_cannot_be_told_changes_nothing(self) -> None:
        """What the pricing raises comes through, and the reservation is still open."""
        guard = self.guard(*_LIMITS)
        hold = guard.reserve(ALICE, usd(1))
        before = books(guard, ALICE)

        def unknown(model: str | None) -> int:
            raise BudgetError("no price")

        with pytest.raises(BudgetError, match="no price"):
            guard.settle(hold.reservation_id, unknown, content={"c": "c"})
        assert books(guard, ALICE) == before
        assert not guard.settle(hold.reservation_id, CENT).replayed

    @pytest.mark.parametrize("verb", _ENDS)
    def test_an_ending_after_midnight_is_in_the_windows_that_admitted(self, verb: str) -> None:
        """Law 5: it books yesterday, and leaves nothing in today's accounts."""
        self.clock.set(datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC))
        guard = self.guard(*_LIMITS, limit("user", 10 * USD, window="minute"), limit("user", 10 * USD, window="month"))
        hold = guard.reserve(ALICE, usd(1))
        self.clock.advance(seconds=60)
        today = books(guard, ALICE)
        receipt = end(guard, verb, hold.reservation_id)
        booked = {"settle": CENT, "release": 0, "lapse": USD}[verb]
        yesterday = books_of(self.ledger, (e.account for e in hold.entries if e.account.unit == "usd"))
        assert set(yesterday.values()) == {(booked, 0)}
        assert [b.account.key for b in receipt.balances] == [e.account.key for e in hold.entries]
        assert books(guard, ALICE) == today
        assert set(today.values()) == {(0, 0)}

    def test_yesterdays_reservation_takes_nothing_of_today(self) -> None:
        """Law 5: after midnight the whole of the new day can be reserved."""
        guard = self.guard(limit("user", USD))
        self.clock.set(datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC))
        hold = guard.reserve(ALICE, usd(1))
        self.clock.advance(seconds=1)
        guard.reserve(ALICE, usd(1))
        guard.settle(hold.reservation_id, 9 * USD)
        assert standing(guard, ALICE, "user") == (USD, USD)

    @pytest.mark.parametrize("second", _ENDS)
    @pytest.mark.parametrize("first", ["settle", "release"])
    def test_a_reservation_ends_at_most_once(self, first: str, second: str) -> None:
        """Law 6: another ending is an error that names the first, and changes nothing."""
        guard = self.guard(*_LIMITS)
        reservation_id = guard.reserve(ALICE, usd(1)).reservation_id
        end(guard, first, reservation_id)
        before = books(guard, ALICE)
        with pytest.raises(ReservationError) as error:
            self._end_with_key(guard, second, reservation_id)
        assert (error.value.reason, error.value.reservation_id) == (f"{first}d", reservation_id)
        assert books(guard, ALICE) == before

    @pytest.mark.parametrize("verb", _ENDS)
    def test_a_reservation_that_is_not_known_is_a_named_error(self, verb: str) -> None:
        """A made up id, a charge's op id, a wrong secret, a bare key, no key: all unknown, all alike."""
        guard = self.guard(*_LIMITS)
        charge = guard.charge(ALICE, usd(1), idempotency_key="charge").op_id
        real = guard.reserve(ALICE, usd(1), idempotency_key="job-1").reservation_id
        before = books(guard, ALICE)
        for wrong in (
            "nobody",
            charge,
            "job-1",
            "guessed.job-1",
            ".job-1",
            "guessed.",
            ".",
            real + "x",
            f"{real}.job-1",
        ):
            with pytest.raises(ReservationError) as error:
                end(guard, verb, wrong)
            assert (error.value.reason, error.value.reservation_id) == ("unknown", wrong)
        assert books(guard, ALICE) == before

    def test_ids_of_reservations_cannot_be_guessed(self) -> None:
        """Not from the key, nor from another id: 16 random bytes at least."""
        guard = self.guard(*_LIMITS)
        made = [guard.reserve(Subject("u"), Amounts(1)).reservation_id for _ in range(3)]
        keyed = guard.reserve(Subject("u"), Amounts(1), idempotency_key="job-1").reservation_id
        assert keyed.endswith(".job-1")
        assert len({*made, keyed}) == 4
        assert all(len(id.removesuffix(".job-1")) >= 22 for id in (*made, keyed))

    def _end_with_key(self, guard: BudgetGuard, verb: str, reservation_id: str) -> object:
        if verb == "settle":
            return guard.settle(reservation_id, CENT, idempotency_key="another")
        if verb == "release":
            return guard.release(reservation_id, idempotency_key="another")
        return guard.lapse(reservation_id)
