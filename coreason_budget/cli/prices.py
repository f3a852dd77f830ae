"""Prices: what a call costs, which models there are, and one model's card."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any

import click

from coreason_budget.cli.base import Command, budget, cli, command, table
from coreason_budget.config import BudgetConfig
from coreason_budget.errors import ConfigError, UnknownModelError
from coreason_budget.pricing import PricingEngine
from coreason_budget.pricing.cost import Cost
from coreason_budget.pricing.price import METER_UNITS, STANDARD, TOKEN_METERS, ModelPrice, Period, rate_usd


def _count(option: str, name: str, help: str, default: int | None = 0) -> Command:
    return click.option(option, name, type=int, default=default, metavar="N", help=help)


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> Decimal | None:
    try:
        return None if value is None else Decimal(value)
    except InvalidOperation:
        raise click.BadParameter(f"{value!r} is not a number") from None


@command
@click.argument("model")
@_count("--input", "input_tokens", "Input tokens.")
@_count("--output", "output_tokens", "Output tokens.")
@_count("--cached", "cached_tokens", "Input tokens read from a cache.")
@_count("--cache-write", "cache_write_tokens", "Input tokens written to a cache.")
@_count("--cache-write-1h", "cache_write_1h_tokens", "Input tokens written to a cache for an hour.")
@_count("--reasoning", "reasoning_tokens", "Reasoning tokens.")
@_count("--input-audio", "input_audio_tokens", "Of the input tokens, audio read afresh.")
@_count("--input-image", "input_image_tokens", "Of the input tokens, images.")
@_count("--cached-audio", "cached_audio_tokens", "Of the cached tokens, audio.")
@_count("--output-audio", "output_audio_tokens", "Of the output tokens, audio.")
@_count("--output-image", "output_image_tokens", "Of the output tokens, images.")
@_count("--cached-image", "cached_image_tokens", "Of the cached tokens, images.")
@_count("--searches", "web_searches", "Web searches.")
@_count("--x-searches", "x_searches", "Searches of X.")
@_count("--file-searches", "file_searches", "Searches of files.")
@_count("--maps", "maps_groundings", "Groundings in maps.")
@_count("--code-executions", "code_executions", "Executions of code.")
@_count("--code-sessions", "code_sessions", "Sessions of a code interpreter.")
@click.option("--search-context", metavar="SIZE", help="low, medium or high, where a fee goes by it; else the dearest.")
@_count("--images", "images", "Images that are billed by the piece.")
@_count("--requests", "requests", "Requests or search units; one unless told.", None)
@click.option("--seconds", callback=_seconds, metavar="S", help="Seconds, fractions too.")
@click.option("--service", default=STANDARD, show_default=True, help="standard, batch, flex, priority, ...")
@click.option("--explain", is_flag=True, help="Show every bucket, its price, and where that was read.")
def price(model: str, explain: bool, **counts: Any) -> tuple[Any, str]:
    """Tell what a call of MODEL costs."""
    cost = budget().pricing.explain(model, **counts)
    text = f"{cost.cost_usd:f} USD"
    return _cost_json(cost), f"{text}\n{cost.explain()}" if explain else text


def _cost_json(cost: Cost) -> dict[str, Any]:
    return {
        "model": cost.model,
        "cost_usd": f"{cost.cost_usd:f}",
        "provider": cost.provider,
        "service": cost.service,
        "price_date": _day(cost.price_date),
        "source": cost.source,
        "tier_above": cost.tier_above,
        "lines": [
            {
                "bucket": line.bucket,
                "count": line.count if isinstance(line.count, int) else f"{line.count:f}",
                "meter": line.meter,
                "rate_usd": f"{line.rate_usd:f}",
                "unit": line.unit,
                "amount_usd": f"{line.amount_usd:f}",
            }
            for line in cost.lines
        ],
    }


class _Listing(click.Group):
    """A group whose first word need not be a command: then it is what to look for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {*self.commands, *self.get_help_option_names(ctx)}
        return super().parse_args(ctx, args if args and args[0] in known else ["show", *args])


@cli.group(cls=_Listing, subcommand_metavar="[TEXT] | COMMAND")
def prices() -> None:
    """List the models whose id contains TEXT, as `show` does, or bring your own prices up to date."""


@partial(command, group=prices)
@click.argument("text", default="")
@click.option("--card", is_flag=True, help="TEXT is a model's id: show every price of it, its source and date.")
def show(text: str, card: bool) -> tuple[Any, str]:
    """List the models whose id contains TEXT, with what a million tokens cost today."""
    pricing = budget().pricing
    if card:
        entry = pricing.card(text)
        return _card_json(entry), _card_text(entry)
    return _list(pricing, text)


_FILE = click.Path(dir_okay=False, path_type=Path)


