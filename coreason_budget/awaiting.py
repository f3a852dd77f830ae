"""A reservation, awaited: what `coreason_budget.aio` and decorated coroutines hold."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Coroutine, Generator
from concurrent.futures import Future
from functools import partial, wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import ref

from coreason_budget import background, reservation
from coreason_budget.streaming import AsyncStream, Meter
from coreason_budget.threads import Abandon, Awaiting, Threads, carry_through

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


def reserving(reserve: Callable[[], reservation.Reservation], key: object, threads: Threads | None) -> Reserving:
    """Begin a reserve that was given an idempotency key of the caller's, or none."""
    # A key of the caller's may be in use by another task of theirs, which then settles late what has lapsed here.
    return Reserving(_reserve(reserve, partial(_undo, "release" if key is None else "lapse"), threads))


async def _reserve(
    reserve: Callable[[], reservation.Reservation], abandon: Abandon, threads: Threads | None
) -> Reservation:
    background.prepare()
    return Reservation(await Awaiting(None, threads).wait(reserve, abandon), threads)


def _undo(end: str, call: Future[reservation.Reservation]) -> None:
    """A hold that nobody got is not made, or ended: its call was never begun."""
    if not call.cancel():
        background.later(partial(_end_unwanted, end, call))


def _end_unwanted(end: str, call: Future[reservation.Reservation]) -> None:
    if call.exception() is None and not (held := call.result()).replayed:
        held.end_quietly(end)
