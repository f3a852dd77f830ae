"""Turns: the threads of a process go through one at a time, in the order in which they came, until their deadline."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from weakref import ref

from coreason_budget.errors import LedgerUnavailableError

_LOOK_S = 0.02


class _Ticket:
    """One who waits, or whose turn it is. Who is interrupted drops it, or comes again with another: it is void then."""

    __slots__ = ("__weakref__", "called", "thread")

    def __init__(self) -> None:
        self.called = threading.Event()
        self.thread = threading.get_ident()


class Turns:
    """A fair queue. SQLite has none: who polls for its lock overtakes, and of six threads some wait in vain.

    A thread is in it once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[ref[_Ticket]] = deque()
        self._now: ref[_Ticket] | None = None

    @contextmanager
    def turn(self, deadline_s: float) -> Iterator[None]:
        """Have the turn during the block.

        Raises:
            LedgerUnavailableError: It did not come until the deadline (of ``time.monotonic``).
        """
        ticket = _Ticket()
        try:
            self._wait(ticket, deadline_s)
            yield
        finally:
            self._leave(ticket)

    def _wait(self, ticket: _Ticket, deadline_s: float) -> None:
        with self._lock:
            self._now = None if self._is_void(self._now, ticket.thread) else self._now
            self._waiting.append(ref(ticket))
            self._call_next()
        while not ticket.called.wait(max(0.0, min(_LOOK_S, deadline_s - time.monotonic()))):
            if time.monotonic() >= deadline_s:
                raise LedgerUnavailableError(
                    f"{len(self._waiting)} threads of this process wait to write, and the turn did not come in time; "
                    "raise ledger_timeout_s, or keep budgets in Redis"
                )
            with self._lock:
                self._call_next()

    def _leave(self, ticket: _Ticket) -> None:
        with self._lock:
            if self._now is not None and self._now() is ticket:
                self._now = None
            with suppress(ValueError):
                self._waiting.remove(ref(ticket))
            self._call_next()

    def _is_void(self, place: ref[_Ticket] | None, thread: int = 0) -> bool:
        ticket = None if place is None else place()
        return ticket is None or ticket.thread == thread

    def _call_next(self) -> None:
        while self._is_void(self._now) and self._waiting:
            self._now = self._waiting.popleft()
            if (ticket := self._now()) is not None:
                ticket.called.set()


_turns: dict[tuple[int, str], Turns] = {}


def turns_of(name: str) -> Turns:
    """The queue of a name, one in a process. A child of a fork has its own: nobody there has its parent's turns."""
    return _turns.setdefault((os.getpid(), name), Turns())
