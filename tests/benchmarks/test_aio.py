"""Many tasks of one loop: the await form beside `asyncio.to_thread` by hand, and how long the loop is held up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from coreason_budget import BudgetManager, aio
from tests.benchmarks.conftest import make_manager

pytestmark = pytest.mark.benchmark

TASKS, CALLS = 50, 600
NAP_S = 0.002
Spend = Callable[[], Awaitable[object]]


def ours(budget: BudgetManager) -> Spend:
    """Book through the await form."""
    awaited = aio.BudgetManager.over(budget)
    return lambda: awaited.record_spend("user", "0.001", "project")


def by_hand(budget: BudgetManager) -> Spend:
    """What the README said before there was an await form."""
    return lambda: asyncio.to_thread(budget.record_spend, "user", "0.001", "project")


async def race(spend: Spend, tasks: int, calls: int) -> tuple[int, list[float]]:
    """Book so often in each task at once; tell how many were lost, and the loop's delays."""
    lost, lags = 0, []

    async def work() -> None:
        nonlocal lost
        for _ in range(calls):
            try:
                await spend()
            except Exception:
                lost += 1

    async def watch() -> None:
        while True:
            began_s = time.perf_counter()
            await asyncio.sleep(NAP_S)
            lags.append(time.perf_counter() - began_s - NAP_S)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*[work() for _ in range(tasks)])
    watching.cancel()
    return lost, sorted(lags)


@pytest.mark.parametrize("ledger", ["sqlite", "redis"])
@pytest.mark.parametrize("make", [ours, by_hand])
def test_tasks_of_one_loop(
    make: Callable[[BudgetManager], Spend], ledger: str, request: pytest.FixtureRequest, tmp_path: Any, benchmark: Any
) -> None:
    """All calls of all tasks are one round; none of ours is lost, and the loop goes on within 20 ms."""
    url = f"sqlite:///{tmp_path}/bench.db" if ledger == "sqlite" else request.getfixturevalue("redis_url")
    budget = make_manager(url)
    budget.record_spend("user", "0.001", "project")  # Prices and connections are there.
    tasks, calls = (5, 4) if benchmark.disabled else (TASKS, CALLS)
    found: list[tuple[int, list[float]]] = []
    benchmark.pedantic(lambda: found.append(asyncio.run(race(make(budget), tasks, calls))), rounds=1)
    budget.close()
    ((lost, lags),) = found
    benchmark.extra_info |= {
        "per_s": round(tasks * calls / benchmark.stats["mean"]) if benchmark.stats else 0,
        "lost": lost,
        "lag_p50_ms": round(lags[len(lags) // 2] * 1000, 1),
        "lag_p99_ms": round(lags[len(lags) * 99 // 100] * 1000, 1),
    }
    print({"ledger": ledger, "how": make.__name__, **benchmark.extra_info})
    if make is ours:
        assert lost == 0
        assert benchmark.disabled or benchmark.extra_info["lag_p99_ms"] < 20
