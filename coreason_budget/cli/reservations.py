"""Reservations as commands: which are open or lapsed, and how to end one."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from coreason_budget.cli.base import as_json, budget, budget_there, cli, command, say, table
from coreason_budget.wire import listings
from coreason_budget.wire.answers import ended, usd


@cli.group(invoke_without_command=True)
@as_json
@click.pass_context
def reservations(context: click.Context, as_json: bool) -> None:
    """List the reservations that are open, and those that lapsed in the last 24 hours. END ends one."""
    if context.invoked_subcommand is None:
        say(as_json, _listing)


def _listing() -> tuple[Any, str]:
    found = budget_there().books.reservations()
    head = ("RESERVATION", "STATE", "LAPSES AT", "RESERVED USD", "TOKENS", "OF")
    rows = [
        (
            one.reservation_id,
            one.state,
            one.lapses_at.isoformat(),
            usd(one.reserved_usd),
            str(one.tokens),
            " ".join(one.scopes),
        )
        for one in found
    ]
    text = table([head, *rows], right=(3, 4)) if rows else "no reservation is open or lapsed"
    return listings.reservations(found), text


@partial(command, group=reservations, ignore_unknown_options=True)
@click.argument("reservation_id")
@click.option("--as", "how", type=click.Choice(["release", "lapse", "settle"]), required=True, help="How it ends.")
@click.option("--cost", metavar="USD", help="What the call cost, to settle.")
def end(reservation_id: str, how: str, cost: str | None) -> tuple[Any, str]:
    """End a reservation: settle it at a cost, release it, or let it lapse now."""
    if (cost is not None) != (how == "settle"):
        raise click.UsageError("--cost goes with --as settle, and only with it")
    manager = budget()
    if how == "settle":
        receipt = manager.settle(reservation_id, cost)
    else:
        receipt = manager.release(reservation_id) if how == "release" else manager.lapse(reservation_id)
    answer = ended(receipt)
    late = " (late)" if answer["late"] else ""
    return answer, f"{answer['status']} at {answer['cost_usd']} USD{late}"
