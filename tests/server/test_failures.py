"""A ledger that fails, a key that is wrong, a host application: nothing is admitted, nobody is in the way."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask

from coreason_budget import (
    BudgetConfig,
    BudgetManager,
    ConfigError,
    LedgerCorruptError,
    LedgerUnavailableError,
    OutcomeUnknownError,
)
from coreason_budget.server import create_app, create_blueprint

CALLS: list[tuple[str, str, dict[str, Any] | None]] = [
    ("POST", "/check", {"user_id": "alice"}),
    ("POST", "/spend", {"user_id": "alice", "cost": 1}),
    ("POST", "/reserve", {"user_id": "alice", "cost": 1}),
    ("POST", "/settle", {"reservation_id": "r", "cost": 1}),
    ("POST", "/release", {"reservation_id": "r"}),
    ("POST", "/corrections", {"booking": "b", "cost": 1}),
    ("GET", "/usage", None),
]


class BrokenLedger:
    """Raises the same error whatever it is asked."""

    name = "redis"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def _fail(self, *_: Any) -> Any:
        raise self._error

    reserve = charge = end = correct = read = ping = _fail

    def close(self) -> None:
        """Nothing is open."""


def broken(error: Exception) -> Flask:
    return create_app(budget=BudgetManager(BudgetConfig(), ledger=BrokenLedger(error)))


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
@pytest.mark.parametrize(
    ("error", "name"),
    [
        (LedgerUnavailableError("no answer in 1.0 s"), "ledger-unavailable"),
        (OutcomeUnknownError("no answer in 1.0 s", op_id="op-1"), "outcome-unknown"),
        (LedgerCorruptError("used is not a number"), "ledger-corrupt"),
        (ConfigError("epoch: another time zone", field="epoch"), "misconfigured"),
    ],
)
def test_a_ledger_that_fails_is_503(
    method: str, path: str, body: Any, error: Exception, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Never allowed, never over budget, never a 500; when to try again, and the reason in the log alone."""
    answer = broken(error).test_client().open(path, method=method, json=body)
    assert answer.status_code == 503
    assert answer.content_type == "application/problem+json"
    assert answer.headers["Retry-After"] == "1"
    assert answer.json["type"] == f"urn:coreason-budget:{name}"
    assert answer.json["retry_after_s"] == 1
    assert answer.json.get("op_id") == getattr(error, "op_id", None)
    assert str(error) not in answer.text, "it may name files and addresses"
    assert any(str(error) in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("error", [LedgerUnavailableError("gone"), LedgerCorruptError("?"), ConfigError("zone")])
def test_health_is_503_without_a_ledger(error: Exception) -> None:
    """The ledger is named, its trouble is in the log alone."""
    answer = broken(error).test_client().get("/health")
    assert (answer.status_code, answer.json) == (503, {"status": "unhealthy", "redis": "disconnected"})


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_what_nobody_expected_is_a_500_that_tells_nothing(
    method: str, path: str, body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug is logged with its traceback, and answered without it."""
    answer = broken(RuntimeError("secret inside")).test_client().open(path, method=method, json=body)
    assert answer.status_code == 500
    assert answer.content_type == "application/problem+json"
    assert "secret" not in answer.text
    assert any(record.exc_info and "secret inside" in str(record.exc_info[1]) for record in caplog.records)


@pytest.fixture
def locked() -> Flask:
    """A service with two keys."""
    return create_app(BudgetConfig(ledger_url="memory://", api_keys=("first", "cl\u00e9")))


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_without_a_key_every_route_is_closed(locked: Flask, method: str, path: str, body: Any) -> None:
    """401 without a key, 403 with a wrong one, and nothing of the request is read."""
    client = locked.test_client()
    answer = client.open(path, method=method, json=body)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    for header in ("", "Bearer", "Bearer ", "Basic first", "first"):
        assert client.open(path, method=method, json=body, headers={"Authorization": header}).status_code == 401
    for header in ("Bearer second", "Bearer firs", "Bearer first2", "Bearer FIRST", "Bearer \xff", "Bearer a b"):
        answer = client.open(path, method=method, json=body, headers={"Authorization": header})
        assert (answer.status_code, answer.content_type) == (403, "application/problem+json")
        assert "first" not in answer.text


def test_every_key_opens(locked: Flask) -> None:
    """Any of the keys is enough, in any script."""
    for key in ("first", "cl\u00e9"):
        header = f"bearer {key}".encode().decode("latin-1")
        assert locked.test_client().get("/usage", headers={"Authorization": header}).status_code == 200


def test_health_needs_no_key(locked: Flask) -> None:
    """A load balancer has none."""
    assert locked.test_client().get("/health").status_code == 200


def test_requests_are_logged_without_keys(locked: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """One event per request, with method, path, status and duration, and no secret."""
    with caplog.at_level(logging.INFO, "coreason_budget"):
        locked.test_client().get("/usage?user_id=alice", headers={"Authorization": "Bearer first"})
    (event,) = [r for r in caplog.records if r.name == "coreason_budget.server.access"]
    logged = vars(event)
    assert (logged["method"], logged["path"], logged["status"]) == ("GET", "/usage", 200)
    assert logged["duration_ms"] >= 0
    assert "first" not in caplog.text + str([vars(r) for r in caplog.records])


def test_config_and_budget_together_are_refused() -> None:
    """A manager has its settings already."""
    config = BudgetConfig(ledger_url="memory://")
    with pytest.raises(ConfigError, match="one of the two"):
        create_app(config, budget=BudgetManager(config))


def host(budget: BudgetManager) -> Flask:
    app = Flask("host")

    @app.get("/own")
    def own() -> str:
        raise ValueError("mine")

    @app.errorhandler(ValueError)
    def wrong(error: ValueError) -> tuple[str, int]:
        return "the host's own", 418

    app.register_blueprint(create_blueprint(budget), url_prefix="/budget")
    app.register_blueprint(create_blueprint(budget), name="second", url_prefix="/second")
    return app


def test_a_blueprint_leaves_its_host_alone(budget: BudgetManager) -> None:
    """Under a prefix, twice if wanted, with its own errors; the host keeps its handlers."""
    client = host(budget).test_client()
    for prefix in ("/budget", "/second"):
        assert client.post(f"{prefix}/check", json={"user_id": "a"}).status_code == 200
        answer = client.post(f"{prefix}/check", json={})
        assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
        assert client.post(f"{prefix}/check", data="{}").status_code == 415
    assert client.get("/own").data == b"the host's own"
    assert client.get("/nowhere").content_type.startswith("text/html")


def test_health_of_a_blueprint_needs_no_key_either() -> None:
    """Whatever the host calls the blueprint."""
    client = host(BudgetManager(BudgetConfig(ledger_url="memory://", api_keys=("k",)))).test_client()
    for prefix in ("/budget", "/second"):
        assert client.get(f"{prefix}/health").status_code == 200
        assert client.get(f"{prefix}/usage").status_code == 401


def test_two_services_share_nothing() -> None:
    """No state in the module: each application has its own budget."""
    one, two = (create_app(BudgetConfig(ledger_url="memory://")).test_client() for _ in range(2))
    one.post("/spend", json={"user_id": "a", "cost": 1})
    assert two.get("/usage").json["accounts"][-1]["spent_usd"] == "0.00"