@partial(command, group=prices)
@click.option("--from", "source", type=_FILE, required=True, help="The newer table.")
@click.option("--to", "target", type=_FILE, help="The file to write; else that of PRICES_FILE.")
@click.option("--dry-run", is_flag=True, help="Only tell what is new and what changes.")
def update(source: Path, target: Path | None, dry_run: bool) -> tuple[Any, str]:
    """Bring your own prices file up to date between releases.

    Understood are litellm's model_prices_and_context_window.json and files in the format of our own table. What is
    new, or another price than the one that holds, is written to your file if it passes the gates that our table
    has to pass. A price that you wrote yourself stays, and one that two sources differ about.
    """
    target = target or BudgetConfig().prices_file
    if target is None:
        raise ConfigError("prices_file: nowhere to write to: name a file with --to, or set PRICES_FILE", field="to")
    # Not imported where calls are priced.
    from coreason_budget.pricing.refresh.own import own_update, write_whole

    found = own_update(source, Path(target), datetime.now(UTC).date())
    written = found.is_new and not dry_run
    if written:
        write_whole(Path(target), found.text)
    kinds = {"new": "added", "changed": "changed", "kept": "held", "refused": "refused"}
    said = {kind: dict(sorted(found.report.found[name].items())) for kind, name in kinds.items()}
    lines = [f"{kind} {model}: {what}" for kind in ("new", "changed") for model, what in said[kind].items()]
    counts = ", ".join(f"{len(models)} {kind}" for kind, models in said.items())
    where = f"written to {target}" if written else "nothing written"
    return {**said, "written": str(target) if written else None}, "\n".join([*lines, f"{counts}; {where}"])


def _list(pricing: PricingEngine, text: str) -> tuple[Any, str]:
    entries = pricing.models(text)
    if not entries:
        # It knows what may have been meant.
        pricing.card(text)
        raise UnknownModelError(f"No model's id contains {text!r}.", model=text)
    models, rows = [], []
    for entry in entries:
        rates = {meter: f"{usd:f}" for meter, usd in _usd(_today(entry)).items()}
        shown = {meter: rates.get(meter) for meter in ("input", "cache_read", "output")}
        checked = _day(entry.checked)
        models.append({"model": entry.canonical, "mode": entry.mode, **shown, "checked": checked})
        rows.append(
            (entry.canonical, *(value or "" for value in shown.values()), ",".join(entry.prices), checked or "")
        )
    head = ("MODEL", "INPUT", "CACHED", "OUTPUT", "SERVICES", "CHECKED")
    return {"models": models, "unit": METER_UNITS["input"]}, table([head, *rows], right=(1, 2, 3))


def _today(entry: ModelPrice) -> Period:
    try:
        return entry.period(STANDARD, datetime.now(UTC).date())
    except UnknownModelError:
        return entry.periods(STANDARD)[0]  # Its first price is still to come.


def _usd(period: Period) -> dict[str, Decimal]:
    return {meter: rate_usd(meter, rate) for meter, rate in period.rows[0].meters.items()}


def _rows(entry: ModelPrice) -> Iterator[tuple[str, date | None, int | None, dict[str, str]]]:
    """Give service, first day, tier, and the USD of each meter, of every row of prices."""
    for service, periods in entry.prices.items():
        for period in periods:
            for number, row in enumerate(period.rows):
                usd = {meter: f"{rate_usd(meter, rate):f}" for meter, rate in row.meters.items()}
                yield service, period.since, row.above if number else None, usd


def _card_json(entry: ModelPrice) -> dict[str, Any]:
    return {
        "model": entry.canonical,
        "provider": entry.provider,
        "mode": entry.mode,
        "encoding": entry.encoding,
        "max_output": entry.max_output,
        "snapshots": list(entry.snapshots),
        "date_suffix": entry.date_suffix,
        "cached_in_input": entry.cached_in_input,
        "reasoning_in_output": entry.reasoning_in_output,
        "source": entry.source,
        "checked": _day(entry.checked),
        "prices": [
            {"service": service, "from": _day(since), "above": above, "usd": usd}
            for service, since, above, usd in _rows(entry)
        ],
        "units": {meter: unit for meter, unit in METER_UNITS.items() if meter in _meters(entry)},
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _meters(entry: ModelPrice) -> list[str]:
    """Give the meters that any of its prices states, in the order of the units."""
    stated = {meter for *_, usd in _rows(entry) for meter in usd}
    return [meter for meter in METER_UNITS if meter in stated]


def _card_text(entry: ModelPrice) -> str:
    others = [*list(entry.ids())[1:], *([f"{entry.model}-YYYYMMDD"] if entry.date_suffix else [])]
    about = (
        ("mode", entry.mode),
        ("encoding", entry.encoding or "not public"),
        ("output limit", "not known" if entry.max_output is None else f"{entry.max_output} tokens"),
        ("also", ", ".join(others) or "-"),
        ("source", entry.source or "-"),
        ("checked", _day(entry.checked) or "-"),
    )
    meters = _meters(entry)
    rows = [
        (service, _day(since) or "", "" if above is None else str(above), *(usd.get(meter, "") for meter in meters))
        for service, since, above, usd in _rows(entry)
    ]
    head = ("SERVICE", "FROM", "PROMPT ABOVE", *(meter.upper() for meter in meters))
    prices = table([head, *rows], right=range(2, len(head)))
    units = "".join(f"; {meter} a {METER_UNITS[meter]}" for meter in meters if meter not in TOKEN_METERS)
    return "\n".join([entry.canonical, table(about), "", prices, f"USD a million tokens{units}"])
