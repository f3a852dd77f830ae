"""Answers that are read late are no loss: threads share what they know of the ledger."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.epoch import RedisEpoch
from coreason_budget.model import Amounts
from coreason_budget.testing.crowd import in_threads
from tests.faults.amnesia.kit import CENT, guard_of, used
from tests.faults.conftest import CALL
from tests.faults.servers import SnapshotServer
from tests.ledger.verbs import why

pytestmark = pytest.mark.redis


def test_threads_that_share_a_ledger_raise_no_false_alarm(server: SnapshotServer) -> None:
    """Eight of them hammer it: replies come out of order, and that is no loss."""
    guard = guard_of(server)

    def hammer(number: int, start: Callable[[], object]) -> None:
        start()
        for turn in range(60):
            (guard.charge if (turn + number) % 2 else guard.check)(CALL, Amounts(1))

    in_threads([partial(hammer, number) for number in range(8)])
    assert used(guard) == guard.ledger.status().sequence == 8 * 30


class NaiveEpoch(RedisEpoch):
    """The control: compares a reply with what is known when it is read, not when it was asked for."""

    def check(self, link: Link, baseline: Any, text: Any, sequence_reply: Any, now_us: int) -> None:
        super().check(link, self.baseline, text, sequence_reply, now_us)


def charge_before_it_is_read(guard: BudgetGuard, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let another charge be done between the next packet's reply and its reading; filled once that was."""
    ask, late = Link.ask, list[int]()

    def slow(self: Link, *sent: Any) -> Any:
        answers = ask(self, *sent)
        if not late:
            late.append(1)
            guard.charge(CALL, CENT)
        return answers

    monkeypatch.setattr(Link, "ask", slow)
    return late


@pytest.mark.parametrize("naive", [False, True])
def test_an_answer_that_is_read_late_is_no_loss(
    naive: bool, server: SnapshotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a packet's reply and its reading another thread charges; the naive control must fail here."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    late = charge_before_it_is_read(guard, monkeypatch)
    if naive:
        guard.ledger._epoch.__class__ = NaiveEpoch  # type: ignore[attr-defined]
        assert "replaced just now" in why(lambda: guard.check(CALL, CENT))
    else:
        guard.check(CALL, CENT)
        assert used(guard) == 2 * CENT.usd_nanos
    assert late


@pytest.mark.parametrize("act", ["status", "accept"])
def test_an_operator_is_not_misled_by_what_is_read_late(
    act: str, server: SnapshotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While others work it is healthy, and there is nothing to accept."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    before = guard.ledger.status().epoch
    late = charge_before_it_is_read(guard, monkeypatch)
    if act == "status":
        assert guard.ledger.status().trouble == ""
    else:
        assert guard.ledger.accept() is False
    assert late
    assert guard.ledger.status().epoch == before
