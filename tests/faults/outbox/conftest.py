"""Ledgers that outlive the process before them."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", pytest.param("valkey", marks=pytest.mark.redis)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A ledger that outlives the process."""
    if request.param == "valkey":
        return str(request.getfixturevalue("valkey_url"))
    return f"sqlite:///{tmp_path}/budget.db"
