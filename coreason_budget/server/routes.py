"""The routes: request in, manager, answer out."""

from __future__ import annotations

import json
import logging
from typing import Any

from attrs import evolve
from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from coreason_budget.errors import BudgetError, ConfigError
from coreason_budget.manager import BudgetManager
from coreason_budget.server import answers, schemas
from coreason_budget.server.keys import ApiKeys
from coreason_budget.server.problems import MEDIA_TYPE, Problem, RequestError, problem_of
from coreason_budget.server.reading import read_json, read_key, read_query

_log = logging.getLogger("coreason_budget.server")


def make_blueprint(budget: BudgetManager) -> Blueprint:
    """See `coreason_budget.server.create_blueprint`."""
    blueprint = Blueprint("coreason_budget", __name__)
    routes = _Routes(budget)
    for verb in (routes.check, routes.spend, routes.reserve, routes.settle, routes.release):
        blueprint.add_url_rule(f"/{verb.__name__}", view_func=verb, methods=["POST"])
    blueprint.add_url_rule("/usage", view_func=routes.usage)
    blueprint.add_url_rule("/health", view_func=routes.health)
    blueprint.before_request(routes.check_key)
    answer_errors(blueprint)
    return blueprint


def answer_errors(owner: Blueprint | Flask) -> None:
    """Let every error of a blueprint or an application be answered as a problem."""
    owner.register_error_handler(RequestError, lambda error: _problem(error.problem))
    owner.register_error_handler(BudgetError, _library_error)
    owner.register_error_handler(HTTPException, _http_error)
    owner.register_error_handler(Exception, _unexpected)


class _Routes:
    def __init__(self, budget: BudgetManager) -> None:
        self._budget = budget
        self._keys = ApiKeys(budget.config.api_keys)

    def check_key(self) -> None:
        if (request.endpoint or "").rpartition(".")[2] != "health":
            self._keys.check(request.headers.get("Authorization"))

    def check(self) -> Response:
        asked = schemas.structure(read_json(request), schemas.Check)
        model = None if asked.input_tokens is None else schemas.model_named(asked.model)
        verdict = self._budget.check_availability(
            asked.user_id,
            asked.project_id,
            0 if asked.estimated_cost is None else asked.estimated_cost,
            model=asked.model,
            tags=asked.tags,
        )
        answer = answers.allowed(verdict)
        if asked.input_tokens is not None and model is not None:
            answer["affordable_output_tokens"] = self._budget.affordable_output_tokens(
                asked.user_id,
                asked.project_id,
                model=model,
                input_tokens=asked.input_tokens,
                tags=asked.tags,
            )
        return _answer(200, answer)

    def spend(self) -> Response:
        asked = schemas.structure(read_json(request), schemas.Spend)
        schemas.one_cost(asked.cost, input_tokens=asked.input_tokens, output_tokens=asked.output_tokens)
        receipt = self._budget.record_spend(
            asked.user_id,
            asked.cost,
            asked.project_id,
            asked.model,
            tags=asked.tags,
            input_tokens=asked.input_tokens,
            output_tokens=asked.output_tokens,
            idempotency_key=read_key(request),
        )
        return _answer(200, answers.recorded(receipt))

    def reserve(self) -> Response:
        asked = schemas.structure(read_json(request), schemas.Reserve)
        schemas.one_cost(asked.cost, input_tokens=asked.input_tokens, max_output_tokens=asked.max_output_tokens)
        reservation = self._budget.reserve(
            asked.user_id,
            asked.cost,
            asked.project_id,
            asked.model,
            tags=asked.tags,
            input_tokens=asked.input_tokens,
            max_output_tokens=asked.max_output_tokens,
            ttl_s=asked.ttl_s,
            idempotency_key=read_key(request),
        )
        return _answer(201, answers.reserved(reservation))

    def settle(self) -> Response:
        asked = schemas.structure(read_json(request), schemas.Settle)
        schemas.one_cost(
            asked.cost, usage=asked.usage, input_tokens=asked.input_tokens, output_tokens=asked.output_tokens
        )
        receipt = self._budget.settle(
            asked.reservation_id,
            asked.cost,
            usage=asked.usage,
            model=asked.model,
            input_tokens=asked.input_tokens,
            output_tokens=asked.output_tokens,
            idempotency_key=read_key(request),
        )
        return _answer(200, answers.ended(receipt))

    def release(self) -> Response:
        asked = schemas.structure(read_json(request), schemas.Release)
        receipt = self._budget.release(asked.reservation_id, idempotency_key=read_key(request))
        return _answer(200, answers.ended(receipt))

    def usage(self) -> Response:
        return _answer(200, answers.accounts(self._budget.usage(**read_query(request))))

    def health(self) -> Response:
        ledger = self._budget.ledger
        try:
            ledger.ping()
        except BudgetError as error:
            _log.warning("unhealthy: %s", error)
            return _answer(503, {"status": "unhealthy", ledger.name: "disconnected"})
        return _answer(200, {"status": "healthy", ledger.name: "connected"})


def _answer(status: int, body: dict[str, Any], media_type: str = "application/json") -> Response:
    return Response(json.dumps(body) + "\n", status, content_type=media_type)


def _problem(problem: Problem) -> Response:
    response = _answer(problem.status, problem.body, MEDIA_TYPE)
    response.headers.update(problem.headers)
    return response


def _library_error(error: BudgetError) -> Response:
    problem = problem_of(error)
    if problem.status >= 500:
        _log.warning("%s: %s", problem.title, error)
    if isinstance(error, ConfigError):
        problem = evolve(problem, detail="The service cannot work with its settings; its log says why.")
    return _problem(problem)


def _http_error(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return error.get_response()  # type: ignore[return-value]
    response = _problem(Problem(error.code, error.name, error.description or error.name))
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    _log.exception("unexpected error in %s %s", request.method, request.path)
    return _problem(Problem(500, "Internal error", "The service failed; its log says why. Nothing was admitted."))
