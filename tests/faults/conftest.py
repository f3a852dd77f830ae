"""Budgets on a real server, reached directly and through a proxy."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.base import Clock
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.limits import Limit, LimitBook
from coreason_budget.model import Subject
from coreason_budget.windows import Calendar
from tests.faults.proxy import Proxy, proxied

USD = 10**9
CALL = Subject.of("alice", "launch", "gpt-4o")


_ONE_USD = tuple(Limit(kind, None, "day", "usd", USD) for kind in ("user", "global"))


def make_guard(
    url: str,
    namespace: str,
    *,
    timeout_s: float = 5.0,
    ledger: type[RedisLedger] = RedisLedger,
    clock: Clock = int,
) -> BudgetGuard:
    """A guard with a limit of 1 USD a day for users and for all."""
    made = ledger(url, namespace=namespace, timeout_s=timeout_s, clock=clock)
    return BudgetGuard(made, LimitBook(_ONE_USD, Calendar()))


def guard_at(url: str, namespace: str, limits: tuple[Limit, ...], timeout_s: float = 5.0) -> BudgetGuard:
    """A guard with these limits; for another process."""
    return BudgetGuard(RedisLedger(url, namespace=namespace, timeout_s=timeout_s), LimitBook(limits, Calendar()))


@pytest.fixture
def proxy(valkey_url: str) -> Iterator[Proxy]:
    """A proxy before a real Valkey."""
    with proxied(valkey_url) as made:
        yield made


@pytest.fixture
def namespace() -> str:
    """A namespace that nobody used before."""
    return secrets.token_hex(8)
