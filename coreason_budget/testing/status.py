"""What a ledger tells whoever runs it."""

from __future__ import annotations

from coreason_budget.testing.kit import ALICE, BOB, USD, LedgerKit, books, limit, usd


class StatusLaws(LedgerKit):
    """A healthy ledger says so, and there is nothing to accept."""

    def test_a_new_ledger_is_healthy(self) -> None:
        """Before its first operation, too; and asking changes nothing."""
        for _ in range(2):
            status = self.ledger.status()
            assert (status.trouble, status.open_reservations) == ("", 0)

    def test_open_reservations_are_counted(self) -> None:
        """Those that are open, through whichever handle."""
        guard = self.guard(limit("user", USD))
        holds = [guard.reserve(ALICE, usd(0.1)) for _ in range(3)]
        guard.charge(BOB, usd(0.1))
        assert self.another().status().open_reservations == 3
        guard.settle(holds[0].reservation_id, 1)
        guard.release(holds[1].reservation_id)
        assert self.ledger.status().open_reservations == 1
        assert self.another().status().trouble == ""

    def test_accepting_a_healthy_ledger_changes_nothing(self) -> None:
        """There is nothing to accept."""
        guard = self.guard(limit("user", USD))
        guard.reserve(ALICE, usd(0.1))
        before, status = books(guard, ALICE), self.ledger.status()
        assert self.ledger.accept() is False
        assert self.another().accept() is False
        assert (books(guard, ALICE), self.ledger.status()) == (before, status)
