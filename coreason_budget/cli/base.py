"""What all commands share: the group, how a command answers and fails, and the ledger of the settings."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click

from coreason_budget import __version__
from coreason_budget.config import BudgetConfig
from coreason_budget.errors import BudgetError, LedgerUnavailableError
from coreason_budget.manager import BudgetManager
from coreason_budget.settings import environment_name
from coreason_budget.wire.outcomes import kind_of
from coreason_budget.wire.problems import problem_of

Command = Callable[..., Any]

_EXAMPLES = """
\b
Examples:
  coreason-budget serve --port 8000
  coreason-budget check user_123 --cost 0.25
  coreason-budget spend user_123 --cost 0.031 --project launch --model gpt-4o
  coreason-budget reserve user_123 --model gpt-4o --input 1200 --max-output 800
  coreason-budget settle RESERVATION_ID --input 1200 --output 312
  coreason-budget correct KEY --cost 0.05
  coreason-budget usage --user user_123
  coreason-budget price gpt-4o --input 1200 --output 300 --explain
  coreason-budget prices claude-sonnet
  coreason-budget tokens fetch
  coreason-budget reservations
  coreason-budget audit
  coreason-budget export --since 2026-11-24 --format csv --output journal.csv
  coreason-budget ledger status
\b
Exit status: 0 allowed or done, 1 refused by a budget (or the books do not balance), 2 wrong usage,
settings or input, 3 the ledger is not available.
"""


@click.group(
    context_settings={"max_content_width": 100},
    help="Budgets for LLM calls: check, reserve and book them, or serve them over HTTP.\n" + _EXAMPLES,
)
@click.version_option(__version__, prog_name="coreason-budget")
def cli() -> None:
    logging.basicConfig(level=logging.WARNING, format="coreason-budget: %(message)s", stream=sys.stderr)


def together(*options: Command) -> Command:
    """Several decorators as one, the first on top."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for programs.")


def answering(command: Command) -> Command:
    """A function that answers, with ``--json``, and whose errors are one sentence and an exit status."""

    @as_json
    @wraps(command)
    def run(as_json: bool, **given: Any) -> None:
        say(as_json, lambda: command(**given))

    return run


def command(command: Command, group: click.Group = cli, **settings: Any) -> Command:
    """An answering function as a command."""
    return group.command(context_settings=settings)(answering(command))


def say(as_json: bool, act: Callable[[], tuple[Any, ...] | None]) -> None:
    """Print what a command answers: JSON values, text, and its exit status where that is not 0; None is no answer."""
    with failing(as_json):
        answered = act()
    if answered is None:
        return
    answer, text, *status = answered
    click.echo(json.dumps(answer) if as_json else text)
    if any(status):
        sys.exit(*status)


@contextmanager
def failing(as_json: bool = False) -> Iterator[None]:
    """An error of the library as one sentence and an exit status."""
    try:
        yield
    except BudgetError as error:
        if as_json:
            click.echo(json.dumps(problem_of(error).body))
        click.echo(f"coreason-budget: {error}", err=True)
        sys.exit(kind_of(error).exit)


# A reservation's id may begin with a dash; no command has short options that it could be taken for.
ending = partial(command, ignore_unknown_options=True)


def budget(config: BudgetConfig | None = None) -> BudgetManager:
    """The budget of the settings; its connections are given back when the command ends."""
    budget = BudgetManager(config)
    click.get_current_context().call_on_close(budget.close)
    return budget


def budget_there() -> BudgetManager:
    """The budget of the settings for a command that only reads: it names its ledger, and makes none.

    Raises:
        LedgerUnavailableError: Its file is not there.
    """
    config = named()
    require(config.ledger_file, "ledger_url", "ledger")
    return budget(config)


def named() -> BudgetConfig:
    """The settings, and on stderr which ledger they name."""
    config = BudgetConfig()
    click.echo(f"ledger: {config.shown_url}", err=True)
    return config


def require(file: Path | None, setting: str, name: str) -> None:
    """See that a file is there before it is read: whoever opens one makes it.

    Raises:
        LedgerUnavailableError: It is not.
    """
    if file is not None and not file.exists():
        variable = environment_name(setting)
        raise LedgerUnavailableError(
            f"there is no {name} at {file.absolute()}: nothing was kept there yet, or {variable} has to name another"
        )


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
