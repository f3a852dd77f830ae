"""Calls that are told in parts: each report says what the call came to so far, in any order, and the most is booked."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

import pytest

from coreason_budget.errors import IdempotencyConflictError, InvalidIdError
from coreason_budget.model import Amounts
from coreason_budget.testing.corrections import LIMITS, figures, stand
from coreason_budget.testing.kit import ALICE, BOB, USD, LedgerKit, books, standing, usd

_REPORTS = (Amounts(2, 8), Amounts(2, 3), Amounts(159, 5))
"""Three reports of one answer: cost and tokens do not grow together."""


class ReportLaws(LedgerKit):
    """What a cumulative charge books."""

    @pytest.mark.parametrize("order", [*permutations(range(3))])
    def test_the_largest_of_several_reports_is_booked(self, order: tuple[int, ...]) -> None:
        """In any order, under one key, unit by unit; a late partial one lowers nothing."""
        guard = self.guard(*LIMITS)
        for number in order:
            guard.charge(ALICE, _REPORTS[number], idempotency_key="answer", cumulative=True)
        assert stand(guard) == (159, 8, 1)
        last = guard.charge(ALICE, Amounts(1), idempotency_key="answer", cumulative=True)
        assert figures(last) == ("unchanged", 159, 159, True)
        assert stand(guard) == (159, 8, 1)

    def test_a_report_says_what_it_added(self) -> None:
        """Recorded, then corrected with both amounts, then unchanged."""
        guard = self.guard(*LIMITS)
        said = [
            figures(guard.charge(ALICE, amounts, idempotency_key="answer", cumulative=True)) for amounts in _REPORTS
        ]
        assert said == [("recorded", 2, None, False), ("unchanged", 2, 2, True), ("corrected", 159, 2, False)]

    def test_reports_of_one_key_are_of_one_call(self) -> None:
        """Law 4: another subject is a conflict, and so is a call that is not reported in parts."""
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="answer", cumulative=True)
        guard.charge(ALICE, usd(1), idempotency_key="plain")
        before = books(guard, ALICE, BOB)
        for act in (
            lambda: guard.charge(BOB, usd(2), idempotency_key="answer", cumulative=True),
            lambda: guard.charge(ALICE, usd(2), idempotency_key="answer"),
            lambda: guard.charge(ALICE, usd(2), idempotency_key="plain", cumulative=True),
            lambda: guard.reserve(ALICE, usd(2), idempotency_key="answer"),
        ):
            with pytest.raises(IdempotencyConflictError):
                act()
        with pytest.raises(InvalidIdError, match="idempotency_key"):
            guard.charge(ALICE, usd(2), cumulative=True)
        assert books(guard, ALICE, BOB) == before

    def test_a_report_after_midnight_is_in_the_windows_of_the_first(self) -> None:
        """Law 5: the answer began yesterday; today has nothing of it."""
        self.clock.set(datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC))
        guard = self.guard(*LIMITS)
        guard.charge(ALICE, usd(1), idempotency_key="answer", cumulative=True)
        self.clock.advance(seconds=2)
        receipt = guard.charge(ALICE, usd(3), idempotency_key="answer", cumulative=True)
        assert standing(guard, ALICE, "user") == (0, 0)
        assert {b.used_units for b in receipt.balances if b.unit == "usd"} == {3 * USD}
