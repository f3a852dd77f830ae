"""The await form of `BudgetManager`: the same names and signatures, each awaited, none holding up the event loop.

A veneer: every verb is the synchronous one, run in one of a few threads where it waits for its ledger, and at
once where the ledger is in memory. One manager serves any number of tasks and loops, before and after a fork.

Cancelling a task never leaves open what it asked for. A reserve that nobody waits for any more is not made, or
ended again; what books spend is carried through; a hold whose block is cancelled ends as its lapse would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

from coreason_budget import manager, reservation
from coreason_budget.awaiting import Reservation, Reserving, reserving
from coreason_budget.books.front import BudgetBooks
from coreason_budget.calls import Check, Correct, Release, Reserve, Settle, Spend
from coreason_budget.config import BudgetConfig
from coreason_budget.guarded import guarded
from coreason_budget.payer import acting_for, bind
from coreason_budget.pricing import PricingEngine
from coreason_budget.standing import Receipt, Verdict
from coreason_budget.threads import Awaiting, awaited, carry_through, drop, iterated

__all__ = ["Books", "BudgetManager", "Reservation", "Reserving"]

P = ParamSpec("P")
T = TypeVar("T")


def _reserving(
    verb: Callable[Concatenate[manager.BudgetManager, P], reservation.Reservation],
) -> Callable[Concatenate[BudgetManager, P], Reserving]:
    """Make the await form of a reserve."""

    @wraps(verb)
    def call(self: BudgetManager, /, *args: P.args, **kwargs: P.kwargs) -> Reserving:
        return reserving(partial(verb, self.sync, *args, **kwargs), kwargs.get("idempotency_key"), self._threads)

    return call


class Books(Awaiting[BudgetBooks]):
    """What an operator asks, as `BudgetManager.books` of the synchronous manager."""

    ping = awaited(BudgetBooks.ping)
    reservations = awaited(BudgetBooks.reservations)
    journal = iterated(BudgetBooks.journal)
    exported = iterated(BudgetBooks.exported)
    audit = awaited(BudgetBooks.audit)
    status = awaited(BudgetBooks.status)
    accept = awaited(BudgetBooks.accept, carry_through)
    waiting = awaited(BudgetBooks.waiting)

    @property
    def ledger_name(self) -> str:
        """What the ledger is called: ``redis``, ``sqlite``, ``memory``."""
        return self.sync.ledger_name


def _making(make: Callable[P, manager.BudgetManager]) -> Callable[Concatenate[BudgetManager, P], None]:
    """Take what makes the synchronous manager."""

    @wraps(manager.BudgetManager.__init__)
    def init(self: BudgetManager, /, *args: P.args, **kwargs: P.kwargs) -> None:
        self._ask(make(*args, **kwargs))

    return init


class BudgetManager(Awaiting[manager.BudgetManager]):
    """`coreason_budget.BudgetManager` to be awaited. Takes what that takes; ``sync`` is the manager that it asks.

    ``async with budget.reserve(...) as reservation:`` holds, ``await reservation.settle(...)`` books.
    """

    __init__ = _making(manager.BudgetManager)

    @classmethod
    def over(cls, sync: manager.BudgetManager) -> BudgetManager:
        """Give the await form of a manager that is there already."""
        made = cls.__new__(cls)
        made._ask(sync)
        return made

    def _ask(self, sync: manager.BudgetManager) -> None:
        super().__init__(sync, sync.threads)

    check_availability = awaited(manager.BudgetManager.check_availability)
    affordable_output_tokens = awaited(manager.BudgetManager.affordable_output_tokens)
    record_spend = awaited(manager.BudgetManager.record_spend, carry_through)
    reserve = _reserving(manager.BudgetManager.reserve)
    settle = awaited(manager.BudgetManager.settle, carry_through)
    release = awaited(manager.BudgetManager.release, carry_through)
    correct = awaited(manager.BudgetManager.correct, carry_through)
    lapse = awaited(manager.BudgetManager.lapse, carry_through)
    balances = awaited(manager.BudgetManager.balances)
    usage = balances

    acting_for = staticmethod(acting_for)
    bind = staticmethod(bind)
    guarded = guarded

    @overload
    def perform(self, call: Check) -> Coroutine[Any, Any, Verdict]: ...
    @overload
    def perform(self, call: Reserve) -> Reserving: ...
    @overload
    def perform(self, call: Spend | Settle | Release | Correct) -> Coroutine[Any, Any, Receipt]: ...
    @wraps(manager.BudgetManager.perform)
    def perform(self, call: Any) -> Any:
        work: Callable[[], Any] = partial(self.sync.perform, call)
        if isinstance(call, Reserve):
            return reserving(work, call.idempotency_key, self._threads)
        return self.wait(work, drop if isinstance(call, Check) else carry_through)

    @property
    def config(self) -> BudgetConfig:
        """The settings."""
        return self.sync.config

    @property
    def pricing(self) -> PricingEngine:
        """What a call costs. It asks no ledger, and is not awaited."""
        return self.sync.pricing

    @property
    def books(self) -> Books:
        """What an operator asks: reservations, the journal, an audit, how the ledger stands, what waits."""
        return Books(self.sync.books, self._threads)

    async def close(self) -> None:
        """Wait for what is under way, and give the ledger's connections back. The manager may be used again."""
        if self._threads is not None:
            await asyncio.to_thread(self._threads.close)
        await self.wait(self.sync.close, carry_through)

    aclose = close
