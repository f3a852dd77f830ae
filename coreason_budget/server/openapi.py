"""The service described in OpenAPI 3.1, read off the table of its calls and the types they use.

So it cannot say anything else than the code does.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from coreason_budget import __version__, declared, inputs
from coreason_budget.ids import BUILT_IN_KINDS, KIND_PATTERN, MAX_ID_BYTES, MAX_TAGS
from coreason_budget.server.reading import KEY_HEADER, TAG, Query
from coreason_budget.server.table import JSON, ROUTES, Route
from coreason_budget.wire import outcomes
from coreason_budget.wire.answers import Json
from coreason_budget.wire.json_schema import NULL, Schemas
from coreason_budget.wire.outcomes import Kind
from coreason_budget.wire.problems import MEDIA_TYPE

_ID: Json = {"type": "string", **inputs.ID}
_KEY: Json = {
    "name": KEY_HEADER,
    "in": "header",
    "description": "The same key and call counts once, for 24 hours. UTF-8, plain or in double quotes.",
    "schema": {
        "type": "string",
        "anyOf": [
            {"pattern": r'^[^"\x00-\x1f\x7f][^\x00-\x1f\x7f]*$', "maxLength": MAX_ID_BYTES},
            {"pattern": r'^"[^"\\\x00-\x1f\x7f]+"$', "maxLength": MAX_ID_BYTES + 2},
        ],
    },
}
_TAGS: Json = {
    "name": "tags",
    "in": "query",
    "description": f"Further scopes, each as {TAG}KIND=id.",
    "style": "form",
    "explode": True,
    "schema": {
        "type": "object",
        "patternProperties": {f"^{re.escape(TAG)}{KIND_PATTERN}$": _ID},
        "propertyNames": {"not": {"enum": [TAG + kind for kind in BUILT_IN_KINDS]}},
        "additionalProperties": False,
        "maxProperties": MAX_TAGS,
    },
}


def describe(mounted: str = "", *, with_keys: bool = False) -> Json:
    """Make the document of a service.

    Args:
        mounted: The path under which its routes are.
        with_keys: Whether it asks for API keys.
    """
    return {**_described(with_keys), "servers": [{"url": mounted or "/"}]}


@cache
def _described(with_keys: bool) -> Json:
    types = Schemas()
    scheme = {"apiKey": {"type": "http", "scheme": "bearer", "description": "One of the service's API_KEYS."}}
    paths: dict[str, Json] = {}
    for name, route in ROUTES.items():
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(name, route, types, with_keys)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "coreason-budget",
            "version": __version__,
            "description": "Budgets that an LLM application cannot overspend: check, reserve and charge, exactly once.",
        },
        "paths": paths,
        "components": {"schemas": types.named, **({"securitySchemes": scheme} if with_keys else {})},
    }


def _operation(name: str, route: Route, types: Schemas, with_keys: bool) -> Json:
    written: Json = {"operationId": name, "summary": route.summary, "responses": _responses(route, types, with_keys)}
    if route.asks is not None:
        body = {JSON: {"schema": _request(route.asks, types)}}
        written["requestBody"] = {"required": True, "content": body}
    if parameters := [*_query(route.query), *([_KEY] if route.is_repeatable else [])]:
        written["parameters"] = parameters
    if with_keys and route.role is not None:
        written["security"] = [{"apiKey": [route.role]}]
    return written


def _query(query: Query | None) -> list[Json]:
    if query is None:
        return []
    named = [{"name": name, "in": "query", "schema": _ID} for name in query.names]
    return [*named, _TAGS] if query.takes_tags else named


def _request(asked: type[Any], types: Schemas) -> Json:
    own = {"type": "object", "description": asked.__doc__, **types.members(asked), "additionalProperties": False}
    return types.name(asked.__name__, {**own, **_ways(asked.ALTERNATIVES)})


def _ways(ways: tuple[declared.Alternative, ...]) -> Json:
    """The ways to say a cost: what must be there is no null, and of the other ways there is nothing."""
    options = []
    for way in ways:
        others = [name for other in ways if other is not way for name in other.fields]
        for needs in way.needs:
            given = {name: {"not": NULL} for name in needs}
            options.append({"required": [*needs], "properties": {**given, **dict.fromkeys(others, NULL)}})
    return {"anyOf": options} if options else {}


def _responses(route: Route, types: Schemas, with_keys: bool) -> Json:
    written = {str(status): _answer(route.media_type, shape, types) for status, shape in route.answers.items()}
    if route.ends_in:
        body = {"reservation_id": "$response.body#/reservation_id"}
        written[str(route.status)]["links"] = {end: {"operationId": end, "requestBody": body} for end in route.ends_in}
    kinds = route.kinds(with_keys)
    for status in sorted({kind.status for kind in kinds}):
        written[str(status)] = _refusal([kind for kind in kinds if kind.status == status], types)
    return written


def _answer(media_type: str, shape: Any, types: Schemas) -> Json:
    schema = types.of(shape)
    return {"description": types.description(schema), "content": {media_type: {"schema": schema}}}


def _refusal(kinds: list[Kind], types: Schemas) -> Json:
    """Every problem of one status."""
    found = [_problem(kind, data, types) for kind in kinds for data in kind.data]
    schema = found[0] if len(found) == 1 else {"oneOf": found}
    headers = {name: always for kind in kinds for name, always in kind.headers.items()}
    written: Json = {
        "description": "; ".join(kind.title for kind in kinds) + ".",
        "content": {MEDIA_TYPE: {"schema": schema}},
    }
    if headers:
        written["headers"] = {
            name: {"required": always, "schema": types.of(outcomes.HEADERS[name])} for name, always in headers.items()
        }
    return written


def _problem(kind: Kind, data: Any, types: Schemas) -> Json:
    """What every problem has, and the members of its own."""
    words = re.split("[ -]", kind.name or kind.title)
    name = "".join(word.capitalize() for word in words) + (data.__name__ if len(kind.data) > 1 else "")
    common: Json = {
        "type": {"type": "string", "const": kind.type},
        "title": {"type": "string", "const": kind.title},
        "status": {"type": "integer", "const": kind.status},
        "detail": {"type": "string", "description": "What is wrong, and what to do."},
    }
    own = types.members(data)
    schema = {
        "type": "object",
        "description": f"{kind.title}. {data.__doc__}",
        "properties": {**common, **own["properties"]},
        "required": [*common, *own["required"]],
    }
    return types.name(name, schema)
