"""The contract on the ledger in memory."""

from coreason_budget.ledger.base import Clock, Ledger
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.testing import LedgerContract


class TestMemoryLedger(LedgerContract):
    """All laws, in one process: every handle is the one ledger."""

    _ledger: MemoryLedger | None = None

    def make_ledger(self, clock: Clock) -> Ledger:
        self._ledger = self._ledger or MemoryLedger(timeout_s=30, clock=clock)
        return self._ledger
