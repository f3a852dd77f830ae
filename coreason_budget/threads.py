"""Synchronous methods, awaited: run in a few threads, and never left open where the task is cancelled."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial, wraps
from itertools import islice
from typing import Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

# A file has one writer at a time: while one writes, another prepares.
_THREADS = {"memory": 0, "sqlite": 2}
_MOST = 4
_BATCH = 200
_log = logging.getLogger("coreason_budget")

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")
Abandon: TypeAlias = Callable[["Future[Any]"], object]
"""What to do with a call that nobody waits for any more."""


class Threads:
    """A few threads of one process, in which calls are run in the order they came; started when one is needed."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._begin()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        if self._pid != os.getpid():
            self._begin()  # The threads stayed in the process that forked.
        return self._pool.submit(copy_context().run, work)

    def close(self) -> None:
        """Wait for what is under way. New threads are there for what comes after."""
        pool = self._pool
        self._begin()
        pool.shutdown()

    def _begin(self) -> None:
        self._pool, self._pid = ThreadPoolExecutor(self._most, "coreason-budget"), os.getpid()


_pools: WeakKeyDictionary[object, Threads] = WeakKeyDictionary()


def threads_for(manager: object, ledger: str, *, on_disk: bool) -> Threads | None:
    """Give the threads of a manager, the same for all who await it; None where it answers without waiting.

    Args:
        manager: Whose calls they run.
        ledger: The name of its ledger.
        on_disk: It writes to a disk, too.
    """
    most = _THREADS.get(ledger, _MOST) or int(on_disk)
    return _pools.setdefault(manager, Threads(most)) if most else None


class Awaiting(Generic[S]):
    """Something synchronous whose methods are awaited: ``sync`` is the thing itself."""

    def __init__(self, sync: S, threads: Threads | None) -> None:
        self.sync = sync
        self._threads = threads

    async def wait(self, work: Callable[[], T], abandon: Abandon) -> T:
        """Run a call, and give what it gives; ``abandon`` it where the task is cancelled meanwhile."""
        if self._threads is None:
            return work()
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[None] = loop.create_future()
        call = self._threads.submit(work)
        call.add_done_callback(partial(_tell, loop, answered))
        try:
            await answered
        except BaseException:
            abandon(call)
            raise
        return call.result()


def _tell(loop: asyncio.AbstractEventLoop, answered: asyncio.Future[None], _: Future[Any]) -> None:
    with suppress(RuntimeError):  # The loop was closed; nobody is there to be told.
        loop.call_soon_threadsafe(_set, answered)


def _set(answered: asyncio.Future[None]) -> None:
    if not answered.done():
        answered.set_result(None)


def drop(call: Future[Any]) -> None:
    """A question need not be asked any more."""
    call.cancel()


def carry_through(call: Future[Any]) -> None:
    """What was spent is booked all the same."""
    call.add_done_callback(_log_failure)


def _log_failure(call: Future[Any]) -> None:
    if error := call.exception():
        _log.warning("a call that was cancelled while it was booked failed: %s", error)


def awaited(
    verb: Callable[Concatenate[S, P], T], abandon: Abandon = drop
) -> Callable[Concatenate[Awaiting[S], P], Coroutine[Any, Any, T]]:
    """Make the await form of a method."""

    @wraps(verb)
    async def call(self: Awaiting[S], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.wait(partial(getattr(self.sync, verb.__name__), *args, **kwargs), abandon)

    return call


def iterated(
    verb: Callable[Concatenate[S, P], Iterator[T]],
) -> Callable[Concatenate[Awaiting[S], P], AsyncIterator[T]]:
    """Make the form for ``async for`` of a method that gives an iterator: some items at a time."""

    @wraps(verb)
    async def iterate(self: Awaiting[S], /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        items = await self.wait(partial(getattr(self.sync, verb.__name__), *args, **kwargs), drop)
        while batch := await self.wait(lambda: list(islice(items, _BATCH)), drop):
            for item in batch:
                yield item

    return iterate
