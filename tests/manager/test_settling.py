"""Settling: by cost, usage or counts, with or without the handle."""

from decimal import Decimal

import pytest

from coreason_budget.errors import (
    InvalidAmountError,
    ReservationError,
    UnknownModelError,
)
from tests.manager.kit import DEARER, books, make


@pytest.mark.parametrize(
    ("given", "cost"),
    [
        ({"cost": "0.5"}, "0.5"),
        ({"cost": 0}, "0"),
        ({"input_tokens": 10}, "0.1"),
        ({"output_tokens": 10}, "0.2"),
        ({"input_tokens": 10, "output_tokens": 5}, "0.2"),
        ({"cost": 1, "input_tokens": 10, "output_tokens": 5}, "1"),
        ({"usage": {"prompt_tokens": 10, "completion_tokens": 5}}, "0.2"),
        ({"usage": {"usage": {"input_tokens": 10, "output_tokens": 5}}}, "0.2"),
        ({"model": "gpt-4o", "input_tokens": 10**6, "output_tokens": 0}, "2.5"),
        ({"model": "gpt-4o", "usage": {"prompt_tokens": 10**6, "completion_tokens": 0}}, "2.5"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("by", ["handle", "id", "id from another manager"])
def test_a_reservation_is_settled_by_cost_usage_or_counts(given, cost, by, tmp_path):
    """With the handle, or by id alone: the model that prices it is in the ledger's record."""
    budget = make(ledger_url="sqlite:///b.db")
    reservation = budget.reserve("alice", 5, "alpha", "my-model", tags={"team": "search"})
    if by == "handle":
        receipt = reservation.settle(**given)
    elif by == "id":
        receipt = budget.settle(reservation.id, **given)
    else:
        receipt = make(ledger_url="sqlite:///b.db").settle(reservation.id, **given)
    assert receipt.cost_usd == Decimal(cost)
    assert set(books(budget).values()) == {(Decimal(cost), 0)}
    assert receipt.reservation_id == reservation.id


def test_counts_without_any_model_cannot_be_priced(budget):
    """The reservation named none: it stays open, and a cost still settles it."""
    reservation = budget.reserve("alice", 5)
    for given in ({"input_tokens": 1}, {"usage": {"prompt_tokens": 1, "completion_tokens": 1}}):
        with pytest.raises(InvalidAmountError, match="need a model"):
            budget.settle(reservation.id, **given)
    with pytest.raises(UnknownModelError):
        budget.settle(reservation.id, model="no-such-model", input_tokens=1)
    assert books(budget)["user/alice"] == (0, 5)
    assert budget.settle(reservation.id, 1).cost_usd == 1


def test_a_settle_over_the_bound_changes_nothing():
    """More than 10**7 USD by its price: refused, and the reservation stays open."""
    budget = make(model_price_overrides=DEARER)
    reservation = budget.reserve("alice", 5, model="my-model")
    with pytest.raises(InvalidAmountError):
        budget.settle(reservation.id, input_tokens=10**7 + 1)
    assert books(budget)["user/alice"] == (0, 5)


@pytest.mark.parametrize("id", ["nobody", "secret.key", "x" * 280])
def test_an_unknown_reservation_is_a_named_error(budget, id):
    """And changes nothing."""
    for call in (lambda: budget.settle(id, 1), lambda: budget.release(id)):
        with pytest.raises(ReservationError) as caught:
            call()
        assert (caught.value.reason, caught.value.reservation_id) == ("unknown", id)


ANSWER = {
    "model": "gpt-4o-mini-2024-07-18",
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}


def test_an_answer_is_priced_by_its_own_model(budget):
    """A router or a fallback may have called another model than was reserved: 1000 x 0.15 + 100 x 0.60."""
    reservation = budget.reserve("alice", 1, model="gpt-4o")
    assert reservation.settle(usage=ANSWER).cost_usd == Decimal("0.00021")


def test_an_answer_of_a_model_without_a_price_is_refused_with_both_names(budget):
    """Never priced as the one that was reserved; the reservation stands."""
    reservation = budget.reserve("alice", 1, model="gpt-4o")
    with pytest.raises(UnknownModelError, match=r"(?s)novel-9.*gpt-4o|gpt-4o.*novel-9"):
        reservation.settle(usage={**ANSWER, "model": "novel-9"})
    assert reservation.settle(usage=ANSWER["usage"]).cost_usd == Decimal("0.0035")


def test_a_batch_is_half_price_where_its_caller_says_so(budget):
    """OpenAI's batches do not say what they are: their answers tell the default tier, at half its price."""
    for usage in (ANSWER["usage"], {**ANSWER, "service_tier": "default"}):
        cost = budget.record_spend("alice", model="gpt-4o", usage=usage, service="batch").cost_usd
        assert cost == (Decimal("0.00175") if usage is ANSWER["usage"] else Decimal("0.000105"))
    reservation = budget.reserve("alice", 1, model="gpt-4o")
    assert reservation.settle(input_tokens=1000, output_tokens=100, service="batch").cost_usd == Decimal("0.00175")


def test_a_call_without_a_reservation_is_booked_by_its_answer(budget):
    """Once, with its tokens, and its model told by the answer where the caller names none."""
    first = budget.record_spend("alice", usage=ANSWER, idempotency_key="answer-1")
    again = budget.record_spend("alice", usage=ANSWER, idempotency_key="answer-1")
    assert (first.cost_usd, again.replayed) == (Decimal("0.00021"), True)
    with pytest.raises(InvalidAmountError, match="cost"):
        budget.record_spend("alice", 1, usage=ANSWER)


@pytest.mark.parametrize(
    "said",
    [
        {"usage": None},
        {"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 99}},
        {"usage": {**ANSWER, "model": "novel-9"}},
        {"cost": -1},
        {"cost": 1, "usage": ANSWER},
    ],
)
def test_what_cannot_be_booked_says_what_becomes_of_the_hold(budget, said):
    """It stands, until one of three things ends it; and it can still be settled."""
    with budget.reserve("alice", 1, model="gpt-4o") as reservation:
        with pytest.raises((InvalidAmountError, UnknownModelError), match=r"stays held until.*settled.*released, or"):
            reservation.settle(**said)
        assert {b.reserved for b in budget.usage("alice")} == {1}
        reservation.settle(0.5)
    assert {b.reserved for b in budget.usage("alice")} == {0}


def test_a_stream_without_a_usage_is_told_what_to_ask_for(budget):
    """OpenAI sends none unless it is asked; None is what an SDK has then."""
    reservation = budget.reserve("alice", 1, model="gpt-4o")
    with pytest.raises(InvalidAmountError, match=r'stream_options=\{"include_usage": True\}'):
        reservation.settle(usage=None)
    with pytest.raises(InvalidAmountError) as both:
        reservation.settle(1, usage=ANSWER)
    assert "stream_options" not in str(both.value)
