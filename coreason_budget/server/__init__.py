"""The HTTP service: `create_app` for an application of its own, `create_blueprint` for anyone's Flask app."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Blueprint, Flask

    from coreason_budget.config import BudgetConfig
    from coreason_budget.manager import BudgetManager

__all__ = ["create_app", "create_blueprint"]

# Flask is imported when it is asked for: the commands use the modules beside this one without it.


def create_app(config: BudgetConfig | None = None, *, budget: BudgetManager | None = None) -> Flask:
    """Make the service: a WSGI application for any server.

    Args:
        config: The settings; left out, they come from the environment and `.env`.
        budget: A manager of one's own, instead of one made from the settings.

    Raises:
        ConfigError: A setting that cannot be used, or both arguments at once.
    """
    from coreason_budget.server.app import make_app

    return make_app(config, budget)


def create_blueprint(budget: BudgetManager) -> Blueprint:
    """Make the routes of the service for an application that exists already.

    The blueprint answers its own errors and leaves those of the application alone. It asks for
    a key if ``budget.config.api_keys`` names any. Two of them in one application want two names:
    ``app.register_blueprint(blueprint, name="other", url_prefix="/other")``.
    """
    from coreason_budget.server.routes import make_blueprint

    return make_blueprint(budget)
