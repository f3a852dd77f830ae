"""Whatever is cancelled, closed or dropped: nothing is left open, and nothing that was spent is lost."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Coroutine
from decimal import Decimal
from typing import Any

import pytest

from coreason_budget import BudgetConfig, aio
from tests.aio.kit import WAIT_S, Gated, make, stands, until_background_is_done

LAPSED = {"charge": (5, 0), "release": (0, 0)}


@pytest.fixture
def ledger() -> Gated:
    return Gated()


@pytest.fixture(params=["charge", "release"])
def on_lapse(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def budget(ledger: Gated, on_lapse: str) -> aio.BudgetManager:
    return make(ledger, on_lapse=on_lapse)


async def _cancelled(work: Coroutine[Any, Any, Any], under_way: threading.Event) -> None:
    """Cancel a task as soon as its call has come to the ledger."""
    task = asyncio.ensure_future(work)
    await asyncio.to_thread(under_way.wait, WAIT_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _settled(budget: aio.BudgetManager) -> None:
    """Wait for what is still under way."""
    await budget.close()
    await asyncio.to_thread(until_background_is_done)


async def _reserved(budget: aio.BudgetManager, **more: Any) -> aio.Reservation:
    return await budget.reserve("alice", 5, **more)


def test_a_cancelled_block_ends_its_hold_as_its_lapse_would(budget: aio.BudgetManager, on_lapse: str) -> None:
    """The provider may have billed. It has ended when the task has; a later settle corrects it."""

    async def main() -> None:
        entered, held = asyncio.Event(), []

        async def call() -> None:
            async with budget.reserve("alice", 5) as reservation:
                held.append(reservation)
                entered.set()
                await asyncio.sleep(WAIT_S)

        task = asyncio.create_task(call())
        await entered.wait()
        assert stands(budget) == (0, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stands(budget) == LAPSED[on_lapse]
        assert (await held[0].settle(2)).late
        assert stands(budget) == (2, 0)

    asyncio.run(main())


def test_a_time_out_around_the_block_ends_it_too(budget: aio.BudgetManager, on_lapse: str) -> None:
    """``asyncio.timeout`` is a cancellation that becomes a TimeoutError outside."""

    async def main() -> None:
        with pytest.raises(TimeoutError):  # noqa: PT012
            async with asyncio.timeout(None) as limit, budget.reserve("alice", 5):
                limit.reschedule(asyncio.get_running_loop().time())
                await asyncio.sleep(WAIT_S)

    asyncio.run(main())
    assert stands(budget) == LAPSED[on_lapse]


def test_a_task_that_is_cancelled_again_while_its_hold_ends(
    budget: aio.BudgetManager, ledger: Gated, on_lapse: str
) -> None:
    """The end is carried through without it."""

    async def main() -> None:
        entered = asyncio.Event()

        async def call() -> None:
            async with budget.reserve("alice", 5):
                entered.set()
                await asyncio.sleep(WAIT_S)

        task = asyncio.create_task(call())
        await entered.wait()
        with ledger.held_up("lapse") as under_way:
            task.cancel()
            await _cancelled(asyncio.shield(task), under_way)  # type: ignore[arg-type]
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await _settled(budget)

    asyncio.run(main())
    assert stands(budget) == LAPSED[on_lapse]
    assert ledger.asked.count("lapse") == 1


def test_a_reserve_that_is_cancelled_under_way_leaves_nothing(budget: aio.BudgetManager, ledger: Gated) -> None:
    """Whoever would have made the call has gone, so it was surely not made."""

    async def main() -> None:
        with ledger.held_up("reserve") as under_way:
            await _cancelled(_reserved(budget), under_way)
        await _settled(budget)

    asyncio.run(main())
    assert stands(budget) == (0, 0)
    assert "release" in ledger.asked


def test_a_reserve_that_still_waits_for_a_thread_is_not_made(budget: aio.BudgetManager, ledger: Gated) -> None:
    """The ledger never hears of it."""

    async def main() -> None:
        with ledger.held_up("reserve") as under_way:
            others = [asyncio.create_task(_reserved(budget)) for _ in range(8)]
            await asyncio.to_thread(under_way.wait, WAIT_S)
            others[-1].cancel()
            await asyncio.wait(others[-1:])
        await asyncio.wait(others)

    asyncio.run(main())
    assert ledger.asked.count("reserve") == 7


def test_a_cancelled_reserve_of_the_callers_own_key_can_be_settled_by_another(
    budget: aio.BudgetManager, ledger: Gated, on_lapse: str
) -> None:
    """Its key may be in use elsewhere: it ends as a lapse would, which a settle corrects."""

    async def main() -> None:
        with ledger.held_up("reserve") as under_way:
            await _cancelled(_reserved(budget, idempotency_key="job-1"), under_way)
        await _settled(budget)

    asyncio.run(main())
    assert stands(budget) == LAPSED[on_lapse]


def test_a_cancelled_replay_does_not_end_the_hold_that_it_found(budget: aio.BudgetManager, ledger: Gated) -> None:
    """The hold is the other task's, whose call is running."""

    async def main() -> None:
        first = await _reserved(budget, idempotency_key="job-1")
        with ledger.held_up("reserve") as under_way:
            await _cancelled(_reserved(budget, idempotency_key="job-1"), under_way)
        await _settled(budget)
        assert stands(budget) == (0, 5)
        assert not (await first.settle(1)).late

    asyncio.run(main())


