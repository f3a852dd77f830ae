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

from coreason_budget.books.values import Report
from coreason_budget.cli.base import budget_there, cli, command, failing, table
from coreason_budget.wire import listings
from coreason_budget.wire.answers import money
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


@command
def audit() -> tuple[Any, ...]:
    """Compute every account anew from the journal, and show where the books differ.

    It may run while others book. Accounts that are older than the journal are not covered: of them only
    what they reserve is compared, with the open reservations. Exit status 1 if anything differs.
    """
    with _progress("Reading the journal and the accounts") as tell:
        report = budget_there().books.audit(tell)
    return listings.audited(report), _text(report), REFUSED if report.differences else 0


def _text(report: Report) -> str:
    since = "" if report.since is None else f" since {report.since.isoformat()}"
    said = [f"journal entries{since}: {report.entries}; accounts computed anew: {report.accounts}"]
    if report.not_covered:
        said.append(f"accounts older than the journal, not covered: {report.not_covered}")
    if not report.differences:
        return "\n".join([*said, "the books balance"])
    head = ("ACCOUNT", "EXPECTED USED", "FOUND", "EXPECTED RESERVED", "FOUND", "OPEN RESERVATIONS")
    rows = [
        (difference.name, *("?" if value is None else str(money(value)) for value in difference.figures.values()))
        for difference in report.differences
    ]
    problems = [difference.problem for difference in report.differences if difference.problem]
    return "\n".join(
        [*said, f"accounts that differ: {len(rows)}", table([head, *rows], right=(1, 2, 3, 4, 5)), *problems]
    )


def _since(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r}: write 2026-11-24 or 2026-11-24T08:30:00+01:00") from None


@cli.command()
@click.option("--since", callback=_since, metavar="MOMENT", help="2026-11-24 or 2026-11-24T08:30:00+01:00; else all.")
@click.option("--reference", metavar="TEXT", help="What was booked under this reference alone.")
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="jsonl", show_default=True, help="How.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Where to; else stdout.")
def export(since: datetime | None, reference: str | None, form: str, output: Path | None) -> None:
    """Write the journal out: one line for every charge, reserve, settle, release, lapse and correction.

    A moment without an offset is UTC. The sum of spent_usd is what was spent. In CSV a text that begins
    with = + - or @ has an apostrophe in front, for spreadsheets; JSON lines have every text as it is.
    """
    with failing(), _progress("Reading the journal") as tell, _target(output) as target:
        for number, line in enumerate(budget_there().books.exported(form, since, reference), start=1):
            target.write(line)
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
