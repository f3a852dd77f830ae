"""The outbox as commands: what it holds, deliver it, drop one entry."""

from __future__ import annotations

import sys
from typing import Any

import click
from attrs import asdict

from coreason_budget.cli.base import Command, answering, budget, cli, command, named, require, table
from coreason_budget.errors import InvalidIdError
from coreason_budget.wire import listings

_HEAD = ("ID", "STATE", "VERB", "COST USD", "SCOPES", "OP ID", "SINCE", "REASON")


@cli.group(invoke_without_command=True)
@answering
def outbox() -> tuple[Any, str] | None:
    """Show the spend that has not reached the ledger."""
    if click.get_current_context().invoked_subcommand is not None:
        return None
    config = named()
    require(config.outbox, "outbox", "outbox")
    answer = listings.waiting(budget(config).books.waiting())
    rows = [tuple("?" if cell is None else str(cell) for cell in _row(entry)) for entry in answer["entries"]]
    return answer, table([_HEAD, *rows], right=(0, 3)) if rows else "nothing waits"


def outbox_command(run: Command) -> Command:
    return command(run, group=outbox)


@outbox_command
@click.option("--force", is_flag=True, help="Also what failed or is doubtful: the doubtful may then be booked twice.")
def flush(force: bool) -> tuple[Any, str]:
    """Deliver what waits, in order."""
    box = budget().books.outbox
    counts = box.store.counts()
    length = sum(counts.values()) if force else counts["waiting"]
    with click.progressbar(length=length, label="delivering", file=sys.stderr) as bar:
        done = box.flush(force=force, progress=lambda done: bar.update(done - bar.pos))
    text = f"delivered {done.delivered}; {done.waiting} waiting, {done.doubtful} doubtful, {done.failed} failed"
    return asdict(done), text


@outbox_command
@click.argument("id", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(id: int, yes: bool) -> tuple[Any, str]:
    """Forget the entry ID without booking it. Its spend is lost."""
    books = budget().books
    entry = next((entry for entry in books.waiting() if entry.id == id), None)
    if entry is None:
        raise InvalidIdError(f"the outbox has no entry {id}", field="id")
    shown = listings.waiting_spend(entry)
    if not yes:
        click.confirm(f"Forget {shown['verb']} of {shown['cost_usd']} USD (op id {entry.op_id})?", abort=True, err=True)
    books.outbox.drop(id)
    return {"status": "dropped", **shown}, f"dropped {id} (op id {entry.op_id})"


def _row(entry: dict[str, Any]) -> tuple[Any, ...]:
    scopes = " ".join(entry["scopes"] or ()) or entry["reservation_id"] or "?"
    return (
        entry["id"], entry["state"], entry["verb"], entry["cost_usd"], scopes, entry["op_id"],
        entry["queued_at"], entry["reason"],
    )  # fmt: skip
