"""Correct later: an answer that is told in parts, and what was booked that should have been booked otherwise."""

import logging
from decimal import Decimal
from itertools import permutations

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import IdempotencyConflictError, InvalidAmountError, InvalidIdError, ReservationError
from coreason_budget.events import Hooks
from coreason_budget.testing import ManualClock

OUTPUTS = (2, 2, 159)


def told(output):
    """What an agent's log has of one answer, at some moment of its stream."""
    usage = {"input_tokens": 1000, "cache_read_input_tokens": 500, "output_tokens": output}
    return {"type": "message", "model": "claude-sonnet-4-5", "usage": usage}


def price(budget, output):
    """What the whole answer costs, in USD."""
    return budget.pricing.cost_of(told(output), "claude-sonnet-4-5").cost_usd


def spent(budget, user="alice"):
    """What a user's day has, in USD."""
    (day,) = [b for b in budget.usage(user) if b.scope == f"user/{user}" and b.window == "day" and b.unit == "usd"]
    return day.spent


@pytest.fixture(params=["memory://", "sqlite:///correct.db"])
def budget(request):
    return BudgetManager(BudgetConfig(ledger_url=request.param), clock=ManualClock())


@pytest.mark.parametrize("order", sorted(set(permutations(OUTPUTS))))
def test_one_answer_told_three_times_is_booked_once_at_the_last_count(budget, order):
    """The same key, whatever came first; the price is that of the whole answer."""
    whole = price(budget, 159)
    for output in order:
        budget.record_spend("alice", usage=told(output), idempotency_key="msg_1", cumulative=True)
    assert spent(budget) == whole
    last = budget.record_spend("alice", usage=told(2), idempotency_key="msg_1", cumulative=True)
    assert (last.status, last.cost_usd, last.difference_usd, last.replayed) == ("unchanged", whole, 0, True)


def test_without_saying_so_another_count_is_a_conflict(budget):
    """The control: a key stands for one call, with one cost."""
    budget.record_spend("alice", usage=told(2), idempotency_key="msg_1")
    with pytest.raises(IdempotencyConflictError):
        budget.record_spend("alice", usage=told(159), idempotency_key="msg_1")
    assert budget.correct("msg_1", usage=told(159)).status == "corrected"
    assert spent(budget) == price(budget, 159)


def test_what_is_told_in_parts_needs_a_key(budget):
    """Nobody else could say which parts belong together."""
    with pytest.raises(InvalidIdError) as caught:
        budget.record_spend("alice", 1, cumulative=True)
    assert caught.value.field == "idempotency_key"
    assert spent(budget) == 0


@pytest.mark.parametrize("other", [{"user_id": "bob"}, {"project_id": "p"}, {"tags": {"team": "x"}}, {"model": "m"}])
def test_parts_are_of_one_call(budget, other):
    """Another user, project, tag or model under the key is another call."""
    call = {"user_id": "alice", "cost": 1, "idempotency_key": "msg_1", "cumulative": True}
    budget.record_spend(**call)
    with pytest.raises(IdempotencyConflictError):
        budget.record_spend(**{**call, "cost": 2, **other})
    assert spent(budget) == 1


def test_a_correction_is_priced_as_the_booking_was(budget):
    """By the model that it was booked for, another that is named, or the one that the answer names."""
    budget.record_spend("alice", 1, model="gpt-4o", idempotency_key="call")
    counts = {"input_tokens": 10**6, "output_tokens": 0}
    assert budget.correct("call", **counts).cost_usd == Decimal("2.5")
    assert budget.correct("call", **counts, model="gpt-4o-mini", only_up=False).cost_usd == Decimal("0.15")
    answer = {"model": "claude-sonnet-4-5", "usage": {"input_tokens": 10**5, "output_tokens": 0}}
    receipt = budget.correct("call", usage=answer, only_up=False)
    assert (receipt.cost_usd, receipt.amounts.tokens) == (Decimal("0.3"), 10**5)
    assert {b.scope for b in receipt.balances} == {"user/alice", "model/openai/gpt-4o", "global"}


