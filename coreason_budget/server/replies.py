"""What the service sends back: answers as JSON, and every error as a problem that tells no secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from attrs import evolve
from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from coreason_budget.errors import BudgetError
from coreason_budget.server.table import JSON
from coreason_budget.wire import outcomes
from coreason_budget.wire.outcomes import INTERNAL, Kind
from coreason_budget.wire.problems import MEDIA_TYPE, Problem, RequestError, problem_of

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""On every answer: what a budget says holds for a moment, and is no page."""

# What a ledger says of its trouble names files and addresses: that is for the log.
_DETAILS = {
    outcomes.LEDGER_UNAVAILABLE.name: "The ledger cannot answer now, so nothing was admitted or booked; try again.",
    outcomes.OUTCOME_UNKNOWN.name: "It is not known whether this was booked: send it again with op_id as its key.",
    outcomes.LEDGER_CORRUPT.name: "The ledger holds what this service did not write; its log says more.",
    outcomes.MISCONFIGURED.name: "The service cannot work with its settings; its log says why.",
}
_QUEUED = "The ledger cannot answer now; what was spent is kept, and will be booked once. To send it again, use op_id."
_FAILED = "The service failed; its log says why. Nothing was admitted."
_log = logging.getLogger("coreason_budget.server")


def reply(status: int, body: Mapping[str, Any], media_type: str = JSON) -> Response:
    """An answer as JSON."""
    return Response(json.dumps(body) + "\n", status, HEADERS, content_type=media_type)


def answer_errors(owner: Blueprint | Flask) -> None:
    """Let every error of a blueprint or an application be answered as a problem."""
    owner.register_error_handler(RequestError, lambda error: _problem(error.problem))
    owner.register_error_handler(BudgetError, _library_error)
    owner.register_error_handler(HTTPException, _http_error)
    owner.register_error_handler(Exception, _unexpected)


def _problem(problem: Problem) -> Response:
    response = reply(problem.kind.status, problem.body, MEDIA_TYPE)
    response.headers.update(problem.headers)
    return response


def _library_error(error: BudgetError) -> Response:
    problem = problem_of(error)
    if problem.kind.status >= 500:
        _log.warning("%s: %s", problem.kind.title, error)
        detail = _QUEUED if problem.data.get("queued") else _DETAILS.get(problem.kind.name, _FAILED)
        problem = evolve(problem, detail=detail)
    return _problem(problem)


def _http_error(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return error.get_response()  # type: ignore[return-value]
    response = _problem(Problem(Kind(error.code, error.name), error.description or error.name))
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    _log.exception("unexpected error in %s %s", request.method, request.path)
    return _problem(Problem(INTERNAL, _FAILED))
