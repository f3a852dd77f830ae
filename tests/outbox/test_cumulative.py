"""Calls that are told in parts, through an outage: what waits is raised, and the most is booked, once."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from attrs import evolve

from coreason_budget import BudgetManager, LedgerUnavailableError
from coreason_budget.outbox.spend import CUMULATE
from tests.outbox.kit import Flaky, queued, spent, states


def report(budget: BudgetManager, cost: int, **more: Any) -> Any:
    """Tell what one answer came to so far."""
    return budget.record_spend("alice", cost, idempotency_key="msg", cumulative=True, **more)


@pytest.mark.parametrize("state", ["down", "loses requests", "loses answers"])
@pytest.mark.parametrize("order", [*permutations((1, 2, 5))])
def test_reports_that_get_no_answer_wait_as_one(
    budget: BudgetManager, ledger: Flaky, state: str, order: tuple[int, ...]
) -> None:
    """In any order; what waits counts at the most of them, and is booked at that."""
    ledger.state = state
    for cost in order:
        assert queued(lambda cost=cost: report(budget, cost)).op_id == "msg"  # type: ignore[misc]
    ((op_id, waits),) = states(budget)
    (entry,) = budget.books.waiting()
    assert (op_id, waits, entry.verb, entry.cost_usd) == ("msg", "waiting", CUMULATE, 5)
    ledger.state = "up"
    assert report(budget, 3).cost_usd == 5
    assert (spent(budget), states(budget)) == (5, [])


def test_what_was_booked_before_the_outage_is_raised_after_it(budget: BudgetManager, ledger: Flaky) -> None:
    """The ledger has 2; what waits is the whole of 5, not 3 and not 7."""
    report(budget, 2)
    ledger.state = "down"
    queued(lambda: report(budget, 5))
    ledger.state = "up"
    assert report(budget, 4).status == "unchanged"
    assert spent(budget) == 5


def test_a_report_that_comes_while_the_one_before_is_delivered_is_not_lost(
    budget: BudgetManager, ledger: Flaky
) -> None:
    """What waits is raised after it was read and before it is taken out: it is delivered once more."""
    ledger.state = "down"
    queued(lambda: report(budget, 2))
    assert budget.outbox is not None
    store, ledger.state = budget.outbox.store, "up"

    def raised_meanwhile() -> None:
        ledger.before_spend = int
        (waiting,) = store.entries()
        spend = waiting.spend
        store.add(evolve(spend, usd_nanos=9 * 10**9), 1, None)

    ledger.before_spend = raised_meanwhile
    assert budget.outbox.flush().waiting == 1
    assert budget.outbox.flush().waiting == 0
    assert spent(budget) == 9


def test_a_correction_is_not_kept_and_says_so(budget: BudgetManager, ledger: Flaky) -> None:
    """Its caller asks again; nothing overtakes what waits of the booking."""
    budget.record_spend("alice", 1, idempotency_key="call")
    ledger.state = "down"
    queued(lambda: budget.record_spend("alice", 2, idempotency_key="waits"))
    for booking in ("call", "waits"):
        with pytest.raises(LedgerUnavailableError) as caught:
            budget.correct(booking, 3)
        assert not caught.value.queued
    assert states(budget) == [("waits", "waiting")]
    ledger.state = "up"
    assert budget.correct("waits", 3).difference_usd == 1
    assert spent(budget) == 4
