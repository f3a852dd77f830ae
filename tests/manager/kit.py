"""Managers for tests, and ledgers that must not be asked or lose an answer."""

from datetime import UTC, datetime

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import (
    OutcomeUnknownError,
)
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.ledger.record import op_id_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PRICES = {"my-model": {"input_cost_per_token": "0.01", "output_cost_per_token": "0.02", "outrageous": True}}
DEARER = {"my-model": {"input_cost_per_token": "1", "output_cost_per_token": "2", "outrageous": True}}


class Untouchable:
    """A ledger that must not be asked anything."""

    name = "untouchable"

    def __getattr__(self, verb):
        raise AssertionError(f"the ledger was asked to {verb}")


class Unsure:
    """A ledger in memory that loses the next mutation's answer: before it is applied, or after."""

    name = "unsure"

    def __init__(self):
        self._ledger = MemoryLedger()
        self.lose = None

    def __getattr__(self, verb):
        method = getattr(self._ledger, verb)

        def call(request):
            lose, self.lose = self.lose, None
            op_id = getattr(request, "op_id", None) or op_id_of(getattr(request, "reservation_id", ""))
            if lose == "before":
                raise OutcomeUnknownError("no answer", op_id=op_id)
            answer = method(request)
            if lose == "after":
                raise OutcomeUnknownError("no answer", op_id=op_id)
            return answer

        return call


def make(ledger=None, **settings):
    """A manager; left out, its ledger is in memory."""
    settings.setdefault("model_price_overrides", PRICES)
    if ledger is None:
        settings.setdefault("ledger_url", "memory://")
    return BudgetManager(BudgetConfig(**settings), ledger=ledger)


def books(budget):
    """What every scope of alice's calls has spent and reserved."""
    return {b.scope: (b.spent, b.reserved) for b in budget.usage("alice", "alpha", "my-model", {"team": "search"})}


def spent(budget, scope="user/alice"):
    """What a scope has spent."""
    return books(budget)[scope][0]
