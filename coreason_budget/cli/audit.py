"""The books as commands: audit proves them, export hands them on."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click

from coreason_budget.books import export as lines
from coreason_budget.books.audit import Difference, Report
from coreason_budget.books.audit import audit as run_audit
from coreason_budget.cli.base import budget, cli, command, failing, table
from coreason_budget.errors import ConfigError
from coreason_budget.ledger.journal import JournalEntry
from coreason_budget.manager import BudgetManager
from coreason_budget.model import Account
from coreason_budget.moments import US_PER_S, to_moment, to_us
from coreason_budget.money import to_usd
from coreason_budget.wire.answers import Json, in_unit, moment, money
from coreason_budget.wire.outcomes import REFUSED

_TOLD_EVERY = 1000


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int], None]]:
    """A count on a terminal's stderr, and silence anywhere else."""
    with click.progressbar(
        itertools.count(),
        label=label,
        show_pos=True,
        show_eta=False,
        show_percent=False,
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
    ) as bar:
        yield bar.update


def _journaled() -> BudgetManager:
    found = budget()
    if not found.config.journal_length:
        raise ConfigError(
            "journal_length: is 0, so that no journal is kept; set it to keep one", field="journal_length"
        )
    return found


@command
def audit() -> tuple[Any, ...]:
    """Compute every account anew from the journal, and show where the books differ.

    It may run while others book. Accounts that are older than the journal are not covered: of them only
    what they reserve is compared, with the open reservations. Exit status 1 if anything differs.
    """
    with _progress("Reading the journal and the accounts") as tell:
        report = run_audit(_journaled().ledger, tell)
    return _answer(report), _text(report), REFUSED if report.differences else 0


def _answer(report: Report) -> Json:
    return {
        "status": "different" if report.differences else "balanced",
        "entries": report.entries,
        "since": moment(_moment(report.since_us)),
        "is_complete": report.is_complete,
        "accounts": report.accounts,
        "not_covered": report.not_covered,
        "differences": [_difference(difference) for difference in report.differences],
    }


def _difference(difference: Difference) -> Json:
    unit, amounts = _amounts(difference)
    return {"account": _name(difference.account), **in_unit(unit, **amounts), "problem": difference.problem or None}


def _name(key: str) -> str:
    """An account as a person reads it: ``user/alice day from 2026-11-24T00:00:00+00:00 usd``."""
    try:
        account = Account.parse(key, None)
    except ValueError:
        return key
    start = "" if account.window == "total" else f" from {moment(_moment(account.start_s * US_PER_S))}"
    return f"{account.scope} {account.window}{start} {account.unit}"


def _amounts(difference: Difference) -> tuple[str, dict[str, Any]]:
    """The unit of an account, and its figures in it."""
    unit = difference.account.partition("|")[0]
    found = difference.found or (None, None)
    figures = {
        "expected_used": difference.used,
        "found_used": found[0],
        "expected_reserved": difference.reserved,
        "found_reserved": found[1],
        "open_reservations": difference.held,
    }
    return unit, {
        name: to_usd(value) if unit == "usd" and value is not None else value for name, value in figures.items()
    }


def _text(report: Report) -> str:
    since = f" since {moment(_moment(report.since_us))}" if report.since_us is not None else ""
    said = [f"journal entries{since}: {report.entries}; accounts computed anew: {report.accounts}"]
    if report.not_covered:
        said.append(f"accounts older than the journal, not covered: {report.not_covered}")
    if not report.differences:
        return "\n".join([*said, "the books balance"])
    head = ("ACCOUNT", "EXPECTED USED", "FOUND", "EXPECTED RESERVED", "FOUND", "OPEN RESERVATIONS")
    rows = [
        (
            _name(difference.account),
            *("?" if value is None else str(money(value)) for value in _amounts(difference)[1].values()),
        )
        for difference in report.differences
    ]
    problems = [difference.problem for difference in report.differences if difference.problem]
    return "\n".join(
        [*said, f"accounts that differ: {len(rows)}", table([head, *rows], right=(1, 2, 3, 4, 5)), *problems]
    )


def _moment(us: int | None) -> datetime | None:
    return None if us is None else to_moment(us)


def _since(_: click.Context, __: click.Parameter, text: str | None) -> int:
    if text is None:
        return 0
    try:
        return to_us(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r}: write 2026-11-24 or 2026-11-24T08:30:00+01:00") from None


@cli.command()
@click.option("--since", callback=_since, metavar="MOMENT", help="2026-11-24 or 2026-11-24T08:30:00+01:00; else all.")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="jsonl", show_default=True, help="How.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to; else stdout.")
def export(since: int, form: str, output: Path | None) -> None:
    """Write the journal out: one line for every charge, reserve, settle, release, lapse and correction.

    A moment without an offset is UTC. The sum of spent_usd is what was spent. In CSV a text that begins
    with = + - or @ has an apostrophe in front, for spreadsheets; JSON lines have every text as it is.
    """
    line: Callable[[JournalEntry], str] = lines.csv_line if form == "csv" else lines.json_line
    with failing(), _progress("Reading the journal") as tell, _target(output) as target:
        if form == "csv":
            target.write(lines.csv_head())
        for number, entry in enumerate(_journaled().ledger.journal(since), start=1):
            target.write(line(entry))
            if number % _TOLD_EVERY == 0:
                tell(_TOLD_EVERY)


@contextmanager
def _target(output: Path | None) -> Iterator[IO[str]]:
    """Stdout, or a file that is in its place only when all of it is there. A pipe or a device stays what it is."""
    if output is None:
        with click.open_file("-", "w", encoding="utf-8") as stdout:
            yield stdout
        return
    is_file = output.is_file() or not output.exists()
    # Behind a link, so that the link stays.
    place = output.resolve() if is_file else output
    part = place.with_name(f"{place.name}.part") if is_file else place
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        if is_file:
            part.replace(place)
    except OSError as error:
        raise click.UsageError(f"{output} cannot be written: {error.strerror}") from None
