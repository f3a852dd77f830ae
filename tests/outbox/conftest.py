"""A budget with an outbox, before a ledger that can go away."""

from __future__ import annotations

from pathlib import Path

import pytest

from coreason_budget import (
    BudgetManager,
)
from coreason_budget.testing import ManualClock
from tests.outbox.kit import Flaky, manager


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the outbox is."""
    return tmp_path / "spend.outbox"


@pytest.fixture
def clock() -> ManualClock:
    """The time of ledger and host."""
    return ManualClock()


@pytest.fixture
def ledger(clock: ManualClock) -> Flaky:
    """A ledger that can go away."""
    return Flaky(clock)


@pytest.fixture
def budget(path: Path, ledger: Flaky, clock: ManualClock) -> BudgetManager:
    """A budget before that ledger, with an outbox."""
    return manager(path, ledger, clock)
