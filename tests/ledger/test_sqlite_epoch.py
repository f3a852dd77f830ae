"""A ledger file that forgot: replaced, restored or overwritten, it is halted until it is back or accepted."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from coreason_budget.errors import LedgerCorruptError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.model import Amounts
from coreason_budget.testing.crowd import in_threads
from coreason_budget.testing.kit import ALICE, USD, guard_on, limit, standing
from tests.ledger.verbs import VERBS, assert_halted, every_verb, why

overwriting = pytest.mark.skipif(
    sqlite3.sqlite_version_info >= (3, 51, 3), reason="a WAL beside the file outlives what is written over it"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger is."""
    return tmp_path / "budget.db"


def _guard(path: Path, namespace: str = "coreason") -> BudgetGuard:
    return guard_on(SqliteLedger(path, timeout_s=10, namespace=namespace), limit("user", USD))


def _charged(path: Path, times: int) -> tuple[BudgetGuard, bytes]:
    """A process that charged once and then so many times, and a copy of the file in between."""
    guard = _guard(path)
    guard.charge(ALICE, Amounts(1))
    guard.ledger.close()
    old = path.read_bytes()
    for _ in range(times):
        guard.charge(ALICE, Amounts(1))
    guard.ledger.close()
    return guard, old


@overwriting
@every_verb
def test_an_older_copy_written_over_the_file_is_halted(path: Path, verb: str) -> None:
    """The same file, the same epoch, and fewer transactions than this process knows of."""
    guard, old = _charged(path, 3)
    VERBS["usage"](guard)
    path.write_bytes(old)
    assert "went back from 4 to 1" in why(lambda: VERBS[verb](guard))
    assert_halted(guard)
    assert_halted(_guard(path))


@every_verb
def test_an_older_copy_in_its_place_is_halted(path: Path, verb: str, caplog: pytest.LogCaptureFixture) -> None:
    """Another file under the same name; what a process acknowledged last is what it compares with. Said once."""
    guard, old = _charged(path, 1)
    path.unlink()
    path.write_bytes(old)
    assert "went back from 2 to 1" in why(lambda: VERBS[verb](guard))
    assert_halted(_guard(path))
    assert "went back from 2 to 1" in why(lambda: VERBS[verb](_guard(path)))
    (said,) = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert "halted for everybody" in said
    assert "went back from 2 to 1" in said


def test_whoever_knew_better_may_accept_at_once(path: Path) -> None:
    """What a process knows is enough, before anybody wrote a halt; its status tells."""
    guard, old = _charged(path, 1)
    path.unlink()
    path.write_bytes(old)
    assert "went back from 2 to 1" in guard.ledger.status().trouble
    assert guard.ledger.accept() is True
    assert (guard.ledger.accept(), guard.ledger.status().trouble) == (False, "")
    guard.charge(ALICE, Amounts(1))
    assert standing(guard, ALICE, "user") == (2, 0)


def test_a_namespace_that_is_gone_is_halted_and_may_be_begun_anew(path: Path) -> None:
    """Its row is what everybody compares."""
    guard, _ = _charged(path, 1)
    guard.check(ALICE, Amounts(1))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM namespace")
    status = guard.ledger.status()
    assert "it knows nothing of epoch" in status.trouble
    assert (status.epoch, status.since_us, status.sequence) == ("", None, 0)
    assert_halted(guard)
    assert guard.ledger.accept()
    guard.charge(ALICE, Amounts(1))
    assert standing(guard, ALICE, "user") == (3, 0)


def test_the_status_tells_which_life_and_how_it_is_kept(path: Path) -> None:
    """Since when, how far, in which file, and what survives a power cut."""
    guard, _ = _charged(path, 1)
    guard.reserve(ALICE, Amounts(1))
    status = guard.ledger.status()
    assert (status.trouble, status.open_reservations, status.sequence) == ("", 1, 3)
    assert len(status.epoch) == 32
    assert abs((status.since_us or 0) / 1e6 - time.time()) < 60
    mode = "wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "truncate"
    server = f"sqlite {sqlite3.sqlite_version}"
    assert status.kept == {"server": server, "file": str(path), "journal_mode": mode, "synchronous": "full"}


def test_what_is_put_back_is_trusted_again(path: Path) -> None:
    """Also as a copy: what counts is what it holds, and nobody restarts."""
    guard, old = _charged(path, 2)
    right = path.read_bytes()
    path.unlink()
    path.write_bytes(old)
    assert_halted(guard)
    path.unlink()
    path.write_bytes(right)
    guard.charge(ALICE, Amounts(1))
    assert standing(guard, ALICE, "user") == standing(_guard(path), ALICE, "user") == (4, 0)