def test_a_settled_reservation_is_corrected_by_its_id(budget):
    """A stream whose last event came after the settle."""
    reservation = budget.reserve("alice", model="claude-sonnet-4-5", input_tokens=2000, max_output_tokens=500)
    with pytest.raises(ReservationError) as caught:
        budget.correct(reservation.id, 1)
    assert (caught.value.reason, "settle it" in str(caught.value)) == ("open", True)
    reservation.settle(usage=told(2))
    receipt = budget.correct(reservation.id, usage=told(159))
    assert (receipt.reservation_id, receipt.status) == (reservation.id, "corrected")
    assert spent(budget) == receipt.cost_usd == receipt.difference_usd + price(budget, 2)


def test_a_mistaken_charge_is_taken_back_whole(budget):
    """Cost, tokens and the request; and it takes no cost beside."""
    budget.record_spend("alice", 3, input_tokens=5, idempotency_key="mistake")
    for beside in ({"cost": 0}, {"input_tokens": 0}, {"usage": told(1)}, {"model": "gpt-4o"}):
        with pytest.raises(InvalidAmountError):
            budget.correct("mistake", void=True, **beside)
    assert spent(budget) == 3
    receipt = budget.correct("mistake", void=True, reference="ticket 7", idempotency_key="k")
    assert (receipt.difference_usd, receipt.added.tokens, receipt.added.requests) == (-3, -5, -1)
    assert all(b.spent == 0 for b in budget.usage("alice"))
    again = budget.correct("mistake", void=True, reference="ticket 7", idempotency_key="k")
    assert (again.replayed, again.difference_usd, again.reference) == (True, -3, receipt.reference)


def test_a_correction_has_a_reference_of_its_own(budget):
    """In its receipt and journal entry; without one, the booking's; the booking keeps its own."""
    budget.record_spend("alice", 1, idempotency_key="call", reference="order 1")
    assert budget.correct("call", 2, reference="ticket 7").reference == "ticket 7"
    assert budget.correct("call", 3).reference == "order 1"
    kinds = [(e.kind, e.reference) for e in budget.books.journal()]
    assert kinds[1:] == [("charge", "order 1"), ("correct", "ticket 7"), ("correct", "order 1")]


@pytest.mark.parametrize("wrong", [{}, {"cost": -1}, {"cost": 1, "usage": told(1)}, {"cost": "x"}, {"usage": {}}])
def test_what_is_no_cost_corrects_nothing(budget, wrong):
    """Law 10, by name."""
    budget.record_spend("alice", 1, idempotency_key="call")
    with pytest.raises(InvalidAmountError):
        budget.correct("call", **wrong)
    for booking in ("", "a\n", "x" * 1000):
        with pytest.raises(InvalidIdError) as caught:
            budget.correct(booking, 2)
        assert caught.value.field == "booking"
    assert spent(budget) == 1


class _Crossings(Hooks):
    def __init__(self):
        self.seen = []

    def after_crossed(self, receipt, balance):
        self.seen.append((receipt.status, balance.scope))


def test_the_correction_that_uses_a_limit_up_is_the_one_that_crosses(caplog):
    """By what it adds, not by what stands since; and the log tells what it changed."""
    crossings = _Crossings()
    config = BudgetConfig(ledger_url="memory://", daily_user_limit_usd=10)
    budget = BudgetManager(config, hooks=[crossings])
    with caplog.at_level(logging.INFO, "coreason_budget"):
        for cost in (4, 12, 13, 5):
            budget.record_spend("alice", cost, idempotency_key="msg", cumulative=True)
        budget.correct("msg", 2, only_up=False)
        budget.correct("msg", 11)
    assert crossings.seen == [("corrected", "user/alice"), ("corrected", "user/alice")]
    told = [(e.status, e.cost_usd, e.difference_usd) for e in caplog.records if e.message == "finops.spend.total"]
    assert told == [
        ("recorded", "4.00", None), ("corrected", "12.00", "8.00"), ("corrected", "13.00", "1.00"),
        ("unchanged", "13.00", "0.00"), ("corrected", "2.00", "-11.00"), ("corrected", "11.00", "9.00"),
    ]  # fmt: skip
