"""A reference of the caller's own: booked, journaled, exported, logged, and found again."""

import json
import logging

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import IdempotencyConflictError, InvalidIdError


@pytest.fixture(params=["memory://", "sqlite:///reference.db"])
def budget(request):
    return BudgetManager(BudgetConfig(ledger_url=request.param))


def references(budget):
    """Kind and reference of every entry of the journal."""
    return [(entry.kind, entry.reference) for entry in budget.books.journal() if entry.kind != "begin"]


def test_it_is_booked_with_each_verb(budget):
    """A charge, a reserve and a settle carry it; what an end does not say stays as the reserve said it."""
    assert budget.record_spend("alice", 1, reference="charge-1").reference == "charge-1"
    reservation = budget.reserve("alice", 1, reference="held-1")
    assert reservation.settle(1).reference == "held-1"
    assert budget.reserve("alice", 1, reference="held-2").settle(1, reference="settled-2").reference == "settled-2"
    budget.reserve("alice", 1, reference="held-3").release()
    assert references(budget) == [
        ("charge", "charge-1"),
        ("reserve", "held-1"),
        ("settle", "held-1"),
        ("reserve", "held-2"),
        ("settle", "settled-2"),
        ("reserve", "held-3"),
        ("release", "held-3"),
    ]


def test_a_lapse_keeps_it(budget):
    """Whoever looks for the call that nobody settled finds it."""
    budget.reserve("alice", 1, reference="lost")
    reservation = budget.reserve("alice", 1, reference="left")
    budget.lapse(reservation.id)
    assert references(budget)[-1] == ("lapse", "left")


def test_it_is_exported_and_found_again(budget):
    """In both forms; one reference alone where it is asked for."""
    budget.record_spend("alice", 1, reference="=a")
    budget.record_spend("alice", 2, reference="b")
    (line,) = budget.books.exported("jsonl", reference="b")
    assert (json.loads(line)["reference"], json.loads(line)["spent_usd"]) == ("b", "2.00")
    head, line = budget.books.exported("csv", reference="=a")
    assert head.rstrip().endswith('"reference"')
    assert line.rstrip().endswith('"\'=a"'), "harmless in a spreadsheet"


def test_reservations_show_it(budget):
    """What is open, under the name that its caller knows."""
    budget.reserve("alice", 1, reference="job-7")
    assert [one.reference for one in budget.books.reservations()] == ["job-7"]


def test_the_log_has_it(budget, caplog):
    """Beside the cost, the key and the reservation."""
    with caplog.at_level(logging.INFO, "coreason_budget"):
        budget.record_spend("alice", 1, reference="logged")
    assert [record.reference for record in caplog.records if record.message == "finops.spend.total"] == ["logged"]


def test_it_is_content(budget):
    """One key and another reference is another call; without one the call is as it always was."""
    budget.record_spend("alice", 1, reference="a", idempotency_key="k")
    assert budget.record_spend("alice", 1, reference="a", idempotency_key="k").replayed
    with pytest.raises(IdempotencyConflictError):
        budget.record_spend("alice", 1, idempotency_key="k")


@pytest.mark.parametrize("reference", ["", "x" * 129, "\n", "é" * 65, 7])
def test_it_is_a_short_text(budget, reference):
    """1 to 128 bytes without control characters; nothing is booked otherwise."""
    for call in (
        lambda: budget.record_spend("alice", 1, reference=reference),
        lambda: budget.reserve("alice", 1, reference=reference),
    ):
        with pytest.raises(InvalidIdError, match="reference"):
            call()
    assert references(budget) == []
