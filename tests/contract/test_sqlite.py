"""The contract on a SQLite file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from coreason_budget.ledger.base import Clock, Ledger
from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.testing import LedgerContract


class TestSqliteLedger(LedgerContract):
    """All laws, across threads and processes of one host."""

    across_processes = True

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.path = tmp_path / "budget.db"

    def make_ledger(self, clock: Clock) -> Ledger:
        return self.open_elsewhere(clock)()

    def open_elsewhere(self, clock: Clock) -> Callable[[], Ledger]:
        return partial(SqliteLedger, self.path, timeout_s=30, clock=clock)
