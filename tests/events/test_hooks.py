"""Hooks are told what was decided, once and in order, and can no longer change it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coreason_budget import BudgetConfig, BudgetExceededError, BudgetManager
from coreason_budget.events import Hooks
from coreason_budget.events.hooks import crossed
from coreason_budget.model import Subject
from coreason_budget.standing import Balance, Hold, Receipt
from coreason_budget.testing import ManualClock
from tests.outbox.kit import DEAD


class Told(Hooks):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def after_admitted(self, hold: Hold) -> None:
        self.seen.append(("admitted", hold.reservation_id, hold.replayed))

    def after_refused(
        self, subject: Subject, refusal: BudgetExceededError, verb: str, idempotency_key: str | None
    ) -> None:
        self.seen.append(("refused", verb, subject.user, refusal.scope, refusal.reason, idempotency_key))

    def after_booked(self, receipt: Receipt) -> None:
        self.seen.append(("booked", receipt.status, receipt.cost_usd, receipt.replayed))

    def after_crossed(self, receipt: Receipt, balance: Balance) -> None:
        self.seen.append(("crossed", balance.scope, balance.unit))


class Broken(Hooks):
    """Raises, whatever it is told."""

    def after_admitted(self, hold: Hold) -> None:
        raise RuntimeError("admitted")

    def after_refused(
        self, subject: Subject, refusal: BudgetExceededError, verb: str, idempotency_key: str | None
    ) -> None:
        raise RuntimeError("refused")

    def after_booked(self, receipt: Receipt) -> None:
        raise RuntimeError("booked")

    def after_crossed(self, receipt: Receipt, balance: Balance) -> None:
        raise RuntimeError("crossed")


def make(*hooks: Hooks, **settings: Any) -> BudgetManager:
    return BudgetManager(BudgetConfig(**{"ledger_url": "memory://", **settings}), hooks=hooks)


def test_every_decision_is_told_in_order() -> None:
    """What was admitted, refused and booked; a check that fits and a release are none."""
    told = Told()
    budget = make(told)
    budget.check_availability("alice")
    one = budget.reserve("alice", 4, idempotency_key="k")
    budget.reserve("alice", 4, idempotency_key="k")
    one.settle(3)
    budget.reserve("alice", 1).release()
    with pytest.raises(BudgetExceededError):
        budget.check_availability("alice", estimated_cost=8)
    with pytest.raises(BudgetExceededError):
        budget.reserve("alice", 8, idempotency_key="l")
    budget.record_spend("alice", 1, idempotency_key="m")
    budget.record_spend("alice", 1, idempotency_key="m")
    released = told.seen.pop(3)
    assert released[0] == "admitted"
    assert told.seen == [
        ("admitted", one.id, False),
        ("admitted", one.id, True),
        ("booked", "settled", 3, False),
        ("refused", "check", "alice", "user/alice", "spent", None),
        ("refused", "reserve", "alice", "user/alice", "spent", "l"),
        ("booked", "recorded", 1, False),
        ("booked", "recorded", 1, True),
    ]


def test_a_limit_is_crossed_once() -> None:
    """By the booking that uses it up: not before it, not by those that come after, not by its replay."""
    told = Told()
    budget = make(told, daily_global_limit_usd=12)
    for cost, key in ((9, "a"), (1, "b"), (1, "b"), (1, "c"), (5, "d")):
        budget.record_spend("alice", cost, idempotency_key=key)
    crossings = [seen for seen in told.seen if seen[0] == "crossed"]
    assert crossings == [("crossed", "user/alice", "usd"), ("crossed", "global", "usd")]


def test_a_held_amount_crosses_nothing_until_it_is_booked() -> None:
    """A reservation is not spent; and a late settle only corrects what its lapse booked."""
    told, clock = Told(), ManualClock()
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"), clock=clock, hooks=[told])
    held = budget.reserve("alice", 10, ttl_s=60)
    assert not any(seen[0] == "crossed" for seen in told.seen)
    assert crossed(budget.settle(held.id, 10)) != []
    late = budget.reserve("bob", 10, ttl_s=60)
    clock.advance(seconds=61)
    assert crossed(late.settle(10)) == []


@pytest.mark.parametrize("order", [[Told, Broken], [Broken, Told]])
def test_a_hook_that_raises_changes_nothing(order: list[Callable[[], Hooks]], caplog: pytest.LogCaptureFixture) -> None:
    """Books, answers and the other hooks are those of a budget without it; the log has its traceback."""
    sane, mixed = make(), [kind() for kind in order]
    broken = make(*mixed)
    for budget in (sane, broken):
        budget.reserve("alice", 5).settle(2)
        with pytest.raises(BudgetExceededError):
            budget.reserve("alice", 9)
        assert budget.record_spend("alice", 8).cost_usd == 8
    assert [b.spent for b in broken.usage("alice")] == [b.spent for b in sane.usage("alice")]
    assert broken.books.audit().differences == ()
    told = next(hook for hook in mixed if isinstance(hook, Told))
    assert [seen[0] for seen in told.seen] == ["admitted", "booked", "refused", "booked", "crossed"]
    failures = [record for record in caplog.records if record.exc_info]
    assert len(failures) == len(told.seen)
    assert all(record.name == "coreason_budget" and "Broken" in record.getMessage() for record in failures)


def test_what_an_outbox_delivers_is_told_when_it_arrives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not when it is kept: nothing is booked then."""
    told = Told()
    queue = tmp_path / "spend.outbox"
    away = make(told, ledger_url=DEAD, outbox=queue)
    with pytest.raises(Exception, match="outbox"):
        away.record_spend("alice", 2, idempotency_key="k")
    assert told.seen == []
    back = make(told, ledger_url=f"sqlite:///{tmp_path}/b.db", outbox=queue)
    back.books.outbox.flush()
    assert told.seen == [("booked", "recorded", 2, False)]


@pytest.mark.parametrize("wrong", [Told, print, "log"])
def test_what_is_no_hook_is_refused_at_once(wrong: Any) -> None:
    """Not at the first booking."""
    with pytest.raises(TypeError, match="hooks"):
        make(wrong)


def test_a_hook_costs_only_where_it_is_overridden() -> None:
    """The base class is never called."""
    called = []

    class Base(Hooks):
        def after_booked(self, receipt: Receipt) -> None:
            called.append(receipt.status)

    make(Base()).reserve("alice", 1).settle(1)
    assert called == ["settled"]


def test_the_log_comes_first(caplog: pytest.LogCaptureFixture) -> None:
    """A hook that ends the process leaves the event behind."""

    class Ends(Hooks):
        def after_booked(self, receipt: Receipt) -> None:
            raise SystemExit(1)

    with caplog.at_level(logging.INFO, "coreason_budget"), pytest.raises(SystemExit):
        make(Ends()).record_spend("alice", 1)
    assert [record.getMessage() for record in caplog.records][-1] == "finops.spend.total"
