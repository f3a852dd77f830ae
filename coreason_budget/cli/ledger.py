"""The ledger itself as commands: how it stands, and the decision to go on after a loss."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from coreason_budget.cli.base import budget_there, cli, command, table
from coreason_budget.errors import ConfigError
from coreason_budget.wire import listings
from coreason_budget.wire.outcomes import UNAVAILABLE


@cli.group(name="ledger")
def group() -> None:
    """Show how the ledger stands, and go on after it forgot something."""


ledger_command = partial(command, group=group)


@ledger_command
def status() -> tuple[Any, ...]:
    """Show where budgets are kept, how, and whether anything is admitted.

    Exit status: 0 healthy, 3 halted or out of reach.
    """
    answer = listings.standing(budget_there().books.status())
    rows = [(name.replace("_", " "), str(value)) for name, value in _flat(answer) if value not in (None, "")]
    return answer, table(rows), UNAVAILABLE if answer["trouble"] else 0


@ledger_command
@click.option("--yes", is_flag=True, help="Do not ask: for scripts.")
def accept(yes: bool) -> tuple[Any, str]:
    """Let a halted ledger go on with what is there, for good: what it forgot stays forgotten.

    Processes that run join by themselves. Put the lost data back instead where you can.
    """
    books = budget_there().books
    before = listings.standing(books.status())
    if not before["trouble"]:
        return _accepted(False, before), "the ledger is healthy; there is nothing to accept"
    if not yes:
        click.echo(_warning(before), err=True)
        click.confirm("Go on with what is there?", abort=True, err=True)
    if not books.accept():
        raise ConfigError(f"the ledger is not halted, so accepting it changes nothing: {before['trouble']}")
    after = listings.standing(books.status())
    return _accepted(True, after), f"accepted: epoch {after['epoch']} follows {before['epoch'] or 'none'}"


def _warning(before: dict[str, Any]) -> str:
    return (
        f"The ledger is halted: {before['trouble']}.\n"
        f"What is there: sequence {before['sequence']}, {before['open_reservations']} open reservations. Whatever was "
        "spent, reserved or settled after that is forgotten for good: limits then count without it, and an "
        "idempotency key that is forgotten counts again."
    )


def _flat(answer: dict[str, Any]) -> list[tuple[str, Any]]:
    return [*((name, value) for name, value in answer.items() if name != "kept"), *answer["kept"].items()]


def _accepted(done: bool, status: dict[str, Any]) -> dict[str, Any]:
    return {"accepted": done, **status}
