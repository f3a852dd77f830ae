"""A call that is repeated counts once."""

import pickle
from decimal import Decimal

import pytest

from coreason_budget.errors import (
    IdempotencyConflictError,
    LedgerUnavailableError,
    OutcomeUnknownError,
)
from coreason_budget.ledger.memory import MemoryLedger
from tests.manager.kit import DEARER, PRICES, Unsure, books, make, spent


@pytest.mark.parametrize("again", [PRICES, DEARER], ids=["same prices", "other prices"])
def test_a_retry_counts_once_whatever_prices_do_meanwhile(again):
    """Law 4: computed prices are no content; the first application stands."""
    ledger = MemoryLedger()
    one, two = make(ledger), make(ledger, model_price_overrides=again)
    spend = {"project_id": "alpha", "model": "my-model", "input_tokens": 10, "output_tokens": 5}
    first = one.record_spend("alice", idempotency_key="s", **spend)
    second = two.record_spend("alice", idempotency_key="s", **spend)
    assert (first.replayed, second.replayed) == (False, True)
    assert (second.cost_usd, second.op_id) == (first.cost_usd, "s") == (Decimal("0.2"), "s")

    hold = {"model": "my-model", "input_tokens": 10, "max_output_tokens": 5, "ttl_s": 60}
    reserved = one.reserve("alice", idempotency_key="r", **hold)
    replayed = two.reserve("alice", idempotency_key="r", **hold)
    assert (replayed.replayed, replayed.id, replayed.reserved_usd) == (True, reserved.id, reserved.reserved_usd)

    settled = one.settle(reserved.id, input_tokens=10, output_tokens=1, idempotency_key="e")
    twice = two.settle(reserved.id, input_tokens=10, output_tokens=1, idempotency_key="e")
    assert (twice.replayed, twice.cost_usd) == (True, settled.cost_usd) == (True, Decimal("0.12"))
    assert spent(one) == Decimal("0.32")


def test_the_same_amount_in_another_form_is_the_same_call(budget):
    """0.1, "0.10" and Decimal("0.1") are one content; so are tags in another order."""
    for cost in (0.1, "0.10", Decimal("0.1"), "1e-1"):
        budget.record_spend("alice", cost, idempotency_key="k", tags={"a": "1", "b": "2"})
        budget.record_spend("alice", cost, idempotency_key="k", tags={"b": "2", "a": "1"})
    assert spent(budget) == Decimal("0.1")


@pytest.mark.parametrize(
    "other",
    [
        {"cost": 2},
        {"user_id": "bob"},
        {"project_id": "alpha"},
        {"model": "my-model"},
        {"tags": {"team": "search"}},
        {"input_tokens": 1},
        {"output_tokens": 0},
    ],
    ids=repr,
)
def test_the_same_key_for_another_call_is_a_conflict(budget, other):
    """Whatever the caller gave differently; nothing changes."""
    call = {"user_id": "alice", "cost": 1}
    budget.record_spend(**call, idempotency_key="k")
    with pytest.raises(IdempotencyConflictError) as caught:
        budget.record_spend(**(call | other), idempotency_key="k")
    assert caught.value.idempotency_key == "k"
    assert spent(budget) == 1


@pytest.mark.parametrize("lose", ["before", "after"])
@pytest.mark.parametrize("key", [None, "mine"])
@pytest.mark.parametrize("verb", ["record_spend", "reserve", "settle", "release"])
def test_the_op_id_of_an_unknown_outcome_finds_it_out(verb, key, lose):
    """The same call with that key counts once, whether the lost one was applied or not."""
    ledger = Unsure()
    budget = make(ledger)
    reservation = budget.reserve("alice", 5)
    call = {
        "record_spend": lambda key: budget.record_spend("alice", 2, idempotency_key=key),
        "reserve": lambda key: budget.reserve("alice", 2, idempotency_key=key),
        "settle": lambda key: budget.settle(reservation.id, 2, idempotency_key=key),
        "release": lambda key: budget.release(reservation.id, idempotency_key=key),
    }[verb]
    ledger.lose = lose
    with pytest.raises(OutcomeUnknownError) as caught:
        call(key)
    assert isinstance(caught.value, LedgerUnavailableError)
    op_id = pickle.loads(pickle.dumps(caught.value)).op_id
    assert key in (None, op_id)
    for replayed in (lose == "after", True):
        answer = call(op_id)
        assert (answer.replayed, answer.op_id) == (replayed, op_id)
    expected = {"record_spend": (2, 5), "reserve": (0, 7), "settle": (2, 0), "release": (0, 0)}
    assert books(budget)["user/alice"] == expected[verb]
