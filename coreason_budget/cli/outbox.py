"""The outbox as commands: what it holds, deliver it, drop one entry."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from attrs import asdict

from coreason_budget.cli.base import Command, answering, budget, cli, command, table
from coreason_budget.errors import BudgetError, ConfigError
from coreason_budget.moments import to_moment
from coreason_budget.money import to_usd
from coreason_budget.wire import answers

if TYPE_CHECKING:
    from coreason_budget.outbox import Outbox
    from coreason_budget.outbox.spend import Queued

_HEAD = ("ID", "STATE", "VERB", "COST USD", "SCOPES", "OP ID", "SINCE", "REASON")


@cli.group(invoke_without_command=True)
@answering
def outbox() -> tuple[Any, str] | None:
    """Show the spend that has not reached the ledger."""
    if click.get_current_context().invoked_subcommand is not None:
        return None
    entries = [_shown(entry) for entry in _outbox().entries()]
    rows = [tuple("?" if cell is None else str(cell) for cell in _row(entry)) for entry in entries]
    return {"entries": entries}, table([_HEAD, *rows], right=(0, 3)) if rows else "nothing waits"


def outbox_command(run: Command) -> Command:
    return command(run, group=outbox)


@outbox_command
@click.option("--force", is_flag=True, help="Also what failed or is doubtful: the doubtful may then be booked twice.")
def flush(force: bool) -> tuple[Any, str]:
    """Deliver what waits, in order."""
    box = _outbox()
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
    box = _outbox()
    entry = next((entry for entry in box.entries() if entry.id == id), None)
    if entry is None:
        raise _NoEntryError(f"the outbox has no entry {id}")
    shown = _shown(entry)
    if not yes:
        click.confirm(f"Forget {shown['verb']} of {shown['cost_usd']} USD (op id {entry.op_id})?", abort=True, err=True)
    box.drop(id)
    return {"status": "dropped", **shown}, f"dropped {id} (op id {entry.op_id})"


class _NoEntryError(BudgetError):
    """An id that no entry has."""


def _outbox() -> Outbox:
    box = budget().outbox
    if box is None:
        raise ConfigError("outbox: none is set; name its file with COREASON_BUDGET_OUTBOX", field="outbox")
    return box


def _shown(entry: Queued) -> dict[str, Any]:
    """An entry as JSON values; what cannot be read of it is None."""
    shown: dict[str, Any] = {
        "id": entry.id,
        "state": entry.state,
        "verb": None,
        "cost_usd": None,
        "tokens": None,
        "scopes": None,
        "op_id": entry.op_id,
        "reservation_id": None,
        "queued_at": _moment(entry.queued_us),
        "maybe_sent_at": None if entry.sent_us is None else _moment(entry.sent_us),
        "reason": entry.reason,
    }
    try:
        spend = entry.spend
    except BudgetError as error:
        return shown | {"reason": entry.reason or str(error)}
    return shown | {
        "verb": spend.verb,
        "cost_usd": None if spend.usd_nanos is None else answers.money(to_usd(spend.usd_nanos)),
        "tokens": spend.tokens,
        "scopes": list(spend.scopes),
        "reservation_id": spend.reservation_id or None,
    }


def _row(entry: dict[str, Any]) -> tuple[Any, ...]:
    scopes = " ".join(entry["scopes"] or ()) or entry["reservation_id"] or "?"
    return (
        entry["id"], entry["state"], entry["verb"], entry["cost_usd"], scopes, entry["op_id"],
        entry["queued_at"], entry["reason"],
    )  # fmt: skip


def _moment(us: int) -> str:
    return to_moment(us).isoformat()
