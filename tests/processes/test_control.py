"""The control of the race tests: what is not atomic must fail them, or they prove nothing."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.testing.crowd import in_processes
from coreason_budget.testing.races import over_admission
from tests.processes.naive import NaiveRedis, NaiveSqlite

pytestmark = pytest.mark.processes
_TRIES = 10


def _is_found_out(naive: Callable[[str], Callable[[], Any]]) -> bool:
    """Race until too much is admitted: on a busy machine one race may happen to run in turns."""
    return any(over_admission(in_processes, naive(uuid4().hex)) > 0 for _ in range(_TRIES))


def test_look_then_write_on_sqlite_over_admits(tmp_path: Path) -> None:
    """The race of law 1 finds a SQLite ledger out that looks and writes in two transactions."""
    assert _is_found_out(lambda name: partial(NaiveSqlite, tmp_path / name))


@pytest.mark.redis
def test_get_then_incrby_on_redis_over_admits(valkey_url: str) -> None:
    """The race of law 1 finds a Redis ledger out that does not watch what it read."""
    assert _is_found_out(lambda name: partial(NaiveRedis, valkey_url, name))


def test_the_same_race_on_a_ledger_over_admits_nothing(tmp_path: Path) -> None:
    """It is the ledger that fails the control, not the race."""
    assert over_admission(in_processes, partial(SqliteLedger, tmp_path / "budget.db", timeout_s=30)) == 0
