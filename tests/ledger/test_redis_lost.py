"""Answers of Redis that are lost, for the quick loop: booked once, and never said to be refused or unavailable.

The proofs on a real wire are in tests/faults.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from fakeredis import FakeServer

from coreason_budget.errors import BudgetExceededError, LedgerCorruptError, LedgerUnavailableError, OutcomeUnknownError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.redis import reaper
from coreason_budget.ledger.redis.client import Link, LinkLostError
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.ledger.redis.packets import Watcher
from coreason_budget.model import Amounts
from coreason_budget.testing import ManualClock
from coreason_budget.testing.kit import ALICE, BOB, USD, guard_on, limit, standing, usd
from tests.fake_redis import connector

VERBS = ("reserve", "charge", "settle", "release")


@pytest.fixture(autouse=True)
def _still_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that only naps move, so that no slow machine ends a call before its answer is lost."""
    naps: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: 100 + sum(naps))
    monkeypatch.setattr(time, "sleep", naps.append)


def _guard(server: FakeServer, clock: Callable[[int], int] = int) -> BudgetGuard:
    ledger = RedisLedger("redis://nowhere", timeout_s=1, clock=clock, connect=connector(server))
    return guard_on(ledger, limit("user", USD))


def _calls(guard: BudgetGuard) -> dict[str, Callable[..., Any]]:
    """Each mutation, on a reservation of 5 that is open."""
    id = guard.reserve(ALICE, Amounts(5), idempotency_key="job").reservation_id
    return {
        "reserve": partial(guard.reserve, ALICE, Amounts(2)),
        "charge": partial(guard.charge, ALICE, Amounts(2)),
        "settle": partial(guard.settle, id, 2),
        "release": partial(guard.release, id),
    }


EXPECTED = {"reserve": (7, 7), "charge": (7, 5), "settle": (2, 0), "release": (0, 0)}


class Wire:
    """Loses the next transactions, after they were done or before; and, if told so, whatever is asked after that."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loses, self.is_done, self.is_dead, self.falls_dead = 0, False, False, False
        ask, transact = Link.ask, Link.transact

        def asked(link: Link, packet: bytes, replies: int) -> Any:
            if self.is_dead:
                raise LinkLostError("gone")
            return ask(link, packet, replies)

        def transacted(link: Link, packet: bytes, commands: int) -> Any:
            if not self.loses:
                return transact(link, packet, commands)
            self.loses -= 1
            self.is_dead = self.falls_dead
            if self.is_done:
                transact(link, packet, commands)
            raise LinkLostError("gone")

        monkeypatch.setattr(Link, "ask", asked)
        monkeypatch.setattr(Link, "transact", transacted)


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("verb", VERBS)
def test_a_lost_answer_is_found_out_within_the_call(
    server: FakeServer, verb: str, is_done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sent again, booked once, and told as what it was."""
    guard = _guard(server)
    call, wire = _calls(guard)[verb], Wire(monkeypatch)
    wire.loses, wire.is_done = 2, is_done
    assert call(idempotency_key="own").replayed is is_done
    assert standing(guard, ALICE, "user") == EXPECTED[verb]


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("key", [None, "own"])
@pytest.mark.parametrize("verb", VERBS)
def test_an_answer_that_stays_lost_is_unknown(
    server: FakeServer, verb: str, key: str | None, is_done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 8: the error carries the op id, and the same call with it is booked once."""
    guard = _guard(server)
    call, wire = _calls(guard)[verb], Wire(monkeypatch)
    wire.loses, wire.is_done, wire.falls_dead = 1, is_done, True
    with pytest.raises(OutcomeUnknownError) as caught:
        call(idempotency_key=key)
    if verb in ("settle", "release") or key:
        assert caught.value.op_id == (key or "job")
    wire.is_dead = False
    assert call(idempotency_key=caught.value.op_id).replayed is is_done
    assert standing(guard, ALICE, "user") == EXPECTED[verb]


def test_a_replay_whose_balances_are_lost_is_unknown(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was done: the caller must not hear that nothing can have been."""
    guard = _guard(server)
    guard.charge(ALICE, Amounts(1), idempotency_key="own")

    def lost(*_: Any) -> Any:
        raise LinkLostError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "more", lost)
        with pytest.raises(OutcomeUnknownError) as caught:
            guard.charge(ALICE, Amounts(1), idempotency_key="own")
    assert caught.value.op_id == "own"
    assert guard.charge(ALICE, Amounts(1), idempotency_key="own").replayed


def test_a_refusal_is_final_although_a_transaction_is_on_its_way(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 1: before it is told, whatever was sent earlier is made to find its WATCH broken."""
    guard, rival = _guard(server), _guard(server)
    for each in (guard, rival):
        each.usage(ALICE)
    late: list[Callable[[], Any]] = []
    transact = Link.transact

    def delayed(link: Link, packet: bytes, commands: int) -> Any:
        monkeypatch.setattr(Link, "transact", transact)
        connection = link._connection
        monkeypatch.setattr(connection, "disconnect", lambda: None)
        late.append(lambda: transact(Link(connection, time.monotonic() + 10), packet, commands))
        rival.charge(ALICE, usd(0.7))
        raise LinkLostError("slow")

    monkeypatch.setattr(Link, "transact", delayed)
    with pytest.raises(BudgetExceededError):
        guard.reserve(ALICE, usd(0.5), idempotency_key="own")
    assert late[0]() is None, "its WATCH let it pass"
    assert standing(rival, ALICE, "user") == (7 * USD // 10, 0)
    rival.reserve(ALICE, usd(0.1), idempotency_key="own")


def test_what_had_no_room_is_refused_although_all_is_lost_after_that(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was written, found over the limit and undone: nothing of it is unknown."""
    guard, rival = _guard(server), _guard(server)
    for each in (guard, rival):
        each.usage(ALICE)
    transact, wire = Link.transact, Wire(monkeypatch)
    sent: list[bytes] = []

    def overtaken(link: Link, packet: bytes, commands: int) -> Any:
        sent.append(packet)
        if len(sent) == 1:
            with monkeypatch.context() as patch:
                patch.setattr(Link, "transact", transact)
                rival.charge(ALICE, usd(0.7))
        done = transact(link, packet, commands)
        wire.is_dead = len(sent) == 2
        return done

    monkeypatch.setattr(Link, "transact", overtaken)
    with pytest.raises(BudgetExceededError) as caught:
        guard.reserve(ALICE, usd(0.5), idempotency_key="own")
    assert caught.value.reason == "spent"
    wire.is_dead = False
    assert standing(rival, ALICE, "user") == (7 * USD // 10, 0)


@pytest.mark.parametrize("error", [LinkLostError("gone"), LedgerUnavailableError("no"), LedgerCorruptError("what?")])
@pytest.mark.parametrize("verb", VERBS)
def test_what_is_booked_is_booked_whatever_its_cleaning_up_meets(
    server: FakeServer, verb: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lapses of others are ended behind a call that is done: they do not make it fail."""
    clock = ManualClock()
    guard = _guard(server, clock)
    guard.reserve(BOB, Amounts(1), ttl_s=1)
    call = _calls(guard)[verb]
    clock.advance(seconds=1)

    def failing(*_: Any) -> bool:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(reaper, "reap", failing)
        assert not call().replayed
    assert standing(guard, ALICE, "user") == EXPECTED[verb]
