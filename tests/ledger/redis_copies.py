"""A ledger on fakeredis, and databases that are copied and put back."""

from __future__ import annotations

from typing import Any

from fakeredis import FakeRedis, FakeServer

from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.model import Amounts
from coreason_budget.testing.kit import ALICE, USD, guard_on, limit
from tests.fake_redis import connector

EPOCH, SEQUENCE = "{coreason}:epoch", "{coreason}:sequence"
Copy = dict[bytes, bytes]


def ledger_on(server: FakeServer, **options: Any) -> RedisLedger:
    """A process's ledger."""
    return RedisLedger("redis://nowhere", timeout_s=10, connect=connector(server), **options)


def guard_at(server: FakeServer, **options: Any) -> BudgetGuard:
    """A process's guard, with a limit of 1 USD for a user."""
    return guard_on(ledger_on(server, **options), limit("user", USD))


def charged(server: FakeServer, times: int) -> tuple[BudgetGuard, Copy]:
    """A process that charged once and then so many times, and a copy of the database in between."""
    guard = guard_at(server)
    guard.charge(ALICE, Amounts(1))
    old = copy_of(server)
    for _ in range(times):
        guard.charge(ALICE, Amounts(1))
    return guard, old


def copy_of(server: FakeServer) -> Copy:
    """All that the database holds."""
    client = FakeRedis(server=server)
    return {key: client.dump(key) for key in client.scan_iter()}  # type: ignore[misc]


def put_back(server: FakeServer, copy: Copy) -> None:
    """Let it hold that, and nothing else."""
    client = FakeRedis(server=server)
    client.flushall()
    for key, value in copy.items():
        client.restore(key, 0, value)
