"""A budget in memory on a clock that stands still, and the service on top of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.server import create_app
from coreason_budget.testing import ManualClock

Post = Callable[..., TestResponse]


@pytest.fixture
def clock() -> ManualClock:
    """The ledger's time."""
    return ManualClock()


@pytest.fixture
def budget(clock: ManualClock) -> BudgetManager:
    """Ten dollars a day for every user."""
    return BudgetManager(BudgetConfig(ledger_url="memory://"), clock=clock)


@pytest.fixture
def client(budget: BudgetManager) -> FlaskClient:
    """The service, without a server."""
    return create_app(budget=budget).test_client()


@pytest.fixture
def post(client: FlaskClient) -> Post:
    """Send a body as JSON; text and bytes go as they are."""

    def send(path: str, body: Any = None, key: str | None = None, **headers: str) -> TestResponse:
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        if key is not None:
            headers["Idempotency-Key"] = key
        # The test client leaves the length of an empty body out; clients do not.
        length = {"CONTENT_LENGTH": str(len(data.encode() if isinstance(data, str) else data))}
        return client.post(path, data=data, headers=headers, content_type="application/json", environ_overrides=length)

    return send
