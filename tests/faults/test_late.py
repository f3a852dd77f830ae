"""Packets that come long after their client gave them up, and replies that never come."""

from __future__ import annotations

import time
from typing import Any

import pytest

from coreason_budget.errors import LedgerUnavailableError, OutcomeUnknownError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.redis.packets import Snapshot, Watcher
from coreason_budget.model import Amounts
from tests.faults.conftest import CALL, USD
from tests.faults.faults import Cut, Delay, Late, LostReplies, Stall
from tests.faults.naive import NaiveBudget
from tests.faults.proxy import Proxy
from tests.faults.test_cut_wire import ACTS, Act, holds, pair, stand

pytestmark = pytest.mark.redis

_MUTATIONS = [act for act in ACTS if act.id != "reap"]


@pytest.mark.parametrize(("act", "before", "expected"), _MUTATIONS)
def test_a_transaction_that_comes_late_counts_once(
    act: Act, before: str, expected: tuple[int, int], proxy: Proxy, valkey_url: str, namespace: str
) -> None:
    """The first EXEC arrives after the client has given up and called again: it finds its WATCH broken."""
    made = pair(proxy, valkey_url, namespace, before, timeout_s=0.15)
    late = proxy.fault = Late()
    with pytest.raises(OutcomeUnknownError):
        act(made.far, made.reservation_id)
    act(made.near, made.reservation_id)
    late.deliver()
    assert late.times == 1
    act(made.near, made.reservation_id)
    found = stand(made.near)
    assert found["user/alice"] == found["global"] == expected


@pytest.mark.parametrize(("act", "before", "expected"), _MUTATIONS)
def test_whoever_is_stopped_until_its_deadline_books_nothing(
    act: Act,
    before: str,
    expected: tuple[int, int],
    proxy: Proxy,
    valkey_url: str,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped after it looked, a process would book by an old clock: its window may be over by then."""
    made = pair(proxy, valkey_url, namespace, before, timeout_s=0.4)
    stood = stand(made.near)
    read = Watcher.read

    def read_and_stop(reader: Watcher, *what: Any) -> Snapshot:
        seen = read(reader, *what)
        time.sleep(0.41)
        return seen

    monkeypatch.setattr(Watcher, "read", read_and_stop)
    with pytest.raises(LedgerUnavailableError) as caught:
        act(made.far, made.reservation_id)
    assert not isinstance(caught.value, OutcomeUnknownError)
    monkeypatch.undo()
    assert stand(made.near) == stood
    act(made.far, made.reservation_id)
    found = stand(made.near)
    assert found["user/alice"] == found["global"] == expected


def test_a_plain_client_counts_a_late_transaction_twice(proxy: Proxy, valkey_url: str, namespace: str) -> None:
    """The control must fail: EXISTS and then MULTI without WATCH counts the first one, too, when it comes."""
    late = proxy.fault = Late()
    budget = NaiveBudget(proxy.url, namespace, timeout_s=0.15)
    budget.charge("key", 1)
    late.deliver()
    assert NaiveBudget(valkey_url, namespace).used == 2


def test_a_plain_client_turns_one_charge_into_four(proxy: Proxy, valkey_url: str, namespace: str) -> None:
    """The control must fail: three lost replies, three retries that the caller never hears of."""
    budget = NaiveBudget(proxy.url, namespace)
    budget.charge("other", 0)
    proxy.fault = LostReplies(3)
    budget.charge("key", 100)
    assert proxy.fault.times == 3
    assert NaiveBudget(valkey_url, namespace).used == 400


def test_a_refusal_is_final_although_a_transaction_is_on_its_way(proxy: Proxy, valkey_url: str, namespace: str) -> None:
    """Refused after a lost EXEC: when that comes, and there is room again, it must not be held after all."""
    made = pair(proxy, valkey_url, namespace, "nothing", timeout_s=0.15)
    late = proxy.fault = Late()
    with pytest.raises(OutcomeUnknownError):
        made.far.reserve(CALL, Amounts(6 * USD // 10), idempotency_key="the-reserve")
    rival = made.near.reserve(CALL, Amounts(USD))
    assert not holds(made.far)
    made.near.release(rival.reservation_id)
    late.deliver()
    assert stand(made.near)["user/alice"] == stand(made.near)["global"] == (0, 0)
    assert holds(made.far)
    assert stand(made.near)["user/alice"] == stand(made.near)["global"] == (6, 6)


@pytest.mark.parametrize("after", [0, 1, 7, 40])
@pytest.mark.parametrize("direction", ["request", "reply"])
def test_a_line_that_falls_silent_is_unknown_or_unavailable_and_then_known(
    direction: str, after: int, proxy: Proxy, valkey_url: str, namespace: str
) -> None:
    """Truncated and never closed: the deadline ends it, the same call with its key finds out."""
    made = pair(proxy, valkey_url, namespace, "nothing", timeout_s=0.15)
    proxy.fault = Cut(direction, after, silently=True)
    with pytest.raises(LedgerUnavailableError):
        made.far.reserve(CALL, Amounts(USD), idempotency_key="k")
    assert proxy.fault.times == 1
    made.far.reserve(CALL, Amounts(USD), idempotency_key="k")
    assert stand(made.near)["global"] == (10, 10)


def test_dropped_replies_admit_nothing(proxy: Proxy, valkey_url: str, namespace: str) -> None:
    """A server that hears and is not heard: unavailable; heard again, the same guard goes on."""
    made = pair(proxy, valkey_url, namespace, "nothing", timeout_s=0.15)
    proxy.fault = Stall("reply")
    for _ in range(2):
        with pytest.raises(LedgerUnavailableError):
            made.far.reserve(CALL, Amounts(USD), idempotency_key="k")
    assert proxy.fault.times >= 1
    proxy.fault = Stall("none")
    assert not _replayed(made.far)
    assert _replayed(made.near)


def test_a_slow_line_is_only_slow(proxy: Proxy, valkey_url: str, namespace: str) -> None:
    """20 ms each way, well within the deadline: nothing is repeated, nothing is different."""
    made = pair(proxy, valkey_url, namespace, "nothing")
    proxy.fault = Delay(0.02)
    assert not _replayed(made.far)
    assert proxy.fault.times >= 4
    assert stand(made.near)["global"] == (10, 10)


def _replayed(guard: BudgetGuard) -> bool:
    return guard.reserve(CALL, Amounts(USD), idempotency_key="k").replayed
