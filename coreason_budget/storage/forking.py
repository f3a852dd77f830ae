"""Forks and operations take turns: nobody forks while a thread is inside a C library that has locks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

from coreason_budget.errors import LedgerUnavailableError

_NAP_S = 0.0005
_PATIENCE_S = 5.0


class ForkGate:
    """Keeps forks and operations of one process apart, and the parent's handles out of a child's hands.

    A child has only the thread that forked. What another thread held at that moment (a mutex of
    SQLite's, an open transaction) is held there for good, or undone by a destructor.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._inside: set[int] = set()
        self._forking: set[int] = set()
        self._kept: WeakSet[object] = WeakSet()
        self._passing: list[object] = []
        self._pinned: list[object] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child)

    def keep(self, handle: object) -> None:
        """Never destroy this handle in a child; call it inside `operation`."""
        self._kept.add(handle)

    def pin(self, handle: object) -> None:
        """Keep a parent's handle for good: a server that forks without Python's hooks gets here by its destructor."""
        self._pinned.append(handle)

    @contextmanager
    def operation(self, deadline_s: float) -> Iterator[None]:
        """Do not fork during the block.

        Raises:
            LedgerUnavailableError: A fork lasted until the deadline (of ``time.monotonic``).
        """
        me = threading.get_ident()
        if self._pid != os.getpid():
            self._in_child()
        self._inside.add(me)
        try:
            while self._forking:
                self._inside.discard(me)
                if time.monotonic() >= deadline_s:
                    raise LedgerUnavailableError("the ledger waited for a fork of this process, in vain")
                time.sleep(_NAP_S)
                self._inside.add(me)
            yield
        finally:
            self._inside.discard(me)

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Do not fork during the block: `operation` for a destructor, which may run inside of one, or of a fork."""
        if threading.get_ident() in self._inside | self._forking:
            yield
            return
        with self.operation(time.monotonic() + _PATIENCE_S):
            yield

    def _before(self) -> None:
        me = threading.get_ident()
        self._forking.add(me)
        # Operations are bounded in time; whatever else keeps one, a fork must not wait for good.
        deadline_s = time.monotonic() + _PATIENCE_S
        while self._inside - {me} and time.monotonic() < deadline_s:
            time.sleep(_NAP_S)
        self._passing = list(self._kept)

    def _in_parent(self) -> None:
        self._passing = []
        self._forking.discard(threading.get_ident())

    def _in_child(self) -> None:
        # Pinned for good: closing the parent's handles here would touch what is the parent's.
        self._pid = os.getpid()
        self._pinned += self._kept
        self._passing, self._kept = [], WeakSet()
        self._inside.clear()
        self._forking.clear()
