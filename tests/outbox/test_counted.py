"""What waits in the outbox counts as spent, until it is booked."""

from __future__ import annotations

import pytest

from coreason_budget import (
    BudgetExceededError,
    BudgetManager,
)
from tests.outbox.kit import Flaky, queued, run, spent


def _stuck(budget: BudgetManager, ledger: Flaky, cost: int) -> None:
    """Leave one entry of alice that is never delivered."""
    ledger.state = "down"
    queued(lambda: budget.record_spend("alice", cost, idempotency_key="stuck"))
    run(budget.outbox.path, "UPDATE entry SET state = 'failed'")  # type: ignore[union-attr]
    ledger.state = "up"


def test_what_waits_counts_for_its_subject(budget: BudgetManager, ledger: Flaky) -> None:
    """A check, a reserve and a usage take it as spent, in every window; others have what they had."""
    _stuck(budget, ledger, 8)
    assert budget.check_availability("alice", estimated_cost=2).remaining_usd == 2
    assert [b.remaining for b in budget.reserve("alice", 2).balances if b.scope == "user/alice"] == [0]
    for refuse in (lambda: budget.reserve("alice", "0.01"), lambda: budget.check_availability("alice")):
        with pytest.raises(
            BudgetExceededError, match=r"0\.00 USD of 10\.00 USD per day left \(8\.00 USD spent"
        ) as caught:
            refuse()
        error = caught.value
        assert (error.limit, error.spent, error.reserved, error.reason) == (10, 8, 2, "busy")
    assert [b.spent for b in budget.usage("alice")] == [8, 8]
    assert budget.reserve("bob", 10).reserved_usd == 10
    assert spent(budget) == 0


def test_a_replayed_reserve_is_admitted_whatever_waits(budget: BudgetManager, ledger: Flaky) -> None:
    """It was admitted before; that it waits changes nothing about it."""
    first = budget.reserve("alice", 5, idempotency_key="k")
    _stuck(budget, ledger, 8)
    assert budget.reserve("alice", 5, idempotency_key="k").id == first.id


def test_a_full_outbox_does_not_admit(budget: BudgetManager, ledger: Flaky) -> None:
    """Past the limit by what waits alone: refused as spent."""
    _stuck(budget, ledger, 11)
    with pytest.raises(BudgetExceededError) as caught:
        budget.reserve("alice", 1)
    assert (caught.value.reason, caught.value.spent) == ("spent", 11)
