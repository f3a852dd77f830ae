"""Spend that is being sent when its process dies, is interrupted, or cannot write."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from coreason_budget import BudgetManager, ConfigError, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.outbox.spend import Kept
from coreason_budget.outbox.underway import Underway
from coreason_budget.testing import ManualClock
from tests.outbox.kit import Flaky, manager, queued, spent, states

pytest.importorskip("fcntl", reason="this system has no locks that die with their process")

SPEND = Kept("charge", "orphan", "digest", ("user/alice", "global"), 3 * 10**9, None, 1)


def folder(path: Path) -> Path:
    return Path(f"{path}.sending")


def leave_orphan(path: Path, namespace: str = "coreason") -> None:
    """What a process leaves that dies while it sends."""
    with pytest.raises(KeyboardInterrupt), Underway(path, namespace).keep(SPEND, ManualClock()(0)):
        raise KeyboardInterrupt


@pytest.mark.parametrize("verb", ["record_spend", "settle"])
def test_an_interrupted_call_is_booked_by_the_next(budget: BudgetManager, ledger: Flaky, verb: str) -> None:
    """Its caller was not told how it ended; what it spent counts, once, at its price."""
    reservation = budget.reserve("alice", 5)
    calls: dict[str, Callable[[], object]] = {
        "record_spend": lambda: budget.record_spend("alice", 3),
        "settle": lambda: reservation.settle(3),
    }
    ledger.state = "interrupted"
    with pytest.raises(KeyboardInterrupt):
        calls[verb]()
    ledger.state = "up"
    assert len(states(budget)) == 1
    budget.usage("alice")
    assert (states(budget), spent(budget)) == ([], 3)


def test_a_dead_senders_spend_counts_before_it_is_booked(path: Path, ledger: Flaky) -> None:
    """A process that starts afterwards knows of it at once."""
    leave_orphan(path)
    ledger.state = "loses requests"
    assert states(manager(path, ledger)) == [("orphan", "waiting")]
    ledger.state = "up"
    assert manager(path, ledger).check_availability("alice").remaining_usd == 7


def test_who_runs_looks_again_each_second(
    budget: BudgetManager, path: Path, ledger: Flaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at every call, and soon enough."""
    now_s = [time.monotonic()]
    monkeypatch.setattr("coreason_budget.outbox.delivery.time.monotonic", lambda: now_s[0])
    budget.usage("alice")
    leave_orphan(path)
    now_s[0] += 0.5
    budget.usage("alice")
    assert spent(budget) == 0
    now_s[0] += 0.6
    budget.usage("alice")
    assert spent(budget) == 3


def test_what_a_living_call_sends_is_its_own(budget: BudgetManager, path: Path, ledger: Flaky) -> None:
    """Nobody takes it over, however long the ledger lets it wait."""
    arrived, answered = Event(), Event()
    ledger.before_spend = lambda: (arrived.set(), answered.wait(30))
    sender = Thread(target=budget.record_spend, args=("alice", 3))
    sender.start()
    try:
        assert arrived.wait(30)
        assert states(manager(path, ledger)) == []
        assert len(list(folder(path).iterdir())) == 1
    finally:
        answered.set()
        sender.join()
    assert list(folder(path).iterdir()) == []
    assert spent(budget) == 3


@pytest.mark.parametrize("state", ["up", "down"])
def test_nothing_stays_of_a_call_that_ended(budget: BudgetManager, path: Path, ledger: Flaky, state: str) -> None:
    """Booked, kept in the outbox, or refused by name: the folder is empty again."""
    ledger.state = state
    calls: list[Callable[[], object]] = [lambda: budget.record_spend("alice", 3), lambda: budget.settle("none", 1)]
    for call in calls:
        try:
            call()
        except Exception:
            assert list(folder(path).iterdir()) == []
    assert list(folder(path).iterdir()) == []


def test_namespaces_leave_each_others_orphans(path: Path, ledger: Flaky) -> None:
    """Whatever their names have in common."""
    for namespace in ("coreason.b", "coreason-", "b"):
        leave_orphan(path, namespace=namespace)
    assert states(manager(path, ledger)) == []
    assert states(manager(path, ledger, namespace="b")) == [("orphan", "waiting")]


@pytest.mark.parametrize("text", [b'17\nkey\n{"verb"', b"17\n", b"\xff\n\n\n", b"17\nkey\n{}\n", b"x\nkey\n{}\n"])
def test_what_was_not_written_to_its_end_was_not_sent(
    budget: BudgetManager, path: Path, ledger: Flaky, caplog: pytest.LogCaptureFixture, text: bytes
) -> None:
    """It goes, with a word in the log, and stops nothing."""
    folder(path).mkdir(exist_ok=True)
    (folder(path) / "coreason~torn").write_bytes(text)
    (folder(path) / "coreason~empty").touch()
    leave_orphan(path)
    budget.usage("alice")
    assert spent(budget) == 3
    assert [file.name for file in folder(path).iterdir()] == ["coreason~empty"]
    assert any(
        (r.levelno == logging.WARNING and "no spend" in r.message) or "cannot be read" in r.message
        for r in caplog.records
    )


def test_without_its_folder_spend_is_booked_and_nobody_admitted(
    budget: BudgetManager, path: Path, ledger: Flaky, caplog: pytest.LogCaptureFixture
) -> None:
    """What dead senders left cannot be counted; what was spent goes to the ledger all the same."""
    folder(path).write_text("no folder")
    assert budget.record_spend("alice", 3).cost_usd == 3
    assert any(r.levelno == logging.ERROR and "while it is sent" in r.message for r in caplog.records)
    with pytest.raises(LedgerUnavailableError, match="folder"):
        manager(path, ledger).check_availability("alice")


def test_an_orphan_whose_key_stands_for_other_spend_is_told(
    budget: BudgetManager, path: Path, ledger: Flaky, caplog: pytest.LogCaptureFixture
) -> None:
    """The one that waits stands, as it would on the ledger."""
    ledger.state = "down"
    queued(lambda: budget.record_spend("alice", 1, idempotency_key="orphan"))
    leave_orphan(path)
    assert states(budget) == [("orphan", "waiting")]
    assert any("dropped" in r.message for r in caplog.records)
    ledger.state = "up"
    budget.usage("alice")
    assert spent(budget) == 1


@pytest.mark.parametrize(
    "error", [LedgerCorruptError("foreign values"), ConfigError("it evicts", field="allow_eviction")]
)
def test_spend_that_a_broken_ledger_does_not_take_is_kept(
    budget: BudgetManager, ledger: Flaky, error: Exception
) -> None:
    """Whatever is wrong with it: the caller hears that it is kept, and it is booked when that is mended."""
    ledger.error = error
    assert queued(lambda: budget.record_spend("alice", 3)).__cause__ is error
    ledger.error = None
    assert budget.outbox is not None
    budget.outbox.flush(force=True)
    assert (states(budget), spent(budget)) == ([], 3)


def test_spend_waits_for_a_ledger_that_is_put_right(budget: BudgetManager, ledger: Flaky) -> None:
    """What is corrupt is not so for good: tried again by the next call, and nobody need say `--force`."""
    ledger.state = "down"
    for key in ("one", "two"):
        queued(lambda key=key: budget.record_spend("alice", 1, idempotency_key=key))
    ledger.state, ledger.error = "up", LedgerCorruptError("foreign values")
    budget.usage("alice")
    assert states(budget) == [("one", "waiting"), ("two", "waiting")]
    ledger.error = None
    budget.usage("alice")
    assert (states(budget), spent(budget)) == ([], 2)
