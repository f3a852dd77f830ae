"""The service and its settings."""

from __future__ import annotations

import sys
from typing import Any

import click
from attrs import asdict, fields_dict

from coreason_budget.cli.base import Command, cli, command, failing, table
from coreason_budget.config import BudgetConfig, describe
from coreason_budget.settings import environment_name
from coreason_budget.wire.outcomes import WRONG


@command
def config() -> tuple[Any, str]:
    """Show every setting, its value, and where it came from."""
    settings = describe(BudgetConfig())
    rows = [(s.variable, s.value, s.source) for s in settings]
    return {"settings": [asdict(s) for s in settings]}, table([("SETTING", "VALUE", "FROM"), *rows])


def _setting(name: str) -> Command:
    about = fields_dict(BudgetConfig)[name].metadata["help"]
    return click.option(
        f"--{name.removesuffix('_s').replace('_', '-')}", name, help=f"{about} [{environment_name(name)}]"
    )


@cli.command()
@_setting("host")
@_setting("port")
@_setting("workers")
@_setting("threads")
@_setting("worker_timeout_s")
@_setting("graceful_timeout_s")
@_setting("log_path")
def serve(**settings: Any) -> None:
    """Serve the budgets over HTTP, under gunicorn."""
    try:
        from coreason_budget.server import logs, runner

        logs.configure()
        with failing():
            runner.serve(BudgetConfig(**{name: value for name, value in settings.items() if value is not None}))
    except ModuleNotFoundError as error:
        click.echo(f"coreason-budget: serve needs {error.name}: pip install '.[server]' in the clone", err=True)
        sys.exit(WRONG)
