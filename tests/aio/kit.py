"""A ledger in memory that can be held up, so that tests say when a call is under way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from coreason_budget import BudgetConfig, BudgetManager, aio, background
from coreason_budget.ledger.memory import MemoryLedger

WAIT_S = 20


class Gated:
    """Answers from memory, but a call of a verb that is held up waits for the gate. Counts what it is asked."""

    name = "gated"

    def __init__(self) -> None:
        self._ledger = MemoryLedger()
        self.asked: list[str] = []
        self.threads: set[str] = set()
        self._held: str | None = None
        self._entered, self._gate = threading.Event(), threading.Event()

    def __getattr__(self, verb: str) -> Any:
        method = getattr(self._ledger, verb)

        def call(*args: Any) -> Any:
            name = getattr(args[0], "verb", verb) if args else verb
            self.threads.add(threading.current_thread().name)
            if name == self._held:
                self._entered.set()
                assert self._gate.wait(WAIT_S)
            self.asked.append(name)
            return method(*args)

        return call

    @contextmanager
    def held_up(self, verb: str) -> Iterator[threading.Event]:
        """Let calls of a verb wait until the end of the block; the event tells that one has come."""
        self._held, self._entered, self._gate = verb, threading.Event(), threading.Event()
        try:
            yield self._entered
        finally:
            self._held = None
            self._gate.set()


def make(ledger: Any = None, **settings: Any) -> aio.BudgetManager:
    """A manager; left out, its ledger is one that can be held up."""
    return aio.BudgetManager(BudgetConfig(**settings), ledger=ledger if ledger is not None else Gated())


def stands(budget: aio.BudgetManager | BudgetManager, user: str = "alice") -> tuple[Any, Any]:
    """What a user has spent and reserved."""
    sync = budget if isinstance(budget, BudgetManager) else budget.sync
    return next((b.spent, b.reserved) for b in sync.usage(user) if b.scope == f"user/{user}")


def until_background_is_done() -> None:
    """Wait for what was left to the background thread."""
    done = threading.Event()
    background.prepare()
    background.later(done.set)
    assert done.wait(WAIT_S)
