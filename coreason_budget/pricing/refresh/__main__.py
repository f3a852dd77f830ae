"""`python -m coreason_budget.pricing.refresh`: brings the bundled price table up to date."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import click

from coreason_budget.errors import ConfigError
from coreason_budget.pricing.refresh.choices import Choices, read_choices
from coreason_budget.pricing.refresh.fill import Makers
from coreason_budget.pricing.refresh.genai import read_genai
from coreason_budget.pricing.refresh.group import Sources, merged_entries
from coreason_budget.pricing.refresh.limits import Limits, read_limits
from coreason_budget.pricing.refresh.litellm import read_litellm
from coreason_budget.pricing.refresh.report import Report
from coreason_budget.pricing.refresh.update import update
from coreason_budget.pricing.table import PRICES, load_file

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--litellm", "litellm_file", type=_FILE, help="litellm's JSON file; else that of the installed package.")
@click.option("--genai", "genai_file", type=_FILE, help="genai-prices' JSON file; else the installed package.")
@click.option(
    "--limits",
    "limits_files",
    type=_FILE,
    multiple=True,
    help="JSON with output limits that the two lack: models.dev's, or such as litellm's (tokencost's).",
)
@click.option("--choices", "choices_file", type=_FILE, help="What a person decided; else the file of this package.")
@click.option(
    "--prices",
    type=click.Path(file_okay=False, path_type=Path),
    default=PRICES,
    help="Folder of the price files; else the package's.",
)
@click.option("--checked", type=click.DateTime(["%Y-%m-%d"]), help="Day of the comparison (UTC); else today.")
@click.option("--all", "every", is_flag=True, help="Report disagreements, refusals and kept prices one by one too.")
@click.option("--dry-run", is_flag=True, help="Report only; write nothing.")
def main(
    litellm_file: Path | None,
    genai_file: Path | None,
    limits_files: tuple[Path, ...],
    choices_file: Path | None,
    prices: Path,
    checked: datetime | None,
    every: bool,
    dry_run: bool,
) -> None:
    """Compare the bundled price table with those of litellm and genai-prices, and write what is new.

    A price that changed gets a dated entry after the old one. What fails a sanity gate is refused
    and reported, until choices.yaml decides about it.
    """
    try:
        sources = Sources(read_litellm(litellm_file), read_genai(genai_file))
        choices = read_choices(choices_file)
        day = (checked or datetime.now(UTC)).date()
        report = refresh(sources, choices, prices, day, limits=read_limits(limits_files), write=not dry_run)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    for line in report.lines(every=every):
        click.echo(line)


def refresh(
    sources: Sources, choices: Choices, prices: Path, today: date, *, limits: Limits | None = None, write: bool
) -> Report:
    """Bring every file up to date; give the report. A file is written only if its text changed."""
    report = Report()
    makers = Makers([entry for path in sorted(prices.glob("*.yaml")) for entry in load_file(path, bundled=True).models])
    with click.progressbar(
        choices.files, label="Comparing", item_show_func=lambda file: file.title if file else None
    ) as files:
        for file in files:
            merged = merged_entries(file, sources, choices, today, report)
            core = [one for one in merged if file.is_core(one.entry.model)]
            hosted = [one for one in merged if not file.is_core(one.entry.model)]
            for folder, some in ((prices, core), (prices / "hosts", hosted)):
                path = folder / f"{file.name}.yaml"
                old = path.read_text(encoding="utf-8") if path.exists() else None
                new = update(file, old, some, choices, today, report, makers, limits or {})
                if write and new is not None and new != old:
                    folder.mkdir(parents=True, exist_ok=True)
                    path.write_text(new, encoding="utf-8")
    return report


if __name__ == "__main__":
    main()
