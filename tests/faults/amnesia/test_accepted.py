"""What an operator accepts: running processes go on, and nothing older passes for it."""

from __future__ import annotations

import logging
import multiprocessing
from multiprocessing.connection import Connection

import pytest

from coreason_budget.books.audit import audit
from coreason_budget.errors import LedgerUnavailableError
from coreason_budget.ledger.redis.ledger import RedisLedger
from tests.faults.amnesia.kit import CENT, NAMESPACE, assert_halted, forget_all, guard_of, noticed, used
from tests.faults.conftest import CALL, make_guard
from tests.faults.servers import SnapshotServer
from tests.ledger.verbs import why

pytestmark = pytest.mark.redis


def work(url: str, orders: Connection) -> None:
    """A process of its own: charges a cent whenever it is told to, and answers how that went."""
    guard = make_guard(url, NAMESPACE)
    for _ in iter(orders.recv, "stop"):
        try:
            guard.charge(CALL, CENT)
            orders.send("ok")
        except LedgerUnavailableError as error:
            orders.send(str(error))


class Worker:
    """A process that charges when it is told to."""

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._orders, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(url, theirs), daemon=True)
        self._process.start()

    def charge(self) -> str:
        self._orders.send("charge")
        assert self._orders.poll(30)
        return str(self._orders.recv())

    def stop(self) -> None:
        self._orders.send("stop")
        self._process.join(30)


def test_accepted_running_processes_go_on_and_new_ones_begin(server: SnapshotServer) -> None:
    """Nobody is restarted: two processes that knew the old epoch join the new one, and so does a third."""
    workers = [Worker(server.url), Worker(server.url)]
    assert [w.charge() for w in workers] == ["ok", "ok"]
    forget_all(server)
    assert all("ledger is halted" in w.charge() for w in workers)
    workers.append(Worker(server.url))
    assert "ledger is halted" in workers[2].charge()
    operator = RedisLedger(server.url, namespace=NAMESPACE)
    assert operator.accept()
    assert [w.charge() for w in workers] == ["ok", "ok", "ok"]
    assert used(guard_of(server)) == 3 * CENT.usd_nanos
    assert not operator.accept(), "there is nothing left to accept"
    for worker in workers:
        worker.stop()


def test_who_follows_says_so(server: SnapshotServer, caplog: pytest.LogCaptureFixture) -> None:
    """A warning with both epochs, once."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    old = guard.ledger.status().epoch
    forget_all(server)
    noticed(guard)
    assert guard.ledger.accept()
    caplog.clear()
    guard.check(CALL, CENT)
    guard.check(CALL, CENT)
    new = guard.ledger.status().epoch
    (said,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and "epoch" in r.getMessage()]
    assert old in said
    assert new in said
    assert old != new


def test_the_books_of_an_accepted_epoch_are_audited_from_its_beginning(server: SnapshotServer) -> None:
    """Whoever halted the empty database began its journal too."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    forget_all(server)
    noticed(guard)
    assert guard.ledger.accept()
    guard.charge(CALL, CENT)
    report = audit(guard.ledger)
    assert (report.is_complete, report.accounts, report.not_covered, report.differences) == (True, 4, 0, ())


def test_an_old_copy_that_once_was_accepted_does_not_pass(server: SnapshotServer) -> None:
    """What was accepted before a process last found all in order is no news to it."""
    guard, other = guard_of(server), guard_of(server)
    for each in (guard, other):
        each.charge(CALL, CENT)
    forget_all(server)
    noticed(guard)
    assert guard.ledger.accept()
    once_accepted = server.snapshot()
    for each in (guard, other):
        each.charge(CALL, CENT)
    forget_all(server)
    noticed(guard)
    assert guard.ledger.accept()
    for each in (guard, other):
        each.charge(CALL, CENT)
    server.restart_from(once_accepted)
    assert "it is in epoch" in why(lambda: guard.charge(CALL, CENT))
    assert_halted(other)
    assert_halted(guard_of(server))


def test_a_clock_that_is_behind_does_not_lock_anyone_out(server: SnapshotServer) -> None:
    """After a failover to a host whose clock is behind, what an operator accepts is still the later one."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    known = guard.ledger._epoch._known  # type: ignore[attr-defined]
    known.seen_us += 3600 * 1_000_000
    forget_all(server)
    noticed(guard)
    assert RedisLedger(server.url, namespace=NAMESPACE).accept()
    guard.charge(CALL, CENT)
    assert used(guard) == CENT.usd_nanos


def test_nothing_to_accept_writes_nothing(server: SnapshotServer) -> None:
    """On a healthy namespace, and on an empty one."""
    ledger = RedisLedger(server.url, namespace=NAMESPACE)
    with server.client() as client:
        assert not ledger.accept()
        assert client.dbsize() == 0
        guard_of(server).charge(CALL, CENT)
        before = {key: client.dump(key) for key in client.scan_iter()}
        assert not ledger.accept()
        assert before == {key: client.dump(key) for key in client.scan_iter()}