def test_a_file_begun_anew_is_accepted_or_not_at_all(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Processes that knew the old one go on with the new one once an operator accepts it, and each says so once."""
    guard, other = _guard(path), _guard(path)
    for each in (guard, other):
        each.charge(ALICE, Amounts(5))
    old = guard.ledger.status().epoch
    path.unlink()
    assert "was deleted while in use" in why(lambda: guard.check(ALICE, Amounts(1)))
    _guard(path).charge(ALICE, Amounts(1))
    assert_halted(guard)
    assert_halted(other)
    operator = SqliteLedger(path)
    assert operator.accept()
    assert not operator.accept()
    for each in (guard, other, _guard(path)):
        each.charge(ALICE, Amounts(1))
    assert standing(guard, ALICE, "user") == (4, 0)
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(said) == 2
    assert all(old in text and operator.status().epoch in text for text in said)


@pytest.mark.parametrize("who", ["an operator", "itself"])
def test_a_clock_that_is_behind_locks_nobody_out(path: Path, who: str) -> None:
    """What is accepted is later than whatever anybody knew, told by a halt or not."""
    guard, old = _charged(path, 1)
    guard.ledger._epoch._known.seen_us += 3600 * 1_000_000  # type: ignore[attr-defined]
    path.unlink()
    path.write_bytes(old)
    if who == "an operator":
        assert_halted(guard)
        assert SqliteLedger(path).accept()
    else:
        assert guard.ledger.accept()
    guard.charge(ALICE, Amounts(1))


def test_what_was_accepted_before_all_was_found_in_order_is_no_news(path: Path) -> None:
    """An operator accepted a loss, then put the right file back: the accepted copy is an old one since."""
    guard, old = _charged(path, 1)
    right = path.read_bytes()
    noticing = _guard(path)
    noticing.check(ALICE, Amounts(1))
    path.unlink()
    path.write_bytes(old)
    assert noticing.ledger.accept()
    noticing.ledger.close()
    accepted = path.read_bytes()
    for content in (right, accepted):
        path.unlink()
        path.write_bytes(content)
        if content is right:
            guard.check(ALICE, Amounts(1))
            guard.ledger.close()
    assert "it is in epoch" in why(lambda: guard.check(ALICE, Amounts(1)))


def test_a_file_that_is_put_back_before_the_halt_is_not_halted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who noticed looks again; the call is refused, and the next goes on."""
    guard, old = _charged(path, 1)
    right = path.read_bytes()
    path.unlink()
    path.write_bytes(old)
    halting = SqliteLedger._halting

    @contextmanager
    def put_back(self: SqliteLedger, baseline: Any) -> Iterator[None]:
        with halting(self, baseline):
            try:
                yield
            finally:
                path.unlink()
                path.write_bytes(right)

    with monkeypatch.context() as patch:
        patch.setattr(SqliteLedger, "_halting", put_back)
        assert "try again" in why(lambda: guard.charge(ALICE, Amounts(1)))
    guard.charge(ALICE, Amounts(1))
    assert standing(guard, ALICE, "user") == (3, 0)


def test_an_old_copy_that_once_was_accepted_does_not_pass(path: Path) -> None:
    """What was accepted before a process last found all in order is no news to it."""
    guard, old = _charged(path, 1)
    copies = []
    for _ in range(2):
        path.unlink()
        path.write_bytes(old)
        assert_halted(guard)
        assert guard.ledger.accept()
        guard.charge(ALICE, Amounts(1))
        guard.ledger.close()
        copies.append(path.read_bytes())
    path.unlink()
    path.write_bytes(copies[0])
    assert "it is in epoch" in why(lambda: guard.charge(ALICE, Amounts(1)))


def test_one_namespace_is_halted_and_another_goes_on(path: Path) -> None:
    """They share a file, and not what its loss means to them."""
    guard, old = _charged(path, 1)
    path.unlink()
    path.write_bytes(old)
    other = _guard(path, "other")
    other.charge(ALICE, Amounts(1))
    assert_halted(guard)
    other.charge(ALICE, Amounts(1))
    assert standing(other, ALICE, "user") == (2, 0)


def test_only_what_writes_advances(path: Path) -> None:
    """A refusal, a replay, a check and a ping leave the sequence where it is."""
    guard = _guard(path)
    guard.charge(ALICE, Amounts(USD), idempotency_key="k")
    assert guard.ledger.status().sequence == 1
    guard.charge(ALICE, Amounts(USD), idempotency_key="k")
    guard.ledger.ping()
    with pytest.raises(Exception, match="Budget exceeded"):
        guard.reserve(ALICE, Amounts(1))
    with pytest.raises(Exception, match="Budget exceeded"):
        guard.check(ALICE, Amounts(1))
    assert guard.ledger.status().sequence == 1


def test_threads_raise_no_false_alarm(path: Path) -> None:
    """Reads and writes of eight threads on one ledger, in whatever order they end."""
    guard = _guard(path)

    def hammer(number: int, start: Callable[[], object]) -> None:
        start()
        for turn in range(20):
            (guard.charge if (turn + number) % 2 else guard.check)(ALICE, Amounts(1))

    in_threads([partial(hammer, number) for number in range(8)])
    assert guard.ledger.status().sequence == 80


def test_a_life_that_is_none_is_corrupt(path: Path) -> None:
    """And the namespace is named."""
    guard = _guard(path)
    guard.charge(ALICE, Amounts(1))
    guard.ledger.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE namespace SET epoch = 'nonsense'")
    connection.close()
    with pytest.raises(LedgerCorruptError, match="coreason"):
        guard.check(ALICE, Amounts(1))
