"""What a call costs beside its own time: check + record_spend, and reserve + settle."""

from __future__ import annotations

from pathlib import Path

import pytest

from coreason_budget import BudgetExceededError, BudgetManager
from tests.benchmarks.conftest import Bare, Benchmark, make_manager

pytestmark = pytest.mark.benchmark


@pytest.mark.parametrize("journal_length", [0, 100_000])
def test_record_spend_with_a_journal_and_without(benchmark: Benchmark, redis_url: str, journal_length: int) -> None:
    """What an entry costs: two commands in the same two round trips."""
    budget = make_manager(redis_url, journal_length=journal_length)
    benchmark(lambda: budget.record_spend("user", "0.01", "project", "gpt-4o"))
    assert (budget.ledger.page().entries == ()) == (journal_length == 0)
    budget.close()


@pytest.mark.parametrize("has_outbox", [False, True])
def test_record_spend_with_an_outbox_and_without(
    benchmark: Benchmark, redis_url: str, tmp_path: Path, has_outbox: bool
) -> None:
    """What it costs to have spend on disk before it is sent: a small file, made and deleted."""
    budget = make_manager(redis_url, **({"outbox": tmp_path / "spend.outbox"} if has_outbox else {}))
    benchmark(lambda: budget.record_spend("user", "0.01", "project", "gpt-4o"))
    assert (budget.outbox is not None) == has_outbox
    budget.close()


def test_check_and_record_spend(benchmark: Benchmark, budget: BudgetManager) -> None:
    """Three round trips on Redis."""

    def act() -> None:
        budget.check_availability("user", "project", "0.01", model="gpt-4o")
        budget.record_spend("user", "0.01", "project", "gpt-4o")

    benchmark(act)
    assert budget.usage("user")[0].spent > 0


def test_check_and_record_spend_bare(benchmark: Benchmark, bare: Bare) -> None:
    """The floor of the above on Redis."""

    def act() -> None:
        bare.check()
        bare.charge()

    benchmark(act)
    bare.check()


def test_reserve_and_settle(benchmark: Benchmark, budget: BudgetManager) -> None:
    """Four round trips on Redis."""

    def act() -> None:
        with budget.reserve("user", "0.02", "project", "gpt-4o") as reservation:
            reservation.settle("0.01")

    benchmark(act)
    assert budget.usage("user")[0].spent > 0


def test_reserve_and_settle_bare(benchmark: Benchmark, bare: Bare) -> None:
    """The floor of the above on Redis."""
    benchmark(lambda: bare.settle(bare.reserve()))
    bare.check()


def test_refused_check(benchmark: Benchmark, redis_url: str) -> None:
    """One round trip on Redis."""
    budget = make_manager(redis_url, daily_user_limit_usd=0)

    def act() -> None:
        with pytest.raises(BudgetExceededError):
            budget.check_availability("user", "project")

    benchmark(act)
    budget.close()


def test_check_bare(benchmark: Benchmark, bare: Bare) -> None:
    """The floor of the above."""
    benchmark(bare.check)
