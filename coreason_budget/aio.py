"""The await form of `BudgetManager`: the same names and signatures, each awaited, none holding up the event loop.

A veneer: every verb is the synchronous one, run in one of a few threads where it waits for its ledger, and at
once where the ledger is in memory. One manager serves any number of tasks and loops, before and after a fork.

Cancelling a task never leaves open what it asked for. A reserve that nobody waits for any more is not made, or
ended again; what books spend is carried through; a hold whose block is cancelled ends as its lapse would.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Coroutine, Generator
from concurrent.futures import Future
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar, overload
from weakref import ref

from coreason_budget import background, manager, reservation
from coreason_budget.books.front import BudgetBooks
from coreason_budget.calls import Check, Release, Reserve, Settle, Spend
from coreason_budget.config import BudgetConfig
from coreason_budget.payer import acting_for, bind
from coreason_budget.pricing import PricingEngine
from coreason_budget.standing import Receipt, Verdict
from coreason_budget.streaming import AsyncStream, Meter
from coreason_budget.threads import Abandon, Awaiting, Threads, awaited, carry_through, drop, iterated

# Where calls wait for each other anyway, more threads only take the lock from each other.
_THREADS = {"memory": 0, "sqlite": 1}
_MOST = 4

P = ParamSpec("P")
T = TypeVar("T")


def _ending(
    verb: Callable[Concatenate[reservation.Reservation, P], T],
) -> Callable[Concatenate[Reservation, P], Coroutine[Any, Any, T]]:
    """Make the await form of a method that ends a reservation: leaving its block then sends nothing more."""

    @wraps(verb)
    async def call(self: Reservation, /, *args: P.args, **kwargs: P.kwargs) -> T:
        self._attempted = True
        return await self.wait(partial(verb, self.sync, *args, **kwargs), carry_through)

    return call


class Reservation(reservation.Handle, Awaiting[reservation.Reservation]):
    """Money held for one call, as `coreason_budget.Reservation`; entered with ``async with``.

    A task that is cancelled in the block ends it as its lapse would, and so does a reader that closes an
    asynchronous generator: what it cost is then known to the ledger, and a later settle corrects it.
    """

    def __init__(self, sync: reservation.Reservation, threads: Threads | None) -> None:
        Awaiting.__init__(self, sync, threads)
        reservation.Handle.__init__(self, sync._hold, sync._release_on)
        self._stream: Callable[[], AsyncStream[Any] | None] = lambda: None

    @property
    def _attempted(self) -> bool:
        return self.sync._attempted

    @_attempted.setter
    def _attempted(self, value: bool) -> None:
        self.sync._attempted = value

    settle = _ending(reservation.Reservation.settle)
    release = _ending(reservation.Reservation.release)

    def stream(
        self,
        chunks: AsyncIterable[T],
        *,
        usage_of: Callable[[T], object] | None = None,
        text_of: Callable[[T], str] | None = None,
    ) -> AsyncStream[T]:
        """Pass an asynchronous stream on, and settle by it. See `coreason_budget.Reservation.stream`."""
        stream = AsyncStream(chunks, Meter(self.sync, usage_of, text_of), partial(self.wait, abandon=carry_through))
        self._stream = ref(stream)
        return stream

    async def __aenter__(self) -> Reservation:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (stream := self._stream()) is not None:
            await stream.left(error)
        if isinstance(error, GeneratorExit) and not self._attempted:
            # Nobody may be there to wait: this may be a destructor, or its loop closed.
            background.later(partial(self.sync.end_quietly, "lapse"))
        elif verb := self._ending(error):
            await self.wait(partial(self.sync.end_quietly, verb), carry_through)


class Reserving:
    """A reserve under way: await it, or enter it with ``async with``."""

    def __init__(self, reserve: Coroutine[Any, Any, Reservation]) -> None:
        self._reserve = reserve

    def __await__(self) -> Generator[Any, None, Reservation]:
        return self._reserve.__await__()

    async def __aenter__(self) -> Reservation:
        self._entered = await self._reserve
        return self._entered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._entered.__aexit__(kind, error, trace)


def _reserving(
    verb: Callable[Concatenate[manager.BudgetManager, P], reservation.Reservation],
) -> Callable[Concatenate[BudgetManager, P], Reserving]:
    """Make the await form of a reserve."""

    @wraps(verb)
    def call(self: BudgetManager, /, *args: P.args, **kwargs: P.kwargs) -> Reserving:
        return self._reserving(partial(verb, self.sync, *args, **kwargs), kwargs.get("idempotency_key"))

    return call


def _undo(end: str, call: Future[reservation.Reservation]) -> None:
    """A hold that nobody got is not made, or ended: its call was never begun."""
    if not call.cancel():
        background.later(partial(_end_unwanted, end, call))


def _end_unwanted(end: str, call: Future[reservation.Reservation]) -> None:
    if call.exception() is None and not (held := call.result()).replayed:
        held.end_quietly(end)


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
        most = _THREADS.get(sync.ledger.name, _MOST)
        if sync.outbox is not None:
            most = most or 1  # It is on a disk.
        super().__init__(sync, Threads(most) if most else None)

    check_availability = awaited(manager.BudgetManager.check_availability)
    affordable_output_tokens = awaited(manager.BudgetManager.affordable_output_tokens)
    record_spend = awaited(manager.BudgetManager.record_spend, carry_through)
    reserve = _reserving(manager.BudgetManager.reserve)
    settle = awaited(manager.BudgetManager.settle, carry_through)
    release = awaited(manager.BudgetManager.release, carry_through)
    lapse = awaited(manager.BudgetManager.lapse, carry_through)
    usage = awaited(manager.BudgetManager.usage)

    acting_for = staticmethod(acting_for)
    bind = staticmethod(bind)

    @overload
    def run(self, call: Check) -> Coroutine[Any, Any, Verdict]: ...
    @overload
    def run(self, call: Reserve) -> Reserving: ...
    @overload
    def run(self, call: Spend | Settle | Release) -> Coroutine[Any, Any, Receipt]: ...
    @wraps(manager.BudgetManager.run)
    def run(self, call: Any) -> Any:
        work: Callable[[], Any] = partial(self.sync.run, call)
        if isinstance(call, Reserve):
            return self._reserving(work, call.idempotency_key)
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

    def _reserving(self, reserve: Callable[[], reservation.Reservation], key: object) -> Reserving:
        # A key of the caller's may be in use by another task of theirs, which then settles late what has lapsed here.
        return Reserving(self._reserve(reserve, partial(_undo, "release" if key is None else "lapse")))

    async def _reserve(self, reserve: Callable[[], reservation.Reservation], abandon: Abandon) -> Reservation:
        background.prepare()
        return Reservation(await self.wait(reserve, abandon), self._threads)
