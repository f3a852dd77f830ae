"""The outbox's file: damaged, full, gone, shared."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from coreason_budget import (
    BudgetManager,
    ConfigError,
    LedgerUnavailableError,
)
from coreason_budget.ledger.named import SCHEMA
from tests.outbox.kit import Flaky, manager, queued, run, spent, states


@pytest.mark.parametrize("damage", ["a folder that is not there", "a folder", "a text", "newer", "foreign"])
def test_a_file_that_cannot_be_used_is_a_setting(path: Path, ledger: Flaky, damage: str) -> None:
    """Told at the start, with its path, and left as it is."""
    if damage == "a folder that is not there":
        path = path / "spend.outbox"
    elif damage == "a folder":
        path.mkdir()
    elif damage == "a text":
        path.write_text("my diary, " * 1000)
    elif damage == "newer":
        manager(path, ledger)
        run(path, f"INSERT INTO migration VALUES ('later', {SCHEMA + 1})")
    else:
        run(path, "CREATE TABLE invoice (id INTEGER)")
    with pytest.raises(ConfigError) as caught:
        manager(path, ledger)
    assert caught.value.field == "outbox"
    assert str(path) in str(caught.value) or str(path.parent) in str(caught.value)


def _break(path: Path) -> None:
    path.rename(path.with_name("away"))


def test_a_disk_that_fails_is_said(
    budget: BudgetManager, ledger: Flaky, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not kept: the caller reads it, with the op id to repeat with, and so does the log."""
    budget.usage("alice")
    ledger.state = "down"
    _break(path)
    with pytest.raises(LedgerUnavailableError, match="NOT be put into the outbox") as caught:
        budget.record_spend("alice", 3)
    assert not caught.value.queued
    assert any(r.levelno == logging.ERROR and "NOT" in r.message for r in caplog.records)
    ledger.state = "up"
    path.with_name("away").rename(path)
    assert not budget.record_spend("alice", 3, idempotency_key=caught.value.op_id).replayed
    assert spent(budget) == 3


def test_a_full_disk_is_said(budget: BudgetManager, ledger: Flaky, path: Path) -> None:
    """What did not fit is not kept, and what was kept before is whole."""
    store = budget.outbox.store  # type: ignore[union-attr]
    with store._file.read(1) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
    store._file._local.opened.connection.execute(f"PRAGMA max_page_count={pages}")
    ledger.state = "down"
    errors = [charge_in_vain(budget, number) for number in range(200)]
    kept = [error.op_id for error in errors if error.queued]
    assert 0 < len(kept) < len(errors)
    assert all("full" in str(error) for error in errors if not error.queued)
    ledger.state = "up"
    assert budget.outbox.flush().delivered == len(kept)  # type: ignore[union-attr]
    assert ledger.arrived == kept


def charge_in_vain(budget: BudgetManager, number: int) -> LedgerUnavailableError:
    with pytest.raises(LedgerUnavailableError) as caught:
        budget.record_spend("alice", "0.01", tags={"team": f"{number:0250d}"})
    return caught.value


def test_without_its_outbox_nothing_is_admitted_and_spend_is_booked(
    budget: BudgetManager, ledger: Flaky, path: Path
) -> None:
    """What waits cannot be counted: no admission; but what was spent goes to the ledger."""
    reservation = budget.reserve("alice", 1)
    _break(path)
    for call in (lambda: budget.check_availability("alice"), lambda: budget.reserve("alice", 1), reservation.release):
        with pytest.raises(LedgerUnavailableError, match="outbox"):
            call()
    assert budget.record_spend("alice", 3).cost_usd == 3
    assert reservation.settle(1).cost_usd == 1


def test_namespaces_share_a_file_and_nothing_in_it(path: Path, ledger: Flaky) -> None:
    """Each delivers and counts its own."""
    one, two = manager(path, ledger, namespace="one"), manager(path, Flaky(), namespace="two")
    ledger.state = "down"
    queued(lambda: one.record_spend("alice", 3))
    assert two.check_availability("alice").remaining_usd == 10
    assert (len(states(one)), len(states(two))) == (1, 0)
