"""The routes: request in, manager, answer out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from attrs import evolve
from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from coreason_budget.errors import BudgetError, ConfigError
from coreason_budget.manager import BudgetManager
from coreason_budget.server import schemas
from coreason_budget.server.keys import ApiKeys
from coreason_budget.server.openapi import describe
from coreason_budget.server.reading import read_json, read_key, read_query
from coreason_budget.server.table import JSON, ROUTES, Route
from coreason_budget.wire import answers
from coreason_budget.wire.outcomes import INTERNAL, Kind
from coreason_budget.wire.problems import MEDIA_TYPE, Problem, RequestError, problem_of

_log = logging.getLogger("coreason_budget.server")


def make_blueprint(budget: BudgetManager) -> Blueprint:
    """See `coreason_budget.server.create_blueprint`."""
    blueprint = Blueprint("coreason_budget", __name__)
    routes = _Routes(budget)
    for name, route in ROUTES.items():
        view = partial(_view, route, getattr(routes, name))
        blueprint.add_url_rule(route.path, name, view, methods=[route.method])
    blueprint.before_request(routes.check_key)
    answer_errors(blueprint)
    return blueprint


def answer_errors(owner: Blueprint | Flask) -> None:
    """Let every error of a blueprint or an application be answered as a problem."""
    owner.register_error_handler(RequestError, lambda error: _problem(error.problem))
    owner.register_error_handler(BudgetError, _library_error)
    owner.register_error_handler(HTTPException, _http_error)
    owner.register_error_handler(Exception, _unexpected)


def _view(route: Route, verb: Callable[..., Mapping[str, Any] | Response]) -> Response:
    given: list[Any] = [] if route.asks is None else [schemas.structure(read_json(request), route.asks)]
    if route.query is not None:
        given.append(read_query(request, route.query))
    answer = verb(*given)
    return answer if isinstance(answer, Response) else _answer(route.status, answer, route.media_type)


class _Routes:
    """What each of `ROUTES` answers, under its name."""

    def __init__(self, budget: BudgetManager) -> None:
        self._budget = budget
        self._keys = ApiKeys(budget.config.api_keys)

    def check_key(self) -> None:
        if ROUTES[(request.endpoint or "").rpartition(".")[2]].role is not None:
            self._keys.check(request.headers.get("Authorization"))

    def document(self) -> Mapping[str, Any]:
        mounted = request.script_root + request.path.removesuffix(ROUTES["document"].path)
        return describe(mounted, with_keys=bool(self._budget.config.api_keys))

    def check(self, asked: schemas.Check) -> answers.Allowed:
        if asked.input_tokens is not None:
            schemas.model_named(asked.model)
        verdict = self._budget.check_availability(
            asked.user_id,
            asked.project_id,
            asked.estimated_cost,
            model=asked.model,
            tags=asked.tags,
            input_tokens=asked.input_tokens,
        )
        return answers.allowed(verdict)

    def spend(self, asked: schemas.Spend) -> answers.Recorded:
        schemas.one_way(asked)
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
        return answers.recorded(receipt)

    def reserve(self, asked: schemas.Reserve) -> answers.Reserved:
        schemas.one_way(asked)
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
        return answers.reserved(reservation)

    def settle(self, asked: schemas.Settle) -> answers.Ended:
        schemas.one_way(asked)
        receipt = self._budget.settle(
            asked.reservation_id,
            asked.cost,
            usage=asked.usage,
            model=asked.model,
            input_tokens=asked.input_tokens,
            output_tokens=asked.output_tokens,
            idempotency_key=read_key(request),
        )
        return answers.ended(receipt)

    def release(self, asked: schemas.Release) -> answers.Ended:
        return answers.ended(self._budget.release(asked.reservation_id, idempotency_key=read_key(request)))

    def usage(self, asked: Mapping[str, Any]) -> answers.Accounts:
        return answers.accounts(self._budget.usage(**asked))

    def health(self) -> answers.Health | Response:
        books = self._budget.books
        try:
            books.ping()
        except BudgetError as error:
            _log.warning("unhealthy: %s", error)
            return _answer(503, answers.unhealthy(books.ledger_name))
        return answers.healthy(books.ledger_name)


def _answer(status: int, body: Mapping[str, Any], media_type: str = JSON) -> Response:
    return Response(json.dumps(body) + "\n", status, content_type=media_type)


def _problem(problem: Problem) -> Response:
    response = _answer(problem.kind.status, problem.body, MEDIA_TYPE)
    response.headers.update(problem.headers)
    return response


def _library_error(error: BudgetError) -> Response:
    problem = problem_of(error)
    if problem.kind.status >= 500:
        _log.warning("%s: %s", problem.kind.title, error)
    if isinstance(error, ConfigError):
        problem = evolve(problem, detail="The service cannot work with its settings; its log says why.")
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
    return _problem(Problem(INTERNAL, "The service failed; its log says why. Nothing was admitted."))
