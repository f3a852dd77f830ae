"""The routes: request in, manager, answer out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from attrs import evolve
from flask import Blueprint, Response, request

from coreason_budget.calls import Check, Correct, Mutation, Release, Reserve, Settle, Spend
from coreason_budget.errors import BudgetError
from coreason_budget.manager import BudgetManager
from coreason_budget.server import schemas
from coreason_budget.server.keys import ApiKeys
from coreason_budget.server.openapi import describe
from coreason_budget.server.reading import read_json, read_key, read_query
from coreason_budget.server.replies import answer_errors, reply
from coreason_budget.server.table import ROUTES, Route
from coreason_budget.wire import answers

T = TypeVar("T", bound=Mutation)

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


def _view(route: Route, verb: Callable[..., Mapping[str, Any] | Response]) -> Response:
    given: list[Any] = [] if route.asks is None else [schemas.structure(read_json(request), route.asks)]
    if route.query is not None:
        given.append(read_query(request, route.query))
    answer = verb(*given)
    return answer if isinstance(answer, Response) else reply(route.status, answer, route.media_type)


def _keyed(asked: T) -> T:
    """A call that says its cost in one way, with the key of its header."""
    schemas.one_way(asked)
    return evolve(asked, idempotency_key=read_key(request))


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

    def check(self, asked: Check) -> answers.Allowed:
        if asked.input_tokens is not None:
            schemas.model_named(asked.model)
        return answers.allowed(self._budget.perform(asked))

    def spend(self, asked: Spend) -> answers.Recorded:
        return answers.recorded(self._budget.perform(_keyed(asked)))

    def reserve(self, asked: Reserve) -> answers.Reserved:
        return answers.reserved(self._budget.perform(_keyed(asked)))

    def settle(self, asked: Settle) -> answers.Ended:
        return answers.ended(self._budget.perform(_keyed(asked)))

    def release(self, asked: Release) -> answers.Ended:
        return answers.ended(self._budget.perform(_keyed(asked)))

    def correct(self, asked: Correct) -> answers.Corrected:
        return answers.corrected(self._budget.perform(_keyed(asked)))

    def usage(self, asked: Mapping[str, Any]) -> answers.Accounts:
        return answers.accounts(self._budget.usage(**asked))

    def health(self) -> answers.Health | Response:
        books = self._budget.books
        try:
            books.ping()
        except BudgetError as error:
            _log.warning("unhealthy: %s", error)
            return reply(503, answers.unhealthy(books.ledger_name))
        return answers.healthy(books.ledger_name)
