"""The operator's questions: answered by every ledger alike, and without booking anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from coreason_budget import BudgetConfig, BudgetManager, ConfigError
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.testing import ManualClock
from coreason_budget.wire import listings


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def budget(request: pytest.FixtureRequest, clock: ManualClock, tmp_path: Path) -> BudgetManager:
    """A budget on each ledger, with a journal."""
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")
    else:
        url = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/b.db"}[request.param]
    return BudgetManager(BudgetConfig(ledger_url=url, namespace=tmp_path.name), clock=clock)


def test_what_is_due_has_lapsed_when_it_is_listed(budget: BudgetManager, clock: ManualClock) -> None:
    """Open ones first; one whose time is over is told as its lapse ended it, also where nobody asked since."""
    due = budget.reserve("alice", "0.25", "launch", tags={"team": "search"}, ttl_s=60)
    clock.advance(seconds=61)
    open_one = budget.reserve("bob", model="gpt-4o", input_tokens=10, max_output_tokens=5)
    first, second = budget.books.reservations()
    assert (first.reservation_id, first.state, first.tokens) == (open_one.id, "open", 15)
    assert first.lapses_at == open_one.lapses_at
    assert (second.reservation_id, second.state, second.reserved_usd) == (due.id, "lapsed", Decimal("0.25"))
    assert second.scopes == ("user/alice", "project/launch", "team/search", "global")


def test_the_books_balance_and_are_handed_on(budget: BudgetManager, clock: ManualClock) -> None:
    """The audit and the export are of the same journal; a moment without an offset is UTC."""
    budget.record_spend("alice", 1)
    clock.advance(seconds=3600)
    budget.record_spend("alice", 2)
    report = budget.books.audit()
    assert (report.differences, report.is_complete, report.entries) == ((), True, 3)
    lines = [json.loads(line) for line in budget.books.exported("jsonl")]
    assert [line["kind"] for line in lines] == ["begin", "charge", "charge"]
    assert datetime.fromisoformat(lines[0]["at"]) == report.since
    later = datetime.fromisoformat(lines[2]["at"])
    for since in (later, later.replace(tzinfo=None)):
        assert [entry.amounts.usd_nanos for entry in budget.books.journal(since)] == [2 * 10**9]
    head, *rows = budget.books.exported("csv", later)
    assert (head.split(",")[0], len(rows)) == ('"at"', 1)


def test_a_healthy_ledger_says_how_it_stands(budget: BudgetManager) -> None:
    """It answers before anything was booked, and there is nothing to accept."""
    budget.books.ping()
    budget.reserve("alice", 1)
    standing = budget.books.status()
    assert (standing.ledger, standing.trouble, standing.open_reservations) == (budget.books.ledger_name, "", 1)
    assert listings.standing(standing)["status"] == "healthy"
    assert standing.since is None or standing.since.tzinfo is UTC
    assert not budget.books.accept()


def test_without_a_journal_there_is_nothing_to_ask() -> None:
    """An audit of nothing would call everything right."""
    books = BudgetManager(BudgetConfig(ledger_url="memory://", journal_length=0)).books
    for ask in (books.audit, books.journal, books.exported):
        with pytest.raises(ConfigError, match="journal_length"):
            ask()


def test_a_ledger_of_ones_own_has_no_url() -> None:
    """The settings name another one; and no password of theirs is told."""
    config = BudgetConfig(redis_url="redis://:hunter2@localhost:1")
    assert BudgetManager(config, ledger=MemoryLedger()).books.status().url is None
    assert "hunter2" not in repr(BudgetManager(config).books)
    assert "hunter2" not in repr(BudgetManager(config, ledger=MemoryLedger()).books.status())


def test_without_an_outbox_it_says_what_to_set() -> None:
    """And nothing waits in one that is empty."""
    books = BudgetManager(BudgetConfig(ledger_url="memory://")).books
    with pytest.raises(ConfigError, match="COREASON_BUDGET_OUTBOX"):
        books.waiting()
    with_outbox = BudgetManager(BudgetConfig(ledger_url="memory://", outbox="spend.outbox"))
    assert with_outbox.books.waiting() == ()
