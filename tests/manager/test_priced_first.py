"""What a settle costs is told before the ledger is asked: its lock never waits for a price file."""

import sqlite3

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import ReservationError, UnknownModelError

USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


@pytest.fixture
def budget():
    return BudgetManager(BudgetConfig(ledger_url="sqlite:///priced.db"))


def is_locked():
    """Whether another connection cannot write to the file now."""
    other = sqlite3.connect("priced.db", timeout=0, isolation_level=None)
    try:
        other.execute("begin immediate")
        other.execute("rollback")
    except sqlite3.OperationalError:
        return True
    finally:
        other.close()
    return False


def watched(budget, monkeypatch):
    """Note for every price whether the file was locked while it was looked up."""
    locked = []
    price = budget.pricing.cost_of
    monkeypatch.setattr(
        type(budget.pricing), "cost_of", lambda _, *args, **more: (locked.append(is_locked()), price(*args, **more))[1]
    )
    return locked


def settle_by_handle(budget):
    return budget.reserve("alice", 1, model="gpt-4o").settle(usage=USAGE)


def settle_by_id(budget):
    return budget.settle(budget.reserve("alice", 1, model="gpt-4o").id, usage=USAGE)


def settle_without_a_model(budget):
    return budget.settle(budget.reserve("alice", 1).id, usage={"model": "gpt-4o", "usage": USAGE})


@pytest.mark.parametrize("settle", [settle_by_handle, settle_by_id, settle_without_a_model])
def test_a_price_is_looked_up_while_the_file_is_free(budget, monkeypatch, settle):
    """Also where only the reservation's record knows its model: it is asked first, and nothing is changed then."""
    locked = watched(budget, monkeypatch)
    receipt = settle(budget)
    assert (str(receipt.cost_usd), locked) == ("0.0035", [False])


def test_the_watch_finds_a_price_that_is_looked_up_inside(budget, monkeypatch):
    """The naive control: a guard that is given the price list itself asks it under the lock."""
    locked = watched(budget, monkeypatch)
    reservation = budget.reserve("alice", 1, model="gpt-4o")
    budget.guard.settle(
        reservation.id, lambda model: budget.pricing.cost_of(USAGE, model).cost_nanos, content={"usage": 1}
    )
    assert locked == [True]


def test_an_unknown_reservation_is_said_to_be_unknown(budget):
    """Asking for the model first does not turn one error into another."""
    with pytest.raises(ReservationError, match="not known here"):
        budget.settle("nobody", usage=USAGE)


def test_what_has_no_price_changes_nothing(budget):
    """The reservation stays open, and can be settled otherwise."""
    reservation = budget.reserve("alice", 1, model="never-heard-of")
    with pytest.raises(UnknownModelError, match="stays held"):
        budget.settle(reservation.id, usage=USAGE)
    assert budget.settle(reservation.id, "0.5").status == "settled"
