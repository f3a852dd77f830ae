"""Killed at every step of sending, keeping and delivering: nothing is lost, nothing doubled."""

from __future__ import annotations

import multiprocessing
import secrets
from collections import Counter
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from coreason_budget import BudgetManager, LedgerUnavailableError
from coreason_budget.outbox.spend import Kept
from coreason_budget.outbox.underway import Underway
from tests.faults.faults import TRANSACTION, Cut
from tests.faults.outbox.kit import KEYS, Place, Say, in_killed_child, needs_fork, places
from tests.faults.proxy import proxied
from tests.outbox.kit import DEAD, queued, spent, states
from tests.scale import scaled

pytestmark = pytest.mark.slow

# Primes, so that the points fall on every kind of line.
FINE_STRIDE = scaled(19, 1)
STRIDE = scaled(43, 1)


class Announced:
    """A ledger that says when spend is about to be sent to it."""

    def __init__(self, inner: Any, say: Say) -> None:
        self._inner = inner
        self._say = say

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in ("charge", "end"):
            return method

        def call(request: Any) -> Any:
            self._say(b"sent ")
            return method(request)

        return call


def announced(budget: BudgetManager, say: Say) -> BudgetManager:
    outbox_ledger: Any = budget.ledger
    outbox_ledger._ledger = Announced(outbox_ledger._ledger, say)
    return budget


def charge_in_vain(place: Place, reservation_id: str, say: Say) -> None:
    """Charge while the ledger is out of reach; say if it is kept."""
    try:
        announced(place.open(DEAD), say).record_spend("alice", 1, idempotency_key="one")
    except LedgerUnavailableError as error:
        say(b"kept" if error.queued else b"lost")


def charge(place: Place, reservation_id: str, say: Say) -> None:
    """Charge, and say that it is booked."""
    announced(place.open(), say).record_spend("alice", 1, idempotency_key="one")
    say(b"kept")


def settle(place: Place, reservation_id: str, say: Say) -> None:
    """Settle, and say that it is booked."""
    announced(place.open(), say).settle(reservation_id, 1)
    say(b"kept")


def again(budget: BudgetManager, reservation_id: str) -> None:
    """The same spend once more, by who was not told how it ended."""
    if reservation_id:
        budget.settle(reservation_id, 1)
    else:
        budget.record_spend("alice", 1, idempotency_key="one")


def flush(place: Place, say: Say = int) -> None:
    box = place.open().outbox
    assert box is not None
    if box.flush().delivered == len(KEYS):
        say(b"all")


@needs_fork
@pytest.mark.timeout(scaled(120, 1800))
@pytest.mark.parametrize("spend", [charge_in_vain, charge, settle])
def test_killed_while_it_is_sent_or_kept_nothing_is_lost(tmp_path: Path, ledger_url: str, spend: Any) -> None:
    """From before it is sent on it is booked though nobody repeats it; and if somebody does, it counts once."""
    told: Counter[bytes] = Counter()
    for point, place in enumerate(places(tmp_path, ledger_url)):
        reservation_id = place.open().reserve("alice", 5).id if spend is settle else ""
        died, said = in_killed_child(partial(spend, place, reservation_id), point * FINE_STRIDE)
        told[said] += 1
        flush(place)
        budget = place.open()
        if said:
            assert spent(budget) == 1, (point, said)
        again(budget, reservation_id)
        assert (states(budget), spent(budget)) == ([], 1), point
        if not died:
            break
    assert told[b""] > 5
    assert told[b"sent "] > 5
    assert told[b"sent kept"] > 0


@needs_fork
def test_a_sender_that_keeps_only_what_failed_loses_spend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The naive control: without a file before it is sent, the proof above finds it out."""
    monkeypatch.setattr(Underway, "keep", lambda *_: nullcontext())
    lost = []
    for point, place in enumerate(places(tmp_path, f"sqlite:///{tmp_path}/budget.db")):
        died, said = in_killed_child(partial(charge_in_vain, place, ""), point * FINE_STRIDE)
        flush(place)
        if said and spent(place.open()) != 1:
            lost.append(point)
        if not died:
            break
    assert lost


@needs_fork
@pytest.mark.timeout(scaled(120, 1800))
def test_killed_while_it_is_delivered_nothing_is_lost_or_doubled(tmp_path: Path, ledger_url: str) -> None:
    """Before an entry is sent, after it, before it is deleted: the next delivery ends it, once."""
    points, wrong = killed_deliveries(tmp_path, ledger_url, STRIDE)
    assert wrong == []
    assert points > 20


@needs_fork
@pytest.mark.timeout(scaled(120, 1800))
def test_an_outbox_with_fresh_op_ids_doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The naive control: the proof above finds it out."""
    honest = Kept.charge

    def naive(spend: Kept, limits: Any) -> Any:
        return evolve(honest(spend, limits), op_id=secrets.token_hex(16))

    monkeypatch.setattr(Kept, "charge", naive)
    _, wrong = killed_deliveries(tmp_path, f"sqlite:///{tmp_path}/budget.db", STRIDE)
    assert any(found > len(KEYS) for found in wrong)


def killed_deliveries(folder: Path, url: str, stride: int) -> tuple[int, list[float]]:
    """Kill a flush at every point: how many points there were, and every total that was wrong."""
    wrong = []
    for point, place in enumerate(places(folder, url)):
        away = place.open(DEAD)
        for key in KEYS:
            queued(lambda away=away, key=key: away.record_spend("alice", 1, idempotency_key=key))
        died, _ = in_killed_child(partial(flush, place), point * stride)
        budget = place.open()
        assert budget.outbox is not None
        budget.outbox.flush()
        assert states(budget) == []
        if spent(budget) != len(KEYS):
            wrong.append(spent(budget))
        if not died:
            return point, wrong
    raise AssertionError("unreachable")


def charge_far(place: Place, url: str, meet: Any) -> None:
    budget = place.open(url, timeout_s=30)
    budget.usage("alice")
    meet.wait()
    meet.wait()
    budget.record_spend("alice", 1)


@pytest.mark.redis
@pytest.mark.processes
@pytest.mark.parametrize("fate", ["swallowed", "applied"])
def test_killed_while_it_waits_for_an_answer(tmp_path: Path, valkey_url: str, fate: str) -> None:
    """Nobody was told anything; the next call of another process finds it and books it once."""
    place = Place(tmp_path, valkey_url, secrets.token_hex(8))
    with proxied(valkey_url) as proxy:
        spawning = multiprocessing.get_context("spawn")
        meet = spawning.Barrier(2)
        process = spawning.Process(target=charge_far, args=(place, proxy.url, meet))
        process.start()
        meet.wait(60)
        proxy.fault = Cut("request", {"swallowed": 0, "applied": TRANSACTION}[fate], silently=True)
        meet.wait(60)
        assert proxy.has_fired()
        process.kill()
        process.join()
    budget = place.open()
    assert spent(budget) == (fate == "applied")
    budget.usage("alice")
    assert (states(budget), spent(budget)) == ([], 1)
