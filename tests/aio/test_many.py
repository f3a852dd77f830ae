"""Many tasks on one budget: every call is booked, exactly, on every ledger."""

from __future__ import annotations

import asyncio
import secrets
from decimal import Decimal

import pytest

from coreason_budget import BudgetConfig, BudgetExceededError, aio
from tests.aio.kit import stands

TASKS, CALLS = 50, 4


@pytest.fixture(params=["memory", "sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def budget(request: pytest.FixtureRequest) -> aio.BudgetManager:
    urls = {"memory": "memory://", "sqlite": "sqlite:///b.db"}
    url = urls.get(request.param) or request.getfixturevalue("redis_url")
    return aio.BudgetManager(
        BudgetConfig(ledger_url=url, namespace=secrets.token_hex(6), daily_user_limit_usd=2, ledger_timeout_s=20)
    )


@pytest.mark.slow
def test_no_call_of_many_tasks_is_lost(budget: aio.BudgetManager) -> None:
    """Each reserves, settles for less and books on top; the sum is exact, and nothing is left reserved."""

    async def work() -> None:
        for _ in range(CALLS):
            async with budget.reserve("alice", "0.002") as reservation:
                await reservation.settle("0.001")
            await budget.record_spend("alice", "0.0005")

    async def main() -> None:
        await asyncio.gather(*[work() for _ in range(TASKS)])
        await budget.close()

    asyncio.run(main())
    assert stands(budget) == (TASKS * CALLS * Decimal("0.0015"), 0)


def test_many_tasks_admit_exactly_the_limit(budget: aio.BudgetManager) -> None:
    """Half of them are refused, and some of those that hold are cancelled: never more than the limit."""

    async def work(i: int) -> int:
        try:
            async with budget.reserve("alice", "0.10") as reservation:
                if i % 5 == 0:
                    raise asyncio.CancelledError
                await reservation.settle("0.10")
        except (BudgetExceededError, asyncio.CancelledError) as error:
            return isinstance(error, asyncio.CancelledError)
        return 1

    async def main() -> int:
        admitted = sum(await asyncio.gather(*[work(i) for i in range(40)]))
        await budget.close()
        return admitted

    assert asyncio.run(main()) == 20
    assert stands(budget) == (2, 0)
