"""The application: the routes, and one log event per request."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

from coreason_budget.config import BudgetConfig
from coreason_budget.errors import ConfigError
from coreason_budget.manager import BudgetManager
from coreason_budget.server.replies import answer_errors
from coreason_budget.server.routes import make_blueprint

_log = logging.getLogger("coreason_budget.server.access")


def make_app(config: BudgetConfig | None = None, budget: BudgetManager | None = None) -> Flask:
    """See `coreason_budget.server.create_app`."""
    if config is not None and budget is not None:
        raise ConfigError("config: the budget you pass has its own settings; give one of the two", field="config")
    app = Flask("coreason_budget", static_folder=None)
    app.before_request(_start)
    app.register_blueprint(make_blueprint(budget if budget is not None else BudgetManager(config)))
    app.after_request(_log_access)
    answer_errors(app)
    return app


def _start() -> None:
    g.started_s = time.perf_counter()


def _log_access(response: Response) -> Response:
    # The path alone: a query may hold what does not belong in a log.
    _log.info(
        "request",
        extra={
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "duration_ms": round((time.perf_counter() - g.started_s) * 1000, 3),
        },
    )
    return response
