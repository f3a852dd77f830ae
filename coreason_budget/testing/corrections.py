"""Corrections: what was booked is booked otherwise, by the difference, once, and in the accounts it is in."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from coreason_budget.errors import (
    BudgetError,
    BudgetExceededError,
    IdempotencyConflictError,
    InvalidAmountError,
    ReservationError,
)
from coreason_budget.guard import BudgetGuard
from coreason_budget.model import Amounts
from coreason_budget.money import MAX_OPERATION_NANOS
from coreason_budget.standing import Receipt
from coreason_budget.testing.kit import ALICE, BOB, CENT, DAY_S, HOUR_S, USD, LedgerKit, books, limit, standing, usd

LIMITS = (
    limit("user", 10 * USD),
    limit("user", 1000, unit="tokens"),
    limit("user", 50, unit="requests"),
    limit("global", 100 * USD),
)


def stand(guard: BudgetGuard) -> tuple[int, ...]:
    """What Alice has spent, in each unit."""
    return tuple(standing(guard, ALICE, "user", unit=unit)[0] for unit in ("usd", "tokens", "requests"))


def figures(receipt: Receipt) -> tuple[str, int, int | None, bool]:
    """What a receipt says of what was booked, and of what was before."""
    before = None if receipt.before is None else receipt.before.usd_nanos
    return receipt.status, receipt.amounts.usd_nanos, before, receipt.replayed


class CorrectionLaws(LedgerKit):
    """What a correction books, of what, and how often."""

    def test_a_charge_is_corrected_by_its_key(self) -> None:
        """Every account of it moves by the difference, and the receipt has both amounts."""
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, Amounts(USD, 10), idempotency_key="call")
        receipt = guard.correct("call", 3 * USD, 25)
        assert figures(receipt) == ("corrected", 3 * USD, USD, False)
        assert (receipt.difference_usd, receipt.added) == (Decimal(2), Amounts(2 * USD, 15, 0))
        for kind in ("user", "project", "global"):
            assert standing(guard, ALICE, kind) == (3 * USD, 0)
        assert stand(guard) == (3 * USD, 25, 1)

    @pytest.mark.parametrize("named_by", ["reservation", "its key", "the settle's key"])
    def test_a_settle_is_corrected_however_it_is_named(self, named_by: str) -> None:
        """By the reservation's id, its own op id, or the key that the settle had."""
        guard = self.guard(*LIMITS)
        hold = guard.reserve(ALICE, usd(5), idempotency_key="job.1")
        guard.settle(hold.reservation_id, CENT, 7, idempotency_key="end")
        booking = {"reservation": hold.reservation_id, "its key": "job.1", "the settle's key": "end"}[named_by]
        receipt = guard.correct(booking, 2 * CENT)
        assert figures(receipt) == ("corrected", 2 * CENT, CENT, False)
        assert receipt.reservation_id == hold.reservation_id
        assert stand(guard) == (2 * CENT, 7, 1)

    def test_a_reservation_is_corrected_by_its_whole_id(self) -> None:
        """Law 11: its secret is part of it; a made id without a key is one too."""
        guard = self.guard(*LIMITS)
        keyed = guard.reserve(ALICE, usd(1), idempotency_key="job").reservation_id
        guard.settle(keyed, CENT)
        with pytest.raises(ReservationError) as error:
            guard.correct("guessed.job", USD)
        assert error.value.reason == "unknown"
        made = guard.reserve(ALICE, usd(1)).reservation_id
        guard.settle(made, CENT)
        assert guard.correct(made, 2 * CENT).reservation_id == made
        assert standing(guard, ALICE, "user") == (3 * CENT, 0)

    def test_an_id_that_is_a_key_and_looks_like_a_reservations_is_the_key(self) -> None:
        """Law 11: whatever characters a key holds."""
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="a.b")
        guard.charge(BOB, usd(1), idempotency_key="b")
        guard.correct("a.b", 2 * USD)
        assert (standing(guard, ALICE, "user")[0], standing(guard, BOB, "user")[0]) == (2 * USD, USD)

    def test_what_is_told_lower_lowers_only_where_that_is_asked_for(self) -> None:
        """The most of what stands and what is told; with leave to lower, what is told."""
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, Amounts(USD, 10), idempotency_key="call")
        assert figures(guard.correct("call", CENT, 12)) == ("corrected", USD, USD, False)
        assert stand(guard) == (USD, 12, 1)
        assert figures(guard.correct("call", CENT, 3)) == ("unchanged", USD, USD, False)
        receipt = guard.correct("call", CENT, 3, only_up=False)
        assert (receipt.difference_usd, receipt.added.tokens) == (receipt.cost_usd - 1, -9)
        assert stand(guard) == (CENT, 3, 1)

    def test_a_charge_that_never_was_is_taken_back_whole(self) -> None:
        """Nothing of it stays, no token and no request: what it took is there again."""
        guard = self.guard(limit("user", USD), limit("user", 1, unit="requests"))
        guard.charge(ALICE, Amounts(USD, 10), idempotency_key="mistake")
        with pytest.raises(BudgetExceededError):
            guard.reserve(ALICE, usd(1))
        guard.correct("mistake", 0, 0, 0, only_up=False)
        assert set(books(guard, ALICE).values()) == {(0, 0)}
        guard.reserve(ALICE, usd(1))

    def test_a_correction_leaves_open_reservations_as_they_are(self) -> None:
        """Law 12: what others hold on the same accounts is theirs."""
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="call")
        guard.reserve(ALICE, usd(2))
        guard.correct("call", 0, only_up=False)
        assert standing(guard, ALICE, "user") == (2 * USD, 2 * USD)

    def test_a_correction_past_a_limit_is_booked_in_full(self) -> None:
        """Law 2: it was spent; the next admission is refused."""
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="call")
        guard.correct("call", 30 * USD)
        assert standing(guard, ALICE, "user") == (30 * USD, 0)
        with pytest.raises(BudgetExceededError):
            guard.reserve(ALICE, usd(1))

    def test_the_same_correction_counts_once(self) -> None:
        """Law 4: with its key it is a replay that says the same, whatever came after; with other content a conflict."""
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="call")
        first = guard.correct("call", 3 * USD, idempotency_key="fix")
        guard.correct("call", CENT, only_up=False, idempotency_key="fix 2")
        again = guard.correct("call", 3 * USD, idempotency_key="fix")
        assert figures(again) == (*figures(first)[:3], True)
        assert standing(guard, ALICE, "user") == (CENT, 0)
        acts: tuple[Callable[[], object], ...] = (
            lambda: guard.correct("call", 4 * USD, idempotency_key="fix"),
            lambda: guard.correct("call", 3 * USD, only_up=False, idempotency_key="fix"),
            lambda: guard.correct("call", 3 * USD, 0, idempotency_key="fix"),
            lambda: guard.correct("fix 2", 3 * USD, idempotency_key="fix"),
            lambda: guard.correct("call", 3 * USD, idempotency_key="call"),
            lambda: guard.charge(ALICE, usd(3), idempotency_key="fix"),
        )
        for act in acts:
            with pytest.raises(IdempotencyConflictError):
                act()
        assert standing(guard, ALICE, "user") == (CENT, 0)

    def test_a_correction_without_a_key_can_be_found_out_about(self) -> None:
        """The receipt's op id is the key that was made for it."""
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="call")
        first = guard.correct("call", 3 * USD)
        assert guard.correct("call", 3 * USD, idempotency_key=first.op_id).replayed

    def test_what_was_booked_still_answers_as_it_did(self) -> None:
        """Law 4: a charge or a settle that is sent again has the amount it booked; the books have the correction."""
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="call")
        hold = guard.reserve(ALICE, usd(1))
        guard.settle(hold.reservation_id, CENT, idempotency_key="end")
        guard.correct("call", 2 * USD)
        guard.correct("end", 2 * CENT)
        assert figures(guard.charge(ALICE, usd(1), idempotency_key="call")) == ("recorded", USD, None, True)
        again = guard.settle(hold.reservation_id, CENT, idempotency_key="end")
        assert figures(again) == ("settled", CENT, None, True)
        assert standing(guard, ALICE, "user") == (2 * USD + 2 * CENT, 0)

    @pytest.mark.parametrize("state", ["open", "released", "lapsed"])
    @pytest.mark.parametrize("by_key", [True, False])
    def test_a_reservation_that_booked_nothing_for_good_is_not_corrected(self, state: str, by_key: bool) -> None:
        """An open one is to be settled, a lapsed one settled late, a released one booked nothing; nothing changes."""
        guard = self.guard(*LIMITS)
        hold = guard.reserve(ALICE, usd(1), idempotency_key="job")
        if state == "released":
            guard.release(hold.reservation_id)
        elif state == "lapsed":
            self.clock.advance(seconds=600)
        before = books(guard, ALICE)
        booking = "job" if by_key else hold.reservation_id
        with pytest.raises(ReservationError, match=booking) as error:
            guard.correct(booking, 2 * USD, only_up=False)
        assert (error.value.reason, error.value.reservation_id) == (state, booking)
        assert books(guard, ALICE) == before
        if state == "lapsed":
            assert guard.settle(hold.reservation_id, 2 * USD).late
            assert figures(guard.correct(booking, 3 * USD)) == ("corrected", 3 * USD, 2 * USD, False)

    def test_what_is_not_known_is_a_named_error(self) -> None:
        """A made up id, and a correction's own key: nothing is booked under them."""
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="call")
        guard.correct("call", 2 * USD, idempotency_key="fix")
        before = books(guard, ALICE)
        for booking in ("nobody", "secret.call", ".", "call.", ".call", "fix"):
            with pytest.raises(ReservationError) as error:
                guard.correct(booking, 3 * USD)
            assert error.value.reason == "unknown"
        assert books(guard, ALICE) == before

    def test_what_cannot_be_an_amount_corrects_nothing(self) -> None:
        """Law 10: before anything is written; and what the pricing raises comes through."""
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="call")
        before = books(guard, ALICE)

        def unknown(model: str | None) -> int:
            raise BudgetError(f"no price for {model}")

        for cost, *counts in ((-1,), (MAX_OPERATION_NANOS + 1,), (1, -1), (1, 1, -1)):
            with pytest.raises(InvalidAmountError):
                guard.correct("call", cost, *counts)
        with pytest.raises(BudgetError, match="no price for gpt-4o"):
            guard.correct("call", unknown, content={"usage": 1})
        assert books(guard, ALICE) == before

    def test_a_corrections_place_in_the_journal(self) -> None:
        """Its own kind, with both amounts, and movements that add up with all others."""
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, Amounts(USD, 10), idempotency_key="call")
        guard.correct("call", CENT, idempotency_key="fix", only_up=False)
        guard.charge(BOB, Amounts(1), idempotency_key="answer", cumulative=True)
        guard.charge(BOB, Amounts(4), idempotency_key="answer", cumulative=True)
        guard.charge(BOB, Amounts(2), idempotency_key="answer", cumulative=True)
        entries = list(self.ledger.journal())
        assert [e.kind for e in entries] == ["begin", "charge", "correct", "charge", "correct"]
        fixed, raised = entries[2], entries[4]
        assert (fixed.op_id, fixed.corrects, fixed.reserved_as) == ("fix", "call", "")
        assert (fixed.before, fixed.amounts, fixed.spent_nanos) == (Amounts(USD, 10), Amounts(CENT, 10), CENT - USD)
        assert (raised.op_id, raised.corrects, raised.before, raised.amounts) == (
            "answer", "answer", Amounts(1), Amounts(4),
        )  # fmt: skip
        assert sum(e.spent_nanos for e in entries) == standing(guard, ALICE, "global")[0] == CENT + 4

    def test_a_booking_is_corrected_while_its_key_is_remembered(self) -> None:
        """24 h from the last that was booked under it, and not at all after that."""
        self.needs_forgetting()
        guard = self.guard(limit("user", 10 * USD, window="total"))
        guard.charge(ALICE, usd(1), idempotency_key="call")
        for cost in (2 * USD, 3 * USD):
            self.clock.advance(seconds=DAY_S - 1)
            guard.correct("call", cost)
        self.clock.advance(seconds=DAY_S + 1)
        self._is_forgotten(guard, "call")
        assert standing(guard, ALICE, "user", "total") == (3 * USD, 0)

    def test_a_booking_with_a_made_key_is_corrected_for_an_hour(self) -> None:
        """1 h from the last that was booked under it."""
        self.needs_forgetting()
        guard = self.guard(limit("user", 10 * USD, window="total"))
        made = guard.charge(ALICE, usd(1)).op_id
        self.clock.advance(seconds=HOUR_S - 1)
        guard.correct(made, 2 * USD)
        self.clock.advance(seconds=HOUR_S + 1)
        self._is_forgotten(guard, made)

    def _is_forgotten(self, guard: BudgetGuard, booking: str) -> None:
        with pytest.raises(ReservationError) as error:
            guard.correct(booking, 9 * USD)
        assert error.value.reason == "unknown"

    def test_an_account_past_its_life_is_not_made_again(self) -> None:
        """A correction moves what is still kept; the rest has been and gone."""
        self.needs_forgetting()
        guard = self.guard(limit("user", 10 * USD, window="minute"), limit("user", 10 * USD))
        charged = guard.charge(ALICE, usd(1), idempotency_key="call").balances
        minute = next(b.account for b in charged if b.window == "minute")
        for cost in (2, 3, 4):
            self.clock.advance(seconds=20 * HOUR_S)
            receipt = guard.correct("call", cost * USD)
        moved = {m.account.window for m in list(self.ledger.journal())[-1].movements}
        assert (receipt.status, receipt.difference_usd) == ("corrected", Decimal(1))
        assert moved == {"day"}
        assert minute.key not in set(self.ledger.accounts())
