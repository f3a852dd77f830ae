"""Power cuts and full disks, as SQLite's files show them: whole transactions, and old data intact."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from coreason_budget.errors import LedgerUnavailableError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.model import Amounts, Subject
from coreason_budget.storage import sqlite_file
from coreason_budget.testing.fork import in_fork
from coreason_budget.testing.kit import USD, guard_on, limit
from tests.scale import scaled

pytestmark = [pytest.mark.processes, pytest.mark.timeout(scaled(120, 1800))]

LIMITS = (limit("user", 10**6 * USD), limit("project", 10**6 * USD), limit("global", 10**6 * USD))
WHO = Subject("alice", "launch")
CHARGES = 300
OFFSETS = scaled(200, 5000)

# Changes everything in one transaction, more than the page cache holds, and dies before its commit.
_DIES = """
import os, signal, sys
from coreason_budget.storage import sqlite_file
from coreason_budget.model import Amounts
from tests.processes.test_sqlite_crash import WHO, open_guard
sqlite_file.JOURNAL_MODE = "truncate"
guard = open_guard(sys.argv[1])
guard.usage(WHO)
guard.ledger._file._local.opened.connection.execute("PRAGMA cache_size=1")
with guard.ledger._write("x") as transaction:
    transaction._execute("UPDATE account SET used = used + 1000")
    transaction._execute("UPDATE record SET body = body || ' '")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def open_guard(path: str | os.PathLike[str]) -> BudgetGuard:
    return guard_on(SqliteLedger(path, timeout_s=10), *LIMITS)


def standings(guard: BudgetGuard) -> set[tuple[int, int]]:
    return {(b.used_units, b.reserved_units) for b in guard.usage(WHO)}


def charged(path: Path, times: int = CHARGES) -> BudgetGuard:
    """A ledger that has seen charges of 1."""
    guard = open_guard(path)
    for _ in range(times):
        guard.charge(WHO, Amounts(1))
    return guard


def copied(source: Path, folder: Path, companion: Path, size: int) -> Path:
    """A database with so many bytes of the journal (or log) that belongs to it."""
    folder.mkdir()
    path = folder / source.name
    shutil.copy(source, path)
    with companion.open("rb") as whole:
        path.with_name(companion.name).write_bytes(whole.read(size))
    return path


@pytest.fixture
def crashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database whose last writer died with a hot journal on the disk."""
    monkeypatch.setattr(sqlite_file, "JOURNAL_MODE", "truncate")
    path = tmp_path / "budget.db"
    charged(path).ledger.close()
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", _DIES, str(path)], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL
    return path


def test_a_hot_journal_is_rolled_back(crashed: Path) -> None:
    """kill -9 in a transaction that was half on the disk: the next to come finds what was acknowledged."""
    with closing(sqlite3.connect(f"file:{crashed}?mode=ro&immutable=1", uri=True)) as raw:
        seen = raw.execute("SELECT count(*) FROM record WHERE body LIKE '% '").fetchone()[0]
    assert seen > 0, "without its journal the file must show the dead transaction"
    guard = open_guard(crashed)
    assert standings(guard) == {(CHARGES, 0)}
    guard.charge(WHO, Amounts(1))
    assert standings(guard) == {(CHARGES + 1, 0)}


def test_a_journal_that_ends_anywhere_leaves_the_old_data(crashed: Path, tmp_path: Path) -> None:
    """A power cut while the journal is written, at 200 offsets: SQLite has not touched the file yet, and nor do we."""
    kept = tmp_path / "kept" / "budget.db-journal"
    kept.parent.mkdir()
    shutil.copy(crashed.with_name(kept.name), kept)
    open_guard(crashed).ledger.ping()
    size = kept.stat().st_size
    assert size > OFFSETS
    for number in range(OFFSETS):
        path = copied(crashed, tmp_path / str(number), kept, size * number // OFFSETS)
        guard = open_guard(path)
        assert standings(guard) == {(CHARGES, 0)}, number
        guard.charge(WHO, Amounts(1))
        assert standings(guard) == {(CHARGES + 1, 0)}, number
        guard.ledger.close()
        shutil.rmtree(path.parent)


def test_a_log_that_ends_anywhere_holds_whole_transactions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for a write-ahead log: all accounts have the same number of charges, and more with every byte."""
    monkeypatch.setattr(sqlite_file, "JOURNAL_MODE", "wal")
    path = tmp_path / "budget.db"
    guard = charged(path, 100)
    log = path.with_name("budget.db-wal")
    size, found = log.stat().st_size, [0]
    for number in range(OFFSETS):
        cut = copied(path, tmp_path / str(number), log, size * number // OFFSETS)
        with closing(sqlite3.connect(cut)) as raw:
            if not raw.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                continue
        ((used, reserved),) = standings(open_guard(cut)) or {(0, 0)}
        assert reserved == 0
        assert used >= found[-1]
        found.append(used)
        shutil.rmtree(cut.parent)
    assert len(set(found)) > 20
    assert standings(guard) == {(100, 0)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_disk_that_is_full_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    """No file may grow: each write is unavailable or unknown, and what stood before stands."""
    path = tmp_path / "budget.db"
    charged(path, 50).ledger.close()
    with in_fork(lambda: _charges_on_a_full_disk(path)):
        pass
    ((used, reserved),) = standings(open_guard(path))
    assert (50 <= used < 1050, reserved) == (True, 0)
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    open_guard(path).charge(WHO, Amounts(1))


def _charges_on_a_full_disk(path: Path) -> None:
    guard = open_guard(path)
    guard.usage(WHO)
    # Python ignores SIGXFSZ: a write past the limit is an error, as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 8192, path.stat().st_size + 8192))
    with pytest.raises(LedgerUnavailableError):
        _charge_without_end(guard, 1)
    used = standings(guard)
    with pytest.raises(LedgerUnavailableError):
        _charge_without_end(guard, 0)
    assert standings(guard) == used


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("is_fresh", [True, False])
def test_a_disk_that_is_full_admits_nothing_by_a_check(tmp_path: Path, is_fresh: bool) -> None:
    """What cannot be booked must not be checked either, and a check only reads: it goes on when there is room."""
    path = tmp_path / "budget.db"
    charged(path, 1).ledger.close()
    with in_fork(lambda: _checks_on_a_full_disk(path, is_fresh)):
        pass
    assert standings(open_guard(path)) == {(2, 0)}


def _checks_on_a_full_disk(path: Path, is_fresh: bool) -> None:
    guard = open_guard(path)
    if not is_fresh:
        guard.check(WHO, Amounts(1))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    if not is_fresh:
        with pytest.raises(LedgerUnavailableError):
            guard.charge(WHO, Amounts(1))
    for asked in (lambda: guard.check(WHO, Amounts(1)), guard.ledger.ping):
        with pytest.raises(LedgerUnavailableError):
            asked()
    assert len(list(guard.ledger.journal())) == 2
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    guard.ledger.ping()
    guard.check(WHO, Amounts(1))
    guard.charge(WHO, Amounts(1))


def _charge_without_end(guard: BudgetGuard, amount: int) -> None:
    for number in range(1000):
        guard.charge(WHO, Amounts(amount), idempotency_key=f"{amount}-{number}{'k' * 200}")
