"""Every answer says that it is not to be kept and is no page; and no trouble of the ledger leaves the house."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from coreason_budget import BudgetConfig, BudgetManager, LedgerUnavailableError
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.server import create_app


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/usage", 200),
        ("GET", "/health", 200),
        ("GET", "/openapi.json", 200),
        ("POST", "/check", 400),
        ("GET", "/usage?no=1", 400),
        ("GET", "/nowhere", 404),
        ("POST", "/check/", 404),
        ("DELETE", "/usage", 405),
    ],
)
def test_no_answer_is_kept_or_taken_for_a_page(client: FlaskClient, method: str, path: str, status: int) -> None:
    """Answers and errors alike: a cached verdict is a wrong one."""
    answer = client.open(path, method=method, json={})
    assert answer.status_code == status
    assert answer.content_type in ("application/json", "application/problem+json")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


class _Queued(MemoryLedger):
    """Out of reach, with an outbox before it."""

    def charge(self, request: object) -> None:  # type: ignore[override]
        raise LedgerUnavailableError("/var/lib/secret.db is locked", queued=True, op_id="op-1")


def test_spend_that_is_kept_says_so_without_the_reason() -> None:
    """The caller learns that it counts once, and under which key; the file's name is for the log."""
    app = create_app(budget=BudgetManager(BudgetConfig(), ledger=_Queued()))
    answer = app.test_client().post("/spend", json={"user_id": "alice", "cost": 1})
    assert (answer.status_code, answer.json["queued"], answer.json["op_id"]) == (503, True, "op-1")  # type: ignore[index]
    assert "kept" in answer.json["detail"]  # type: ignore[index]
    assert "secret" not in answer.text
