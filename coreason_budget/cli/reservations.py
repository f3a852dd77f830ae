"""Reservations as commands: which are open or lapsed, and how to end one."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import click

from coreason_budget.cli.base import as_json, budget, cli, command, say, table
from coreason_budget.ledger.record import Record
from coreason_budget.moments import to_moment
from coreason_budget.money import to_usd
from coreason_budget.wire.answers import Json, ended, moment, money


@cli.group(invoke_without_command=True)
@as_json
@click.pass_context
def reservations(context: click.Context, as_json: bool) -> None:
    """List the reservations that are open, and those that lapsed in the last 24 hours. END ends one."""
    if context.invoked_subcommand is None:
        say(as_json, _listing)


def _listing() -> tuple[Any, str]:
    manager = budget()
    # A look at the books, so that what is due has lapsed.
    manager.usage()
    by_id = {record.reservation_id: record for record in manager.ledger.reservations()}
    found = sorted(by_id.values(), key=lambda record: (record.state != "open", record.lapses_us))
    head = ("RESERVATION", "STATE", "LAPSES AT", "RESERVED USD", "TOKENS", "OF")
    rows = [
        (
            record.reservation_id,
            record.state,
            str(moment(_lapses_at(record))),
            str(_reserved(record)),
            str(record.amounts.tokens),
            " ".join(_scopes(record)),
        )
        for record in found
    ]
    answer = {"reservations": [_answer(record) for record in found]}
    return answer, table([head, *rows], right=(3, 4)) if rows else "no reservation is open or lapsed"


def _answer(record: Record) -> Json:
    return {
        "reservation_id": record.reservation_id,
        "state": record.state,
        "lapses_at": moment(_lapses_at(record)),
        "on_lapse": record.on_lapse,
        "reserved_usd": _reserved(record),
        "tokens": record.amounts.tokens,
        "price": record.price,
        "scopes": _scopes(record),
    }


def _lapses_at(record: Record) -> datetime:
    return to_moment(record.lapses_us)


def _reserved(record: Record) -> str | int | None:
    return money(to_usd(record.amounts.usd_nanos))


def _scopes(record: Record) -> list[str]:
    return list(dict.fromkeys(str(entry.account.scope) for entry in record.entries))


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
