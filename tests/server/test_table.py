"""The table of calls decides: what has a row is served, closed and described by it, and nothing else is."""

from __future__ import annotations

import pytest
from flask import Flask

from coreason_budget import BudgetConfig
from coreason_budget.server import create_app
from coreason_budget.server.table import JSON, ROUTES, Route

_each = pytest.mark.parametrize("name", ROUTES)


@pytest.fixture
def locked() -> Flask:
    return create_app(BudgetConfig(ledger_url="memory://", api_keys=("k",)))


def test_no_two_rows_are_one_call() -> None:
    """A method and a path say which."""
    assert len({(route.method, route.path) for route in ROUTES.values()}) == len(ROUTES)


@_each
def test_what_changes_a_budget_wants_more_than_a_look(name: str) -> None:
    """Whoever may only read can neither book nor hold; and a body comes with a POST."""
    route = ROUTES[name]
    if route.is_repeatable:
        assert route.role in ("spend", "admin")
    assert (route.method == "POST") == (route.asks is not None)
    assert route.asks is None or route.query is None


@_each
def test_a_row_without_a_role_is_open_and_every_other_closed(locked: Flask, name: str) -> None:
    """By the row alone: the view is not asked."""
    route = ROUTES[name]
    answer = locked.test_client().open(route.path, method=route.method, json={})
    assert (answer.status_code == 401) == (route.role is not None)


@_each
def test_another_method_is_405_and_says_which(locked: Flask, name: str) -> None:
    """Whether there is a key or not."""
    route = ROUTES[name]
    answer = locked.test_client().delete(route.path)
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert route.method in answer.headers["Allow"]


def test_a_row_says_the_media_type_of_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is, all are JSON; another one in the table is another one on the wire and in the document."""
    assert {route.media_type for route in ROUTES.values()} == {JSON}
    other = Route(
        method="GET", path="/health", role=None, summary="x", answers=ROUTES["health"].answers, media_type="text/x"
    )
    monkeypatch.setitem(ROUTES, "health", other)
    answer = create_app(BudgetConfig(ledger_url="memory://")).test_client().get("/health")
    assert answer.content_type.startswith("text/x")
