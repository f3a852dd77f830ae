"""Who was refused last night, and why: the log tells. (What it tells of bookings: tests/manager/test_logs.py.)"""

from __future__ import annotations

import logging

import pytest

from coreason_budget import BudgetConfig, BudgetExceededError, BudgetManager


@pytest.fixture
def budget() -> BudgetManager:
    return BudgetManager(BudgetConfig(ledger_url="memory://"))


def refusals(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.getMessage() == "finops.budget.refused"]


def test_a_refusal_is_one_structured_event(budget: BudgetManager, caplog: pytest.LogCaptureFixture) -> None:
    """Whose call, which budget said no, why, by which figures, and under which key."""
    budget.record_spend("alice", 4)
    with caplog.at_level(logging.INFO, "coreason_budget"), pytest.raises(BudgetExceededError):
        budget.reserve("alice", 7, "launch", "gpt-4o", tags={"team": "search"}, idempotency_key="job-9")
    (event,) = refusals(caplog)
    assert (event.name, event.levelno) == ("coreason_budget", logging.INFO)
    expected = {
        "user_id": "alice",
        "project_id": "launch",
        "model": "openai/gpt-4o",
        "tags": {"team": "search"},
        "verb": "reserve",
        "idempotency_key": "job-9",
        "scope": "user/alice",
        "window": "day",
        "unit": "usd",
        "reason": "spent",
        "limit": "10.00",
        "spent": "4.00",
        "reserved": "0.00",
        "requested": "7.00",
    }
    assert {name: getattr(event, name) for name in expected} == expected
    assert getattr(event, "retry_after_s") > 0  # noqa: B009


def test_a_check_is_refused_in_the_log_too(budget: BudgetManager, caplog: pytest.LogCaptureFixture) -> None:
    """It has no key; and what is admitted leaves no such event."""
    with caplog.at_level(logging.INFO, "coreason_budget"):
        budget.check_availability("alice", estimated_cost=1)
        budget.reserve("alice", 1).release()
        with pytest.raises(BudgetExceededError):
            budget.check_availability("alice", estimated_cost=11)
    assert [(event.__dict__["verb"], event.__dict__["idempotency_key"]) for event in refusals(caplog)] == [
        ("check", None)
    ]


def test_a_log_that_nobody_reads_costs_nothing(budget: BudgetManager, caplog: pytest.LogCaptureFixture) -> None:
    """Below INFO no event is made."""
    with caplog.at_level(logging.WARNING, "coreason_budget"):
        budget.record_spend("alice", 1)
        with pytest.raises(BudgetExceededError):
            budget.reserve("alice", 11)
    assert caplog.records == []
