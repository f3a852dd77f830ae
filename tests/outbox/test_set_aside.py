"""What could be booked twice, or never can be, is set aside and kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from coreason_budget import (
    BudgetManager,
    LedgerUnavailableError,
)
from coreason_budget.testing import ManualClock
from tests.outbox.kit import Flaky, queued, run, spent, states


def test_what_may_be_booked_and_forgotten_is_held(budget: BudgetManager, ledger: Flaky, clock: ManualClock) -> None:
    """Sent without an answer and older than the ledger's memory: not sent again unless somebody decides."""
    ledger.state = "loses answers"
    queued(lambda: budget.record_spend("alice", 3, idempotency_key="k"))
    clock.advance(seconds=25 * 3600)
    ledger.state = "up"
    budget.usage("alice")
    assert states(budget) == [("k", "doubtful")]
    assert budget.check_availability("alice").remaining_usd == 7, "it counts, twice rather than not"
    assert budget.outbox is not None
    assert budget.outbox.flush().doubtful == 1
    assert budget.outbox.flush(force=True).delivered == 1
    assert states(budget) == []


def test_within_the_ledgers_memory_it_is_a_replay(budget: BudgetManager, ledger: Flaky, clock: ManualClock) -> None:
    """Made keys are remembered for a day where there is an outbox."""
    ledger.state = "loses answers"
    error = queued(lambda: budget.record_spend("alice", 3))
    clock.advance(seconds=22 * 3600)
    ledger.state = "up"
    assert budget.outbox is not None
    assert budget.outbox.flush().delivered == 1
    assert budget.record_spend("alice", 3, idempotency_key=error.op_id).replayed


def test_what_was_never_sent_is_safe_at_any_age(budget: BudgetManager, ledger: Flaky, clock: ManualClock) -> None:
    """Nothing can have booked it: neither the call nor a delivery that found nobody."""
    ledger.state = "down"
    queued(lambda: budget.record_spend("alice", 3))
    with pytest.raises(LedgerUnavailableError):
        budget.usage("alice")
    clock.advance(seconds=30 * 24 * 3600)
    ledger.state = "up"
    budget.usage("alice")
    assert (states(budget), spent(budget)) == ([], 3)


def test_a_delivery_without_an_answer_puts_in_doubt(budget: BudgetManager, ledger: Flaky, clock: ManualClock) -> None:
    """From then on it may be booked, though the call itself was never sent."""
    ledger.state = "down"
    queued(lambda: budget.record_spend("alice", 3, idempotency_key="k"))
    ledger.state = "loses answers"
    with pytest.raises(LedgerUnavailableError):
        budget.usage("alice")
    clock.advance(seconds=25 * 3600)
    ledger.state = "up"
    budget.usage("alice")
    assert states(budget) == [("k", "doubtful")]


def test_what_the_ledger_will_never_take_lets_the_others_pass(budget: BudgetManager, ledger: Flaky) -> None:
    """It is set aside with its reason, and never dropped."""
    ledger.state = "down"
    queued(lambda: budget.settle("no-such-reservation", 1))
    queued(lambda: budget.record_spend("alice", 3))
    ledger.state = "up"
    assert budget.check_availability("alice").remaining_usd == 7
    assert states(budget) == [("no-such-reservation", "failed")]
    assert budget.outbox is not None
    assert "not known" in budget.outbox.entries()[0].reason
    assert budget.outbox.flush(force=True).failed == 1
    assert budget.outbox.drop(1)
    assert not budget.outbox.drop(1)
    assert states(budget) == []


def test_an_entry_that_cannot_be_read_is_set_aside(budget: BudgetManager, ledger: Flaky, path: Path) -> None:
    """Its op id is named, those behind it arrive."""
    ledger.state = "down"
    for key in ("one", "two"):
        queued(lambda key=key: budget.record_spend("alice", 3, idempotency_key=key))
    run(path, "UPDATE entry SET body = '{}' WHERE op_id = 'one'")
    ledger.state = "up"
    budget.usage("alice")
    assert states(budget) == [("one", "failed")]
    assert budget.outbox is not None
    assert "one" in budget.outbox.entries()[0].reason
    assert spent(budget) == 3
