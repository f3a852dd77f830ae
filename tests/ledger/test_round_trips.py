"""How often a verb waits for Redis: two round trips a mutation, one a check."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from coreason_budget import BudgetConfig, BudgetExceededError, BudgetManager
from coreason_budget.ledger.redis import packets
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.ledger import RedisLedger
from tests.fake_redis import connector, fake_server

DAY_NS = 24 * 3600 * 10**9


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> BudgetManager:
    """A dollar a day for every user, already connected. What a server is asked does not depend on the server."""
    ledger = RedisLedger("redis://nowhere", timeout_s=10, connect=connector(fake_server(monkeypatch)))
    made = BudgetManager(BudgetConfig(daily_user_limit_usd=1), ledger=ledger)
    made.usage()
    return made


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], int]:
    """How many packets an act sends and waits for."""
    sent: list[int] = []
    exchange = Link._exchange

    def counted(self: Link, packet: bytes, replies: int) -> list[object]:
        sent.append(replies)
        return exchange(self, packet, replies)

    monkeypatch.setattr(Link, "_exchange", counted)

    def count(act: Callable[[], object]) -> int:
        sent.clear()
        act()
        return len(sent)

    return count


def test_what_a_call_costs(budget: BudgetManager, trips: Callable[[Callable[[], object]], int]) -> None:
    """The whole life of a call, verb by verb."""
    assert trips(lambda: budget.check_availability("alice", "launch", model="gpt-4o")) == 1
    assert trips(lambda: budget.record_spend("alice", "0.1", "launch", "gpt-4o")) == 2
    assert trips(lambda: budget.record_spend("alice", "0.1", "launch", "gpt-4o", idempotency_key="k")) == 2
    assert trips(lambda: budget.usage("alice", "launch")) == 1
    assert trips(budget.ledger.ping) == 1
    reservation = budget.reserve("alice", "0.1")
    assert trips(lambda: budget.reserve("alice", "0.1")) == 2
    assert trips(lambda: reservation.settle("0.1")) == 2
    assert trips(lambda: budget.reserve("alice", "0.1").release()) == 4


def test_a_caller_that_keeps_only_the_id_pays_one_more(
    budget: BudgetManager, trips: Callable[[Callable[[], object]], int]
) -> None:
    """The accounts are in the record, and the record has to be read first."""
    first, second = budget.reserve("alice", "0.1").id, budget.reserve("alice", "0.1").id
    assert trips(lambda: budget.settle(first, "0.1")) == 3
    assert trips(lambda: budget.release(second)) == 3


def test_a_refusal_costs_one(budget: BudgetManager, trips: Callable[[Callable[[], object]], int]) -> None:
    """A flood of refused calls reads and writes nothing."""

    def refused(act: Callable[[], object]) -> None:
        with pytest.raises(BudgetExceededError):
            act()

    assert trips(lambda: refused(lambda: budget.check_availability("alice", estimated_cost=2))) == 1
    assert trips(lambda: refused(lambda: budget.reserve("alice", 2))) == 1


@pytest.mark.parametrize("days", [-3, 3])
def test_a_wrong_clock_costs_one_more_and_only_once(
    days: int, budget: BudgetManager, trips: Callable[[Callable[[], object]], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer tells the server's time, and from then on its windows are guessed right."""
    wrong = SimpleNamespace(time_ns=lambda: time.time_ns() + days * DAY_NS)
    monkeypatch.setattr(packets, "time", wrong)
    assert trips(lambda: budget.record_spend("alice", "0.1")) == 3
    assert trips(lambda: budget.record_spend("alice", "0.1")) == 2
    assert trips(lambda: budget.check_availability("alice")) == 1
