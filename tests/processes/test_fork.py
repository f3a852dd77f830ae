"""Forks at bad moments: a child shares the file, never a connection."""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path

import pytest

from coreason_budget.errors import ConfigError
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.ledger.rules import Movement
from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.model import Amounts
from coreason_budget.storage import sqlite_file
from coreason_budget.testing.fork import in_fork
from coreason_budget.testing.kit import ALICE, BOB, USD, book, guard_on, limit, standing

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
_LIMITS = (limit("user", USD),)


def test_a_fork_waits_for_another_threads_transaction(tmp_path: Path) -> None:
    """A child must not be born while SQLite's mutexes or a journal belong to a thread that it will not have."""
    ledger = SqliteLedger(tmp_path / "budget.db", timeout_s=30)
    writing, go_on = threading.Event(), threading.Event()
    writer = threading.Thread(target=_hold_a_write_open, args=(ledger, writing, go_on))
    writer.start()
    assert writing.wait(30)
    threading.Timer(0.1, go_on.set).start()
    with in_fork(lambda: _is(go_on.is_set() and standing(guard_on(ledger, *_LIMITS), BOB, "user") == (7, 0))):
        pass
    writer.join()


def test_a_fork_waits_for_a_connection_that_is_being_closed() -> None:
    """A thread that ends closes its own, in SQLite's mutexes as well."""
    closing, go_on = threading.Event(), threading.Event()

    def close() -> None:
        with sqlite_file._gate.closing():
            closing.set()
            assert go_on.wait(30)

    thread = threading.Thread(target=close)
    thread.start()
    assert closing.wait(30)
    threading.Timer(0.1, go_on.set).start()
    with in_fork(lambda: _is(go_on.is_set())):
        pass
    thread.join()


def test_threads_that_end_while_others_fork_leave_every_child_able(tmp_path: Path) -> None:
    """Each thread opens the file, and closes it by ending; each child opens it too."""
    guard = guard_on(SqliteLedger(tmp_path / "budget.db", timeout_s=30), *_LIMITS)
    for _ in range(20):
        threads = [threading.Thread(target=guard.charge, args=(ALICE, Amounts(1))) for _ in range(3)]
        for thread in threads:
            thread.start()
        with in_fork(lambda: guard.charge(ALICE, Amounts(1))):
            pass
        for thread in threads:
            thread.join()
    assert standing(guard, ALICE, "user") == (80, 0)


def test_a_child_does_not_close_its_parents_connections(tmp_path: Path) -> None:
    """Its own end, or that of the threads it never had, leaves the parent's handle as it was."""
    ledger = SqliteLedger(tmp_path / "budget.db", timeout_s=30)
    guard = guard_on(ledger, *_LIMITS)
    guard.charge(ALICE, Amounts(1))
    inherited = ledger._file._local.opened.connection

    def use_and_close() -> None:
        guard.charge(ALICE, Amounts(1))
        _is(ledger._file._local.opened.connection is not inherited)
        ledger.close()
        inherited.execute("SELECT 1")

    with in_fork(use_and_close):
        pass
    guard.charge(ALICE, Amounts(1))
    assert ledger._file._local.opened.connection is inherited
    assert standing(guard, ALICE, "user") == (3, 0)


def _is(fact: bool) -> None:
    assert fact


def _hold_a_write_open(ledger: SqliteLedger, writing: threading.Event, go_on: threading.Event) -> None:
    with ledger._write("") as transaction:
        entries = book(_LIMITS).plan(BOB, Amounts(7))(transaction.now_us)
        transaction.move(Movement(e.account, e.amount, 0) for e in entries)
        writing.set()
        assert go_on.wait(30)


def test_a_fork_while_another_thread_writes_loses_nothing(tmp_path: Path) -> None:
    """Children that come and go in the middle of writes: every charge of parent and children is there."""
    guard = guard_on(SqliteLedger(tmp_path / "budget.db", timeout_s=30), *_LIMITS)
    done = threading.Event()
    counted: list[int] = []
    writer = threading.Thread(target=lambda: counted.append(_charge_until(guard, done)))
    writer.start()
    for _ in range(10):
        with in_fork(lambda: guard.charge(ALICE, Amounts(1))):
            pass
    done.set()
    writer.join()
    assert standing(guard, ALICE, "user") == (10 + counted[0], 0)


def _charge_until(guard: object, done: threading.Event) -> int:
    count = 0
    while not done.is_set():
        guard.charge(ALICE, Amounts(1))  # type: ignore[attr-defined]
        count += 1
    return count


def test_memory_in_a_second_process_is_a_named_error() -> None:
    """Every fork would own a full budget: each verb is refused there, and goes on working here."""
    guard = guard_on(MemoryLedger(), *_LIMITS)
    hold = guard.reserve(ALICE, Amounts(5))

    def refused() -> None:
        for call in (
            lambda: guard.reserve(ALICE, Amounts(1)),
            lambda: guard.charge(ALICE, Amounts(1)),
            lambda: guard.settle(hold.reservation_id, 1),
            lambda: guard.check(ALICE, Amounts(1)),
            lambda: guard.ledger.ping(),
        ):
            with pytest.raises(ConfigError, match="second process"):
                call()

    with in_fork(refused):
        pass
    guard.settle(hold.reservation_id, 3)
    assert standing(guard, ALICE, "user") == (3, 0)


def test_a_child_that_was_forked_past_pythons_hooks_never_closes_what_is_its_parents(tmp_path: Path) -> None:
    """As servers in C fork: the child opens a connection of its own, and the parent's is pinned when it is dropped."""
    guard = guard_on(SqliteLedger(tmp_path / "budget.db", timeout_s=30), *_LIMITS)
    guard.charge(ALICE, Amounts(5))
    pid = ctypes.PyDLL(None).fork()
    if pid == 0:
        before = len(sqlite_file._gate._pinned)
        guard.charge(ALICE, Amounts(7))
        os._exit(0 if len(sqlite_file._gate._pinned) > before and standing(guard, ALICE, "user") == (12, 0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert standing(guard, ALICE, "user") == (12, 0)
