"""The await form has all that the synchronous one has, and the event loop goes on while a ledger is asked."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

import pytest

import coreason_budget
from coreason_budget import (
    BudgetConfig,
    BudgetExceededError,
    InvalidAmountError,
    ReservationNotSettledError,
    aio,
    calls,
)
from coreason_budget.books.front import BudgetBooks
from coreason_budget.events.hooks import Hooks
from tests.aio.kit import Gated, make, stands

PAIRS = [
    (coreason_budget.BudgetManager, aio.BudgetManager),
    (coreason_budget.Reservation, aio.Reservation),
    (BudgetBooks, aio.Books),
]
# What only one side needs: another shape of the same, or what threads are told.
ONLY_SYNC = {"end_quietly"}
# What gives something to await or to iterate over, or waits for nothing.
NOT_AWAITED = {"reserve", "perform", "stream", "attempt", "verb_after", "acting_for", "bind", "guarded"}


def verbs(kind: type) -> dict[str, Callable[..., Any]]:
    """The public methods of a class."""
    return {name: member for name, member in inspect.getmembers(kind, callable) if not name.startswith("_")}


def missing(sync: type, awaited: type) -> set[str]:
    """The verbs that the await form does not have, or has with other parameters."""
    theirs = {name: _parameters(member) for name, member in verbs(awaited).items()}
    return {name for name, member in verbs(sync).items() if theirs.get(name) != _parameters(member)} - ONLY_SYNC


def _parameters(member: Callable[..., Any]) -> list[inspect.Parameter]:
    # What is iterated over is another kind of iterable.
    parameters = list(inspect.signature(member).parameters.values())[1:]
    return [p.replace(annotation=str(p.annotation).replace("Async", "")) for p in parameters]


@pytest.mark.parametrize(("sync", "awaited"), PAIRS, ids=lambda kind: kind.__qualname__)
def test_every_verb_stands_in_the_await_form_with_its_signature(sync: type, awaited: type) -> None:
    """A new verb, or a new parameter, must be there too; and what is called gives something to await."""
    assert missing(sync, awaited) == set()
    assert _parameters(sync.__init__) == _parameters(awaited.__init__) or sync is not coreason_budget.BudgetManager
    for name in verbs(sync).keys() & verbs(awaited).keys():
        member = verbs(awaited)[name]
        assert member.__doc__ == verbs(sync)[name].__doc__ or name in ("close", "stream")
        is_awaited = inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member)
        assert is_awaited or name in NOT_AWAITED, name


def test_a_verb_that_is_missing_is_found() -> None:
    """The naive control: a form that forgets one, and one whose parameters are others."""

    class Forgetful:
        async def usage(self, user_id: str) -> None: ...

    found = missing(coreason_budget.BudgetManager, Forgetful)
    assert {"usage", "settle", "reserve"} <= found


def test_the_whole_life_of_a_call() -> None:
    """Check, reserve, settle and spend, as with the synchronous manager, and its errors."""

    async def main() -> None:
        budget = make(daily_user_limit_usd=1)
        assert (await budget.check_availability("alice")).remaining_usd == 1
        async with budget.reserve("alice", "0.5") as reservation:
            assert (reservation.reserved_usd, reservation.replayed) == (Decimal("0.5"), False)
            assert (await reservation.settle("0.2")).status == "settled"
        held = await budget.reserve("alice", "0.5")
        assert stands(budget) == (Decimal("0.2"), Decimal("0.5"))
        assert (await held.release()).status == "released"
        by_id = await budget.reserve("alice", "0.1")
        assert (await budget.settle(by_id.id, "0.1")).cost_usd == Decimal("0.1")
        assert (await budget.record_spend("alice", "0.3")).cost_usd == Decimal("0.3")
        with pytest.raises(BudgetExceededError, match=r"^Budget exceeded for User alice"):
            await budget.reserve("alice", "0.5")
        with pytest.raises(InvalidAmountError):
            await budget.record_spend("alice", -1)
        assert [b.spent for b in await budget.usage("alice") if b.scope == "user/alice"] == [Decimal("0.6")]
        await budget.close()
        assert (await budget.lapse((await budget.reserve("alice", "0.1")).id)).status == "lapsed"
        await budget.aclose()

    asyncio.run(main())


def test_a_call_made_as_a_value_is_run() -> None:
    """Each verb gives what its method gives."""

    async def main() -> None:
        budget = make()
        assert (await budget.perform(calls.Check(user_id="alice"))).remaining_usd == 10
        async with budget.perform(calls.Reserve(user_id="alice", cost=3)) as reservation:
            await reservation.settle(1)
        assert (await budget.perform(calls.Spend(user_id="alice", cost=2))).status == "recorded"
        held = await budget.perform(calls.Reserve(user_id="alice", cost=3))
        assert (await budget.perform(calls.Release(reservation_id=held.id))).status == "released"
        assert stands(budget) == (3, 0)

    asyncio.run(main())


def test_leaving_a_block_without_an_end_is_an_error() -> None:
    """As with the synchronous one; it can still be settled."""

    async def main() -> None:
        budget = make()
        with pytest.raises(ReservationNotSettledError):
            async with budget.reserve("alice", 5) as reservation:
                pass
        assert stands(budget) == (0, 5)
        await reservation.settle(1)
        assert stands(budget) == (1, 0)

    asyncio.run(main())


@pytest.mark.parametrize("release_on", [(), KeyError])
def test_an_exception_in_the_block_ends_it_as_in_the_synchronous_one(release_on: Any) -> None:
    """Charged, or released where the caller knows better; the exception goes on."""

    async def main() -> None:
        budget = make()
        with pytest.raises(KeyError):
            async with budget.reserve("alice", 5, release_on=release_on):
                raise KeyError
        assert stands(budget) == ((0, 0) if release_on else (5, 0))

    asyncio.run(main())


def test_the_books_are_asked_too() -> None:
    """Reservations, the journal item by item, an audit, how the ledger stands."""

    async def main() -> None:
        budget = make(Gated(), journal_length=1000)
        for _ in range(450):  # More than is read at a time.
            await budget.record_spend("alice", "0.001")
        await budget.reserve("alice", 1)
        books = budget.books
        assert books.ledger_name == "gated"
        assert len(await books.reservations()) == 1
        assert len([entry async for entry in books.journal()]) == 452, "its beginning, too"
        assert len([line async for line in books.exported("csv")]) > 451
        assert (await books.audit()).differences == ()
        assert (await books.status()).open_reservations == 1
        assert await books.accept() is False
        await books.ping()

    asyncio.run(main())


def test_the_loop_goes_on_while_the_ledger_is_asked() -> None:
    """Other tasks run; the control, the synchronous manager in the same place, lets nothing run."""

    async def ticks_beside(call: Callable[[], Any]) -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.001)

        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0)
        ticks = 0
        if inspect.isawaitable(given := call()):
            await given
        ticking.cancel()
        return ticks

    class Slow(Gated):
        def __getattr__(self, verb: str) -> Any:
            time.sleep(0.2)
            return super().__getattr__(verb)

    async def main() -> None:
        budget = make(Slow())
        assert await ticks_beside(lambda: budget.usage("alice")) > 3
        assert await ticks_beside(lambda: budget.sync.usage("alice")) == 0

    asyncio.run(main())


def test_memory_answers_without_a_thread() -> None:
    """Nothing is waited for, so nothing is handed over; another ledger is asked elsewhere."""

    class Where(Hooks):
        def after_booked(self, *args: Any, **kwargs: Any) -> None:
            seen.append(threading.current_thread() is threading.main_thread())

    seen: list[bool] = []

    async def main(budget: aio.BudgetManager) -> None:
        await budget.record_spend("alice", 1)

    asyncio.run(main(aio.BudgetManager(BudgetConfig(ledger_url="memory://"), hooks=[Where()])))
    asyncio.run(main(aio.BudgetManager(BudgetConfig(ledger_url="sqlite:///b.db"), hooks=[Where()])))
    assert seen == [True, False]


def test_context_variables_are_carried_along() -> None:
    """What a hook, or a log filter, reads of the task's context is there."""

    class Who(Hooks):
        def after_booked(self, *args: Any, **kwargs: Any) -> None:
            seen.append(request.get())

    seen: list[str] = []
    request: ContextVar[str] = ContextVar("request", default="none")

    async def main() -> None:
        budget = aio.BudgetManager(BudgetConfig(), ledger=Gated(), hooks=[Who()])

        async def handle(name: str) -> None:
            request.set(name)
            await budget.record_spend("alice", 1)

        await asyncio.gather(*[handle(f"r{i}") for i in range(5)])

    asyncio.run(main())
    assert sorted(seen) == [f"r{i}" for i in range(5)]


def test_one_manager_serves_several_loops_one_after_another_and_at_once() -> None:
    """Nothing is bound to the loop that came first."""
    budget = make()

    async def main() -> None:
        for _ in range(20):
            async with budget.reserve("alice", "0.01") as reservation:
                await reservation.settle("0.01")

    asyncio.run(main())
    loops = [threading.Thread(target=asyncio.run, args=(main(),)) for _ in range(3)]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join()
    asyncio.run(main())
    assert stands(budget) == (Decimal("1.00"), 0)
