"""The front door: its signatures, its example, its life."""

import inspect
import logging
from decimal import Decimal

import pytest

from coreason_budget import BudgetManager
from coreason_budget.errors import (
    BudgetExceededError,
)
from tests.manager.kit import spent


@pytest.mark.parametrize(
    ("method", "signature"),
    [
        ("__init__", "(self, config=None, *, ledger=None, clock=None, hooks=())"),
        (
            "check_availability",
            "(self, user_id=None, project_id=None, estimated_cost=None, *, model=None, tags=None, input_tokens=None)",
        ),
        (
            # The design's `cost` has no default; left out, the model and its counts give one.
            "record_spend",
            "(self, user_id=None, cost=None, project_id=None, model=None, *, tags=None, usage=None, "
            "input_tokens=None, output_tokens=None, service='standard', reference=None, cumulative=False, "
            "idempotency_key=None)",
        ),
        (
            "reserve",
            "(self, user_id=None, cost=None, project_id=None, model=None, *, tags=None, input_tokens=None, "
            "max_output_tokens=None, ttl_s=None, reference=None, release_on=(), idempotency_key=None)",
        ),
        (
            "settle",
            "(self, reservation_id, cost=None, *, usage=None, model=None, input_tokens=None, output_tokens=None, "
            "service='standard', reference=None, idempotency_key=None, entries=())",
        ),
        (
            "correct",
            "(self, booking, cost=None, *, usage=None, model=None, input_tokens=None, output_tokens=None, "
            "service='standard', only_up=True, void=False, reference=None, idempotency_key=None)",
        ),
        ("release", "(self, reservation_id, *, idempotency_key=None, entries=())"),
        ("usage", "(self, user_id=None, project_id=None, model=None, tags=None)"),
    ],
)
def test_the_api_is_that_of_the_design(method, signature):
    """Names, order, kinds and defaults of every parameter."""
    parameters = inspect.signature(getattr(BudgetManager, method)).parameters.values()
    bare = inspect.Signature([p.replace(annotation=inspect.Parameter.empty) for p in parameters])
    assert str(bare) == signature


def test_the_example_of_the_design_works(budget):
    """Check, price, record, reserve and settle, as written there."""
    budget.check_availability("user_123")
    cost = budget.pricing.calculate(model="gpt-4o", input_tokens=1200, output_tokens=300)
    assert cost == Decimal("0.006")
    assert budget.record_spend(user_id="user_123", cost=cost, project_id="launch", model="gpt-4o").cost_usd == cost
    with budget.reserve(
        "user_123", project_id="launch", model="gpt-4o", input_tokens=1200, max_output_tokens=800
    ) as reservation:
        assert reservation.reserved_usd >= Decimal("0.011")
        reservation.settle(usage={"prompt_tokens": 1200, "completion_tokens": 300})
    spent = {b.scope: b.spent for b in budget.usage("user_123", "launch", "gpt-4o")}
    assert spent == dict.fromkeys(("user/user_123", "project/launch", "model/openai/gpt-4o", "global"), 2 * cost)


def test_without_any_setting_it_keeps_an_sqlite_file_in_the_working_directory(tmp_path, caplog):
    """Its absolute path is logged; a second manager finds what the first one booked."""
    with caplog.at_level(logging.INFO, "coreason_budget"):
        budget = BudgetManager()
    assert str(tmp_path / "coreason-budget.db") in caplog.text
    budget.record_spend("alice", 3)
    budget.close()
    assert (tmp_path / "coreason-budget.db").is_file()
    assert spent(BudgetManager()) == 3
    with pytest.raises(BudgetExceededError, match=r"^Budget exceeded for User alice"):
        BudgetManager().check_availability("alice", estimated_cost="7.01")


def test_a_closed_manager_opens_again(budget):
    """`close` gives connections back; it is no end."""
    budget = BudgetManager()
    budget.record_spend("alice", 1)
    budget.close()
    budget.close()
    assert budget.record_spend("alice", 1).cost_usd == 1
    assert spent(budget) == 2
