"""Verdicts and refusals."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import (
    BudgetExceededError,
    ConfigError,
)
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing import ManualClock
from tests.manager.kit import NOW, books, make


def test_a_verdict_tells_what_remains_and_what_binds(budget):
    """Every limited account as it stands; the tightest is the one that binds."""
    budget.record_spend("alice", 3, "alpha")
    verdict = budget.check_availability("alice", "alpha", 7)
    assert [(b.scope, b.remaining) for b in verdict.balances] == [
        ("user/alice", 7),
        ("project/alpha", 497),
        ("global", 4997),
    ]
    assert verdict.binding.scope == "user/alice"
    assert verdict.remaining_usd == 7
    assert verdict.binding.resets_at > datetime.now(UTC)


def test_without_any_limit_nothing_binds():
    """Three times unlimited: allowed, and nothing remains to be told."""
    limits = dict.fromkeys(("daily_user_limit_usd", "daily_project_limit_usd", "daily_global_limit_usd"), "unlimited")
    verdict = make(**limits).check_availability("alice", "alpha", 10**7)
    assert (verdict.balances, verdict.binding, verdict.remaining_usd) == ((), None, None)


def test_a_check_holds_nothing(budget):
    """It is advisory: any number of them may all be told yes."""
    for _ in range(3):
        budget.check_availability("alice", estimated_cost=10)
    assert books(budget)["user/alice"] == (0, 0)


@pytest.mark.parametrize(
    ("settings", "beginning"),
    [
        (
            {"daily_user_limit_usd": 1},
            "Budget exceeded for User alice: 2.00 USD requested, 1.00 USD of 1.00 USD per day left",
        ),
        ({"daily_project_limit_usd": 1}, "Budget exceeded for Project alpha: 2.00 USD requested"),
        ({"daily_global_limit_usd": 1}, "Budget exceeded for Global: 2.00 USD requested"),
    ],
)
def test_a_refusal_begins_as_the_design_says(settings, beginning):
    """The three daily limits, by check and by reserve."""
    budget = make(**settings)
    for call in (lambda: budget.check_availability("alice", "alpha", 2), lambda: budget.reserve("alice", 2, "alpha")):
        with pytest.raises(BudgetExceededError) as caught:
            call()
        assert str(caught.value).startswith(beginning)
    assert set(books(budget).values()) == {(0, 0)}, "a refused reserve leaves nothing behind"


def test_limits_of_a_file_and_of_the_settings_stand_together(tmp_path):
    """A line of the file replaces a daily setting for the same place, and no other."""
    Path("limits.yaml").write_text(
        "timezone: Asia/Kolkata\n"
        "limits:\n"
        "- {scope: user, window: day, usd: 2}\n"
        "- {scope: team, window: month, usd: 1}\n"
        "- {scope: model/gpt-4o, window: day, tokens: 100}\n"
    )
    budget = make(limits_file="limits.yaml")
    limits = {
        (b.scope, b.window, b.unit): b.limit
        for b in budget.usage("alice", "alpha", "openai/gpt-4o", {"team": "search"})
        if b.limit is not None
    }
    assert limits == {
        ("user/alice", "day", "usd"): 2,
        ("project/alpha", "day", "usd"): 500,
        ("model/openai/gpt-4o", "day", "tokens"): 100,
        ("team/search", "month", "usd"): 1,
        ("global", "day", "usd"): 5000,
    }
    (day,) = [b for b in budget.usage() if b.window == "day"]
    assert (day.resets_at.hour, day.resets_at.minute) == (18, 30)
    with pytest.raises(BudgetExceededError, match=r"^Budget exceeded for Team search"):
        budget.reserve("alice", "1.01", tags={"team": "search"})
    with pytest.raises(BudgetExceededError, match=r"^Budget exceeded for Model openai/gpt-4o: 101 tokens requested"):
        budget.reserve("alice", model="gpt-4o-2024-08-06", input_tokens=51, max_output_tokens=50)


@pytest.mark.parametrize("line", ["gpt-4o", "openai:gpt-4o", "gpt-4o-2024-08-06"])
@pytest.mark.parametrize("called", ["openai/gpt-4o", "GPT-4o", "OpenAI/gpt4o", " gpt-4o"])
def test_a_models_budget_holds_however_it_is_written(line, called):
    """In the file and in a call, of which the cost is told: what has no price has a budget."""
    Path("limits.yaml").write_text(f"limits:\n- {{scope: 'model/{line}', window: day, usd: 1}}\n")
    budget = make(limits_file="limits.yaml")
    budget.record_spend("alice", 1, model=called)
    for model in (called, "gpt-4o"):
        with pytest.raises(BudgetExceededError, match="Model openai/gpt-4o"):
            budget.reserve("alice", "0.01", model=model)
    budget.reserve("alice", "0.01", model="gpt-4oo")


def test_a_limit_says_where_it_was_said(tmp_path):
    """File and line, or the setting: in a refusal, its text, a verdict and every balance."""
    path = tmp_path / "my limits.yaml"
    path.write_text("limits:\n  # the team\n  - scope: team\n    window: day\n    usd: 1\n")
    budget = make(limits_file=path)
    tags = {"team": "search"}
    said = {b.scope: b.limit_source for b in budget.check_availability("alice", "alpha", 1, tags=tags).balances}
    assert said == {
        "user/alice": "daily_user_limit_usd",
        "project/alpha": "daily_project_limit_usd",
        "team/search": "my limits.yaml:3",
        "global": "daily_global_limit_usd",
    }
    assert {b.scope: b.limit_source for b in budget.usage(model="m")} == {
        "model/m": None,
        "global": "daily_global_limit_usd",
    }
    for call in (lambda: budget.check_availability("alice", None, 2, tags=tags), lambda: budget.reserve("alice", 11)):
        with pytest.raises(BudgetExceededError) as caught:
            call()
        assert caught.value.limit_source in ("my limits.yaml:3", "daily_user_limit_usd")
        assert f"; limit of {caught.value.limit_source})" in str(caught.value)


def test_two_time_zones_are_one_too_many():
    """Settings and file must agree."""
    Path("limits.yaml").write_text("timezone: Asia/Tokyo\nlimits: []\n")
    with pytest.raises(ConfigError, match="set one of them"):
        make(limits_file="limits.yaml", timezone="Europe/Berlin")
    make(limits_file="limits.yaml", timezone="Asia/Tokyo")


def test_what_is_answered_prints_usd(budget):
    """Never nanos: a balance, a verdict and a receipt, as a person meets them in a shell or a log."""
    receipt = budget.record_spend("alice", "0.25", input_tokens=7, idempotency_key="k")
    (alice, whole) = map(repr, receipt.balances)
    assert (
        alice == "Balance('user/alice', 'day', limit=10.00 USD, spent=0.25 USD, reserved=0.00 USD, remaining=9.75 USD)"
    )
    assert repr(receipt) == (
        "Receipt(status=recorded, cost_usd=0.25, tokens=7, requests=1, op_id='k', reservation_id=None, "
        f"replayed=False, late=False, balances=({alice}, {whole}))"
    )
    verdict = budget.check_availability("alice")
    assert repr(verdict) == (f"Verdict(remaining_usd=9.75, affordable_output_tokens=None, balances=({alice}, {whole}))")
    hold = budget.guard.reserve(Subject.of("alice"), Amounts(10**9))
    assert repr(hold).startswith(f"Hold(reservation_id='{hold.reservation_id}', reserved_usd=1.00, replayed=False, bal")
    assert repr(budget.usage(model="m")[0]) == "Balance('model/m', 'day', spent=0.00 USD, reserved=0.00 USD)"


def test_a_balance_is_a_row_of_plain_values(budget):
    """What a table takes: a column for each of its attributes, None where there is none."""
    budget.record_spend("alice", "0.25")
    rows = [balance.as_dict() for balance in budget.usage("alice", model="m")]
    assert rows[0] == {
        "scope": "user/alice",
        "window": "day",
        "unit": "usd",
        "limit": 10,
        "spent": Decimal("0.25"),
        "reserved": 0,
        "remaining": Decimal("9.75"),
        "resets_at": budget.usage("alice")[0].resets_at,
        "limit_source": "daily_user_limit_usd",
    }
    assert (rows[1]["scope"], rows[1]["limit"], rows[1]["remaining"]) == ("model/m", None, None)
    assert {tuple(row) for row in rows} == {tuple(rows[0])}


def test_a_clock_moves_the_windows():
    """For tests; a ledger of one's own has its own clock."""
    clock = ManualClock(NOW)
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"), clock=clock)
    budget.record_spend("alice", 10)
    with pytest.raises(BudgetExceededError) as caught:
        budget.check_availability("alice")
    clock.advance(caught.value.retry_after_s)
    assert budget.check_availability("alice").remaining_usd == 10
    with pytest.raises(ConfigError, match="clock"):
        BudgetManager(BudgetConfig(), ledger=MemoryLedger(), clock=clock)
