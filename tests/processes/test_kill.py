"""kill -9 in the middle of writing: what is left are whole transactions, and all that were acknowledged."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coreason_budget.books.audit import audit
from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.model import Subject
from coreason_budget.testing.kit import USD, books, guard_on, limit

pytestmark = pytest.mark.processes

_LIMITS = (limit("user", 10**6 * USD), limit("project", 10**6 * USD), limit("global", 10**6 * USD))
_WHO = Subject("alice", "launch")
_WRITER = """
import sys
from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing.kit import guard_on
from tests.processes.test_kill import _LIMITS, _WHO
guard = guard_on(SqliteLedger(sys.argv[1], timeout_s=30), *_LIMITS)
while True:
    guard.settle(guard.reserve(_WHO, Amounts(5)).reservation_id, 3)
    print("settled", flush=True)
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_writer_leaves_whole_transactions(tmp_path: Path, seed: int) -> None:
    """Every account and the journal moved together, what was acknowledged is there, and the next writer goes on."""
    path = tmp_path / "budget.db"
    acknowledged = _write_and_kill(path, random.Random(seed).uniform(0.02, 0.15))
    guard = guard_on(SqliteLedger(path, timeout_s=30), *_LIMITS)
    by_scope = {b.account.scope.kind: (b.used_units, b.reserved_units) for b in guard.usage(_WHO)}
    (used, reserved) = by_scope["user"]
    assert set(by_scope.values()) == {(used, reserved)}
    assert reserved in (0, 5)
    assert acknowledged <= (used - reserved) // 3 <= acknowledged + 1
    assert (used - reserved) % 3 == 0
    assert audit(guard.ledger).differences == ()
    settled = [entry for entry in guard.ledger.journal() if entry.kind == "settle"]
    assert len(settled) == (used - reserved) // 3
    _is_sound(path)
    assert books(guard, _WHO) == books(guard_on(SqliteLedger(path), *_LIMITS), _WHO)


def _write_and_kill(path: Path, after_s: float) -> int:
    """Let another process write, kill it, and tell how many settles it reported."""
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, cwd=root) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"settled\n"
        time.sleep(after_s)
        writer.kill()
        return 1 + writer.stdout.read().count(b"settled\n")


def _is_sound(path: Path) -> None:
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        connection.close()
