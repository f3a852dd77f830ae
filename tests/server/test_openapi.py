"""The document says what the code does: its routes, its fields, its problems, and nothing besides."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import NOTHING, fields
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from coreason_budget import BudgetConfig, BudgetManager, calls, declared
from coreason_budget.server import create_app, create_blueprint
from coreason_budget.server.openapi import describe
from coreason_budget.server.table import ROUTES
from coreason_budget.wire.outcomes import INTERNAL, KINDS, NOT_SETTLED, Kind

REQUESTS = calls.CALLS


def service(*api_keys: str) -> Flask:
    return create_app(BudgetConfig(ledger_url="memory://", api_keys=api_keys))


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


@pytest.mark.parametrize("with_keys", [False, True])
def test_it_is_valid_openapi(with_keys: bool) -> None:
    """By the rules of OpenAPI 3.1, schemas and references included."""
    validate(describe("/budget", with_keys=with_keys), cls=OpenAPIV31SpecValidator)


def test_every_route_is_in_it() -> None:
    """What the application listens to is what is described, the document itself among it."""
    app = service()
    listening = {(rule.rule, method) for rule in app.url_map.iter_rules() for method in rule.methods or ()}
    described = {(path, m.upper()) for path, methods in describe()["paths"].items() for m in methods}
    automatic = {(path, method) for path, method in listening if method in ("HEAD", "OPTIONS")}
    assert listening - automatic == described


@pytest.mark.parametrize("asked", REQUESTS)
def test_every_field_of_a_request_is_in_it(asked: type[Any]) -> None:
    """Those that must be there are required, the others may be null, and none else is allowed."""
    schema = describe()["components"]["schemas"][asked.__name__]
    said = [field for field in fields(asked) if field.name in declared.json_fields(asked)]
    assert list(schema["properties"]) == [field.name for field in said]
    assert schema["required"] == [field.name for field in said if field.default is NOTHING]
    assert schema["additionalProperties"] is False
    for field in said:
        told = schema["properties"][field.name]
        types = told["type"] if "type" in told else [option.get("type") for option in told["anyOf"]]
        assert ("null" in types) == (field.default is None)
    assert [route.asks for route in ROUTES.values()].count(asked) == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_problem_is_in_it(kind: Kind) -> None:
    """Somewhere; but for the bug that nobody foresees, and what only a block of Python can leave undone."""
    found = [
        schema
        for schema in describe(with_keys=True)["components"]["schemas"].values()
        if schema["properties"].get("type") == {"type": "string", "const": kind.type}
    ]
    assert len(found) == (0 if kind in (INTERNAL, NOT_SETTLED) else len(kind.data))
    assert all(schema["properties"]["status"]["const"] == kind.status for schema in found)


def test_it_is_served_as_json() -> None:
    """To everybody: who asks for it has no key yet, and it says nothing of a budget."""
    for app, with_keys in ((service(), False), (service("k"), True)):
        answer = app.test_client().get("/openapi.json")
        assert (answer.status_code, answer.content_type) == (200, "application/json")
        assert answer.json == describe(with_keys=with_keys)


def test_keys_are_in_it_where_there_are_any() -> None:
    """Every call but health and the document asks for one, says for which role, and may answer 401 and 403."""
    for operation in operations(describe(with_keys=True)):
        role = ROUTES[operation["operationId"]].role
        is_open = operation["operationId"] in ("health", "document")
        assert operation.get("security", [{"apiKey": [role]}]) == [{"apiKey": [role]}]
        assert ("security" in operation, {"401", "403"} <= operation["responses"].keys()) == (not is_open, not is_open)
    document = describe()
    assert "securitySchemes" not in document["components"]
    assert not any("security" in o or "401" in o["responses"] for o in operations(document))


def test_it_says_where_the_routes_are() -> None:
    """Under the prefix of a blueprint, and that of a server in front."""
    app = Flask("host")
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"))
    app.register_blueprint(create_blueprint(budget), url_prefix="/budget")
    client = app.test_client()
    assert client.get("/budget/openapi.json").json["servers"] == [{"url": "/budget"}]  # type: ignore[index]
    answer = client.get("/budget/openapi.json", environ_overrides={"SCRIPT_NAME": "/front"})
    assert answer.json["servers"] == [{"url": "/front/budget"}]  # type: ignore[index]
    assert service().test_client().get("/openapi.json").json["servers"] == [{"url": "/"}]  # type: ignore[index]


def test_the_key_of_a_mutation_is_in_it() -> None:
    """Whatever changes a budget takes one."""
    takers = {
        operation["operationId"]
        for operation in operations(describe())
        if "Idempotency-Key" in [parameter["name"] for parameter in operation.get("parameters", ())]
    }
    assert takers == {"spend", "reserve", "settle", "release", "correct"}


def test_a_reservation_leads_to_its_ends() -> None:
    """By links, so that a tool can follow it."""
    links = describe()["paths"]["/reserve"]["post"]["responses"]["201"]["links"]
    assert {link["operationId"] for link in links.values()} == {"settle", "release"}