@pytest.mark.parametrize("verb", ["charge", "settle", "release"])
def test_what_books_is_carried_through(budget: aio.BudgetManager, ledger: Gated, verb: str) -> None:
    """Cancelled while the ledger has it: what was spent is booked, and the block's exit sends nothing more."""

    async def main() -> None:
        async def call() -> None:
            if verb == "charge":
                await budget.record_spend("alice", 2)
                return
            async with budget.reserve("alice", 5) as reservation:
                await (reservation.settle(2) if verb == "settle" else reservation.release())

        with ledger.held_up(verb) as under_way:
            await _cancelled(call(), under_way)
        await _settled(budget)

    asyncio.run(main())
    assert stands(budget) == ((0, 0) if verb == "release" else (2, 0))
    assert "lapse" not in ledger.asked


def test_spend_that_still_waits_for_a_thread_is_booked(budget: aio.BudgetManager, ledger: Gated) -> None:
    """Unlike a reserve: its call has been made."""

    async def main() -> None:
        with ledger.held_up("charge") as under_way:
            others = [asyncio.create_task(budget.record_spend("alice", 1)) for _ in range(8)]
            await asyncio.to_thread(under_way.wait, WAIT_S)
            for other in others:
                other.cancel()
            await asyncio.wait(others)
        await _settled(budget)

    asyncio.run(main())
    assert stands(budget) == (8, 0)


def test_a_booking_that_fails_after_its_task_was_cancelled_is_logged(
    budget: aio.BudgetManager, ledger: Gated, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody else would know."""

    async def main() -> None:
        held = await _reserved(budget)
        with ledger.held_up("settle") as under_way:
            await _cancelled(held.settle(1), under_way)
            budget.sync.release(held.id)
        await _settled(budget)

    asyncio.run(main())
    assert "cancelled while it was booked failed" in caplog.text


@pytest.mark.parametrize("how", ["closed", "left", "dropped"])
def test_a_reader_that_goes_away_ends_the_hold(budget: aio.BudgetManager, on_lapse: str, how: str) -> None:
    """At once, not after ten minutes: an asynchronous generator is closed, left at a break, or dropped in a circle."""

    async def tokens() -> AsyncIterator[str]:
        async with budget.reserve("alice", 5):
            while True:
                yield "token"

    async def main() -> None:
        stream = tokens()
        async for _ in stream:
            break
        if how == "closed":
            await stream.aclose()  # type: ignore[attr-defined]
        elif how == "dropped":
            circle: list[Any] = [stream]
            circle.append(circle)
            del circle
        del stream
        gc.collect()
        await asyncio.sleep(0.01)
        await _settled(budget)

    asyncio.run(main())
    assert stands(budget) == LAPSED[on_lapse]


def test_a_loop_that_is_closed_over_a_block_ends_the_hold(budget: aio.BudgetManager, on_lapse: str) -> None:
    """Its tasks were not cancelled; they are closed when they are collected."""

    async def call() -> None:
        async with budget.reserve("alice", 5):
            entered.append(True)
            await asyncio.get_running_loop().create_future()

    async def until_entered() -> None:
        while not entered:
            await asyncio.sleep(0.001)

    entered: list[bool] = []
    loop = asyncio.new_event_loop()
    work = call()
    task = loop.create_task(work)
    loop.run_until_complete(until_entered())
    loop.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    work.close()
    del task
    until_background_is_done()
    assert stands(budget) == LAPSED[on_lapse]


def test_a_loop_that_is_closed_over_a_booking_loses_nothing(budget: aio.BudgetManager, ledger: Gated) -> None:
    """The thread goes on without it."""
    loop = asyncio.new_event_loop()
    with ledger.held_up("charge") as under_way:
        task = loop.create_task(budget.record_spend("alice", 2))
        loop.run_until_complete(asyncio.sleep(0))
        assert under_way.wait(WAIT_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()
    asyncio.run(_settled(budget))
    assert stands(budget) == (2, 0)


_EXIT = """
import asyncio, sys
from coreason_budget import BudgetConfig
from coreason_budget.aio import BudgetManager
budget = BudgetManager(BudgetConfig(ledger_url="sqlite:///b.db", ledger_timeout_s=20))

async def main():
    spends = [asyncio.create_task(budget.record_spend("alice", "0.01")) for _ in range(30)]
    asyncio.create_task(budget.reserve("alice", 1).__aenter__())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

asyncio.run(main())
"""


def test_the_interpreters_end_waits_for_what_is_under_way() -> None:
    """A script that ends right after: every spend that was begun is booked, and no hold is left."""
    subprocess.run([sys.executable, "-c", _EXIT], check=True, timeout=60)
    budget = aio.BudgetManager(BudgetConfig(ledger_url="sqlite:///b.db"))
    assert stands(budget) == (Decimal("0.30"), 0)


_FORK = """
import asyncio, os, sys
from coreason_budget import BudgetConfig
from coreason_budget.aio import BudgetManager
budget = BudgetManager(BudgetConfig(ledger_url="sqlite:///b.db", ledger_timeout_s=30))

async def spend():
    for _ in range(10):
        async with budget.reserve("alice", "0.05") as reservation:
            await reservation.settle("0.05")

asyncio.run(spend())
child = os.fork()
if child == 0:
    asyncio.run(spend())
    os._exit(7)
asyncio.run(spend())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), budget.sync.usage("alice")[0].spent)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_manager_is_used_on_both_sides_of_a_fork() -> None:
    """The child has threads of its own, and one budget with its parent."""
    done = subprocess.run([sys.executable, "-c", _FORK], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["7", "1.50"], done.stderr
