"""What is admitted where a call is free, larger than a whole limit, or tells no tokens."""

import logging
from decimal import Decimal
from pathlib import Path

import pytest

from coreason_budget import BudgetExceededError, InvalidAmountError
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.testing import ManualClock
from tests.manager.kit import NOW, make

FREE = {"input_cost_per_token": 0, "output_cost_per_token": 0, "free": True, "max_output_tokens": 100}
PRICED = {"input_cost_per_token": "0.001", "output_cost_per_token": "0.002", "outrageous": True}
PRICES = {"free": FREE, "priced": PRICED, "bounded": {**PRICED, "max_output_tokens": 100}}
UNLIMITED = dict.fromkeys(("daily_user_limit_usd", "daily_project_limit_usd", "daily_global_limit_usd"), "unlimited")


def spent(budget):
    """USD of alice today."""
    return next(b.spent for b in budget.usage("alice") if b.unit == "usd")


def warned(caplog):
    """What was warned of. A logger that another test left louder tells more than that."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def limited(*lines, **settings):
    """A budget with these lines in its limits file, and no daily limits."""
    path = Path("limits.yaml")
    path.write_text("limits:\n" + "".join(f"- {{{line}}}\n" for line in lines))
    return make(limits_file=path, model_price_overrides=PRICES, **UNLIMITED | settings)


@pytest.mark.parametrize("limit", [0, 1])
def test_a_free_call_passes_a_used_up_limit_in_usd(limit):
    """A model marked free, or a cost of 0 that was given: admitted, held at 0, booked as it turns out."""
    budget = make(daily_user_limit_usd=limit, model_price_overrides=PRICES)
    budget.record_spend("alice", 1)
    with budget.reserve("alice", model="free", input_tokens=10) as reservation:
        assert reservation.reserved_usd == 0
        reservation.settle(input_tokens=10, output_tokens=3)
    budget.reserve("alice", 0).settle("0.5")
    assert spent(budget) == Decimal("1.5")
    assert budget.check_availability("alice", estimated_cost=0).remaining_usd == 0
    assert budget.affordable_output_tokens("alice", model="free", input_tokens=10) == 100
    assert budget.affordable_output_tokens("alice", model="bounded", input_tokens=10) == 0
    for refused in (
        lambda: budget.check_availability("alice"),
        lambda: budget.reserve("alice", "0.000000001"),
        lambda: budget.reserve("alice", model="priced", input_tokens=1, max_output_tokens=1),
    ):
        with pytest.raises(BudgetExceededError):
            refused()


def test_a_free_call_still_counts_its_tokens_and_its_request():
    """Limits in requests and tokens hold for it."""
    budget = limited("scope: user, window: day, usd: 0", "scope: user, window: day, requests: 2")
    for _ in range(2):
        budget.reserve("alice", model="free", input_tokens=10)
    with pytest.raises(BudgetExceededError, match="1 requests requested"):
        budget.reserve("alice", model="free", input_tokens=10)
    assert budget.affordable_output_tokens("alice", model="free", input_tokens=10) == 0
    budget = limited("scope: user, window: day, tokens: 50")
    with pytest.raises(BudgetExceededError, match="110 tokens requested") as caught:
        budget.reserve("alice", model="free", input_tokens=10)
    assert (caught.value.reason, caught.value.affordable_output_tokens) == ("too_large", 40)


@pytest.mark.parametrize("estimate", [{}, {"estimated_cost": None}])
def test_a_check_without_estimate_names_no_amount(estimate):
    """Refused once nothing is left; nobody asked for a nano."""
    budget = make(daily_user_limit_usd=1)
    budget.record_spend("alice", 1)
    with pytest.raises(BudgetExceededError) as caught:
        budget.check_availability("alice", **estimate)
    assert "requested" not in str(caught.value)
    assert caught.value.requested == 0


@pytest.mark.parametrize(
    ("call", "fits", "says"),
    [
        ({"cost": 2}, None, "larger than the whole limit"),
        ({"model": "priced", "input_tokens": 400, "max_output_tokens": 500}, 300, "at most 300 output tokens would"),
        ({"model": "bounded", "input_tokens": 900}, 50, "at most 50 output tokens would"),
        ({"model": "bounded", "input_tokens": 1001}, 0, "its input alone is too large"),
    ],
)
def test_a_call_larger_than_its_whole_limit_is_told_what_fits(call, fits, says):
    """Whatever is spent: no time to come back, but the answer that would be admitted in a fresh window."""
    clock = ManualClock(NOW)
    budget = make(MemoryLedger(clock=clock), daily_user_limit_usd=1, model_price_overrides=PRICES)
    budget.record_spend("alice", "0.5")
    with pytest.raises(BudgetExceededError, match=says) as caught:
        budget.reserve("alice", **call)
    error = caught.value
    assert (error.reason, error.retry_after_s, error.affordable_output_tokens) == ("too_large", None, fits)
    if fits:
        clock.advance(24 * 3600)
        budget.reserve("alice", **call | {"max_output_tokens": fits})


def test_an_output_bound_is_asked_for_only_where_it_counts():
    """Under limits in requests alone, the hold is what the input costs; under USD or tokens the bound is needed."""
    budget = limited("scope: user, window: day, requests: 1")
    reservation = budget.reserve("alice", model="priced", input_tokens=5)
    assert str(reservation.reserved_usd) == "0.005"
    with pytest.raises(BudgetExceededError, match="requests"):
        budget.reserve("alice", model="priced", input_tokens=5)
    reservation.settle(input_tokens=5, output_tokens=10)
    assert spent(budget) == Decimal("0.025")
    for line in ("scope: global, window: month, usd: 10", "scope: model/priced, window: hour, tokens: 10"):
        with pytest.raises(InvalidAmountError, match="max_output_tokens: pass it"):
            limited("scope: user, window: day, requests: 1", line).reserve("alice", model="priced", input_tokens=5)


TEAM = {"team": "t"}


def test_a_reserve_without_tokens_is_refused_under_a_limit_in_tokens():
    """It would pass that limit for ever. The error names the limit and its line; nothing is held."""
    budget = limited("scope: team, window: day, tokens: 1000")
    with pytest.raises(InvalidAmountError, match=r"1000 tokens per day for team/t \(limits.yaml:2\)") as caught:
        budget.reserve("alice", "0.01", tags=TEAM)
    assert caught.value.field == "input_tokens"
    assert {b.spent for b in budget.usage("alice", tags=TEAM)} == {0}
    budget.reserve("alice", "0.01")
    budget.reserve("alice", "0.01", tags=TEAM, input_tokens=0)
    budget.check_availability("alice", tags=TEAM)
    for _ in range(4):
        budget.reserve("alice", "0.01", tags=TEAM, input_tokens=100, max_output_tokens=149)
    with pytest.raises(BudgetExceededError, match="tokens"):
        budget.reserve("alice", "0.01", tags=TEAM, input_tokens=100, max_output_tokens=149)


@pytest.mark.parametrize(("policy", "warnings"), [("refuse", 1), ("warn", 1), ("allow", 0)])
def test_spend_without_tokens_is_booked_and_warned_of_once_a_scope(policy, warnings, caplog):
    """What is spent is spent; the log says which limit does not hold."""
    budget = limited("scope: team, window: day, tokens: 1000", uncounted_tokens=policy)
    with caplog.at_level(logging.WARNING, "coreason_budget"):
        for _ in range(20):
            budget.record_spend("alice", "0.01", tags=TEAM)
        budget.record_spend("alice", "0.01", tags=TEAM, input_tokens=5)
        budget.record_spend("alice", "0.01")
    says = (
        "spend was booked without its tokens, so the limit of 1000 tokens per day for team/t (limits.yaml:2) does not "
        "hold; name the tokens"
    )
    assert warned(caplog) == [says] * warnings
    with caplog.at_level(logging.WARNING, "coreason_budget"):
        budget.record_spend("alice", "0.01", tags={"team": "other"})
    assert len(warned(caplog)) == 2 * warnings


@pytest.mark.parametrize("policy", ["warn", "allow"])
def test_a_reserve_without_tokens_can_be_let_pass(policy, caplog):
    """By the setting; a limit in tokens that is used up refuses it all the same."""
    budget = limited("scope: team, window: day, tokens: 10", uncounted_tokens=policy)
    with caplog.at_level(logging.WARNING, "coreason_budget"):
        for _ in range(2):
            budget.reserve("alice", "0.01", tags=TEAM).settle("0.01", input_tokens=5)
    assert len(warned(caplog)) == (policy == "warn")
    with pytest.raises(BudgetExceededError) as caught:
        budget.reserve("alice", "0.01", tags=TEAM)
    assert (caught.value.unit, caught.value.requested) == ("tokens", 0)
