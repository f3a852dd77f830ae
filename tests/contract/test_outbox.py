"""The contract on a ledger with an outbox before it: while nothing waits, it is the ledger."""

from pathlib import Path
from typing import Any

import pytest

from coreason_budget.ledger.base import Clock
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.limits import LimitBook, LiveBook
from coreason_budget.model import Amounts
from coreason_budget.outbox import OutboxLedger, Store, open_outbox
from coreason_budget.testing import LedgerContract
from coreason_budget.testing.kit import ALICE, DAY_S, USD, limit
from coreason_budget.windows import Calendar


def _not_needed(content: Any) -> Any:
    raise AssertionError("nothing waits")


class TestOutbox(LedgerContract):
    """All laws; but made keys are remembered as long as an outbox may hold their spend."""

    _ledger: OutboxLedger | None = None

    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path) -> None:
        self._file = tmp_path / "spend.outbox"

    def make_ledger(self, clock: Clock) -> OutboxLedger:
        self._ledger = self._ledger or open_outbox(
            Store(self._file, "contract", 5),
            MemoryLedger(timeout_s=30, clock=clock),
            LiveBook(LimitBook((), Calendar())),
            pricer=_not_needed,
            delivered=lambda op_id, outcome: None,
            clock=clock,
        )
        return self._ledger

    def test_a_made_key_is_remembered_for_an_hour(self) -> None:
        """A day, not an hour."""
        guard = self.guard(limit("user", USD))
        op_id = guard.charge(ALICE, Amounts(1)).op_id
        self.clock.advance(seconds=DAY_S - 1)
        assert guard.charge(ALICE, Amounts(1), idempotency_key=op_id).replayed
        self.clock.advance(seconds=2)
        assert not guard.charge(ALICE, Amounts(1), idempotency_key=op_id).replayed

    def test_a_booking_with_a_made_key_is_corrected_for_an_hour(self) -> None:
        """A day, not an hour."""
        guard = self.guard(limit("user", USD))
        op_id = guard.charge(ALICE, Amounts(1)).op_id
        self.clock.advance(seconds=DAY_S - 1)
        assert guard.correct(op_id, 2).status == "corrected"
