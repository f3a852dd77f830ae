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

A test of an application needs no server, no pytest, and no sleep: a ledger in memory, and a clock of its own::

    clock = ManualClock()
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"), clock=clock)
    clock.advance(seconds=86400)
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from coreason_budget.testing.clock import ManualClock

if TYPE_CHECKING:
    from coreason_budget.testing.contract import LedgerContract

__all__ = ["LedgerContract", "ManualClock"]

# Without this a failed law would not show its values: pytest rewrites test files only.
_SUITES = ("admission", "books", "endings", "fork", "journal", "keys", "lapses", "races", "status", "walk")
if sys.modules.get("pytest") is not None:
    sys.modules["pytest"].register_assert_rewrite(*(f"{__name__}.{name}" for name in _SUITES))


def __getattr__(name: str) -> Any:
    """The contract where it is asked for: it needs pytest, and the clock does not."""
    if name != "LedgerContract":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from coreason_budget.testing.contract import LedgerContract

    return LedgerContract
