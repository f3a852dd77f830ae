"""Ledgers without answers, and many that spend and deliver at once: every dollar once."""

from __future__ import annotations

import secrets
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from attrs import frozen

from coreason_budget import BudgetManager, LedgerUnavailableError, OutcomeUnknownError
from coreason_budget.testing.crowd import in_processes
from tests.faults.faults import TRANSACTION, Cut
from tests.faults.outbox.kit import KEYS, Place, in_killed_child, needs_fork
from tests.faults.proxy import proxied
from tests.faults.servers import PrivateServer
from tests.outbox.kit import DEAD, manager, queued, spent, states

LOST: dict[str, Callable[[BudgetManager, str], object]] = {
    "charge": lambda budget, reservation_id: budget.record_spend("alice", 1),
    "settle": lambda budget, reservation_id: budget.settle(reservation_id, 1),
}


@pytest.mark.redis
@pytest.mark.parametrize("verb", LOST)
def test_a_lost_answer_is_booked_once(tmp_path: Path, valkey_url: str, verb: str) -> None:
    """Applied, but never answered: kept, and the delivery finds that it was booked."""
    place = Place(tmp_path, valkey_url, secrets.token_hex(8))
    reservation_id = place.open().reserve("alice", 5).id
    with proxied(valkey_url) as proxy:
        far = place.open(proxy.url, timeout_s=0.3)
        far.usage("alice")
        proxy.fault = Cut("request", TRANSACTION, silently=True)
        error = queued(partial(LOST[verb], far, reservation_id))
        assert proxy.has_fired()
        assert isinstance(error, OutcomeUnknownError)
    budget = place.open()
    assert spent(budget) == 1, "it was applied"
    assert budget.outbox is not None
    assert budget.outbox.flush().delivered == 1
    assert (states(budget), spent(budget)) == ([], 1)


@frozen
class Spender:
    """Spends during an outage, then waits for the others, delivers, and says what it was told."""

    place: Place
    number: int
    times: int

    def __call__(self, start: Callable[[], object]) -> int:
        budget = self.place.open()
        start()
        kept = 0
        for call in range(self.times):
            try:
                budget.record_spend("alice", 1, idempotency_key=f"{self.number}-{call}")
            except LedgerUnavailableError as error:
                kept += error.queued
        return kept


@frozen
class Deliverer:
    """Flushes at the same time as others."""

    place: Place
    number: int

    def __call__(self, start: Callable[[], object]) -> int:
        budget = self.place.open()
        start()
        budget.record_spend("alice", 1, idempotency_key=f"after-{self.number}")
        assert budget.outbox is not None
        return budget.outbox.flush().delivered


@pytest.mark.redis
@pytest.mark.processes
def test_an_outage_of_many_processes_is_booked_exactly(tmp_path: Path) -> None:
    """Eight write while the server is dead; eight deliver at once when it is back: every dollar once."""
    server = PrivateServer(tmp_path)
    server.start()
    try:
        place = Place(tmp_path, server.url, "outage")
        place.open().record_spend("alice", 1)
        server.signal(signal.SIGKILL)
        assert sum(in_processes([Spender(place, n, 15) for n in range(8)])) == 120
        server.start()
        in_processes([Deliverer(place, n) for n in range(8)])
        assert (states(place.open()), spent(place.open())) == ([], 1 + 120 + 8)
    finally:
        server.stop()


def test_a_locked_ledger_file_is_an_outage(tmp_path: Path) -> None:
    """SQLite as the ledger: locked by a stranger, then free."""
    budget = manager(tmp_path / "spend.outbox", ledger_url=f"sqlite:///{tmp_path}/budget.db", ledger_timeout_s=0.05)
    reservation = budget.reserve("alice", 5)
    with closing(sqlite3.connect(tmp_path / "budget.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        queued(lambda: reservation.settle(2))
        queued(lambda: budget.record_spend("alice", 1))
        with pytest.raises(LedgerUnavailableError):
            budget.check_availability("alice")
        stranger.execute("ROLLBACK")
    assert budget.check_availability("alice").remaining_usd == 7
    assert budget.outbox is not None
    budget.outbox.flush()
    assert (states(budget), spent(budget)) == ([], 3)


def test_two_flushes_at_once_deliver_each_entry_once(tmp_path: Path) -> None:
    """Who comes second waits, and finds nothing left."""
    place = Place(tmp_path, f"sqlite:///{tmp_path}/budget.db", "two")
    away = place.open(DEAD)
    for number in range(30):
        queued(lambda number=number: away.record_spend("alice", 1, idempotency_key=f"k{number}"))
    delivered = in_processes([Flusher(place) for _ in range(2)])
    assert (sum(delivered), spent(place.open())) == (30, 30)


@frozen
class Flusher:
    """Flushes when all are ready."""

    place: Place

    def __call__(self, start: Callable[[], object]) -> int:
        box = self.place.open().outbox
        assert box is not None
        start()
        return box.flush().delivered


@needs_fork
def test_a_fork_may_deliver_what_its_parent_kept(tmp_path: Path) -> None:
    """The child has connections and locks of its own; the parent goes on."""
    place = Place(tmp_path, f"sqlite:///{tmp_path}/budget.db", "fork")
    away = place.open(DEAD)
    for key in KEYS:
        queued(lambda key=key: away.record_spend("alice", 1, idempotency_key=key))
    budget = place.open()
    box = budget.outbox
    assert box is not None
    assert in_killed_child(lambda say: say(b"%d" % box.flush().delivered), 10**9) == (False, b"3")
    assert (states(budget), spent(budget)) == ([], 3)
