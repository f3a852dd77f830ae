"""gunicorn's gevent workers on an SQLite file: exact, or refused with the reason: `tox -e gevent`."""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from tests.server.service import Service

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(find_spec("gevent") is None, reason="gevent is not installed; tox -e gevent has it"),
]
CALLS = 240


@pytest.mark.parametrize("preload", [False, True])
def test_greenlets_are_exact_or_refused(preload: bool, tmp_path: Path) -> None:
    """Loaded before gevent patches threads, all greenlets of a worker would share one transaction."""
    conf = tmp_path / "conf.py"
    conf.write_text(f"import logging\nlogging.basicConfig()\npreload_app = {preload}\n")
    command = (sys.executable, "-m", "gunicorn", "-c", str(conf), "-k", "gevent", "-w", "2")
    service = Service(tmp_path, command)
    service._command = (*command, "-b", f"127.0.0.1:{service.port}", "coreason_budget.server:create_app()")

    def spend(number: int) -> int:
        return service.request("POST", "/spend", {"user_id": "alice", "cost": "0.01"})[0]

    with service, ThreadPoolExecutor(24) as pool:
        answers = Counter(pool.map(spend, range(CALLS)))
    if preload:
        assert answers == {503: CALLS}
        assert "threads were patched (gevent)" in service.stderr
        return
    assert answers == {200: CALLS}
    (spent,) = [
        balance.spent
        for balance in BudgetManager(BudgetConfig(ledger_url=f"sqlite:///{tmp_path}/coreason-budget.db")).usage("alice")
        if balance.scope == "user/alice"
    ]
    assert spent * 100 == CALLS
