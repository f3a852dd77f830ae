"""What the outbox's tests share: a ledger that goes away, and managers before it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from coreason_budget import BudgetConfig, BudgetManager, LedgerUnavailableError, OutcomeUnknownError
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.ledger.record import op_id_of
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing import ManualClock

DEAD = "redis://127.0.0.1:1"
PRICES = {"my-model": {"input_cost_per_token": "0.01", "output_cost_per_token": "0.02", "outrageous": True}}
# A long time-out, for a call delivers what waits for a part of it.
LIMITS: dict[str, Any] = {"daily_user_limit_usd": 10, "model_price_overrides": PRICES, "ledger_timeout_s": 30}


class Flaky:
    """A ledger in memory that is ``up``, ``down`` (nothing arrives), loses answers or requests, or is interrupted."""

    name = "flaky"

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.inner = MemoryLedger(clock=clock or int)
        self.state = "up"
        self.arrived: list[str] = []
        self.error: Exception | None = None
        self.before_spend: Callable[[], object] = int

    def __getattr__(self, verb: str) -> Any:
        method = getattr(self.inner, verb)

        def call(*requests: Any) -> Any:
            op_id = _op_id(*requests)
            if self.state == "down":
                raise LedgerUnavailableError("the ledger is down")
            if self.state == "loses requests" and op_id:
                raise OutcomeUnknownError("no answer", op_id=op_id)
            if op_id and self.error is not None:
                raise self.error
            if op_id and self.state == "interrupted":
                raise KeyboardInterrupt
            if op_id:
                self.before_spend()
            answer = method(*requests)
            if op_id:
                self.arrived.append(op_id)
            if self.state == "loses answers" and op_id:
                raise OutcomeUnknownError("no answer", op_id=op_id)
            return answer

        return call


def _op_id(request: Any = None) -> str:
    if not hasattr(request, "digest"):
        return ""
    return str(request.op_id or op_id_of(request.reservation_id))


def manager(path: Path, ledger: Any = None, clock: ManualClock | None = None, **settings: Any) -> BudgetManager:
    """A manager with its outbox at ``path``."""
    made = BudgetManager(BudgetConfig(outbox=path, **{**LIMITS, **settings}), ledger=ledger)
    if clock is not None:
        assert made.outbox is not None
        made.outbox._clock = clock
    return made


def queued(call: Callable[[], object]) -> LedgerUnavailableError:
    """The error of a call whose spend must now be in the outbox."""
    with pytest.raises(LedgerUnavailableError) as caught:
        call()
    assert caught.value.queued, caught.value
    return caught.value


def spent(budget: BudgetManager, user: str = "alice") -> Any:
    """What the ledger itself has booked for a user, whatever waits."""
    inner = budget.ledger._ledger  # type: ignore[attr-defined]
    reading = inner.read(budget.guard.limits.plan(Subject.of(user), Amounts()))
    ((used, reserved),) = [
        reading.standings.get(e.account.key, (0, 0)) for e in reading.entries if e.account.scope.kind == "user"
    ]
    return (used - reserved) / 10**9


def states(budget: BudgetManager) -> list[tuple[str, str]]:
    """What the outbox holds: op id and state, in order."""
    assert budget.outbox is not None
    return [(e.op_id, e.state) for e in budget.outbox.entries()]


def run(path: Path, statement: str) -> list[Any]:
    """What a statement answers on an SQLite file, past the library."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()
