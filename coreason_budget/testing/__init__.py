"""For whoever writes a ledger: a contract suite that proves the laws on it, and a manual clock.

A ledger is a class with the methods of `coreason_budget.ledger.base.Backend`. It decides
nothing itself: it reads what is known, asks `coreason_budget.ledger.rules` what that means, and
carries the answer out atomically. One whose transactions run one after another (a lock, a
database) is quickest written as a `coreason_budget.ledger.serial.SerialLedger`: give it its two
kinds of transaction, and the verbs are there.

Its test is this, with pytest::

    from functools import partial
    from coreason_budget.testing import LedgerContract

    class TestMyLedger(LedgerContract):
        across_processes = True

        @pytest.fixture(autouse=True)
        def _place(self, tmp_path):
            self.path = tmp_path / "budgets"

        def make_ledger(self, clock):
            return MyLedger(self.path, timeout_s=30, clock=clock)

        def open_elsewhere(self, clock):
            return partial(MyLedger, self.path, timeout_s=30, clock=clock)

Tests that need real processes are marked ``processes``; register that marker in the settings of
pytest, and leave them out with ``-m "not processes"`` where seconds count.

A test of an application takes its time from a `ManualClock`::

    clock = ManualClock()
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"), clock=clock)
    clock.advance(seconds=86400)
"""

import pytest

# Without this a failed law would not show its values: pytest rewrites test files only.
_SUITES = ("admission", "books", "endings", "fork", "journal", "keys", "lapses", "races", "status", "walk")
pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in _SUITES))

from coreason_budget.testing.clock import ManualClock  # noqa: E402
from coreason_budget.testing.contract import LedgerContract  # noqa: E402

__all__ = ["LedgerContract", "ManualClock"]
