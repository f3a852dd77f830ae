"""Writes price files: the text of an entry, in the table's own order and wording."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from coreason_budget.pricing.price import (
    FEES,
    METER_EXPONENTS,
    SIZED,
    STANDARD,
    TOKEN_METERS,
    ModelPrice,
    Period,
    Rates,
)

WIDTH = 120
METER_ORDER = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "output",
    "reasoning",
    "input_audio",
    "cache_read_audio",
    "input_image",
    "cache_read_image",
    "output_audio",
    "output_image",
    *(part for fee in FEES for part in (fee, *(sized for sized, plain in SIZED.items() if plain == fee))),
    "per_request",
    "per_request_low",
    "per_request_medium",
    "per_second",
    "per_image",
)
_PLAIN = re.compile(r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9._:/@+-]*[A-Za-z0-9._/@+-]", re.ASCII)


def usd_text(rate: int, meter: str) -> str:
    """Give a rate in USD per unit of its meter, exact, with two decimals at least."""
    text = format(Decimal(rate).scaleb(-METER_EXPONENTS[meter]), "f")
    whole, _, part = text.partition(".")
    return f"{whole}.{part.rstrip('0').ljust(2, '0')}"


def entry_text(
    entry: ModelPrice, comments: Iterable[str] = (), *, outrageous: bool = False, cheap: Iterable[str] = ()
) -> str:
    """Give the lines of an entry: its comments, then one line where that fits, else one a key."""
    lines = [f"  # {comment}" for comment in dict.fromkeys(comments)]
    keys = list(_head(entry, outrageous, tuple(cheap)))
    standard = entry.prices[STANDARD]
    inherited = {meter: rate for meter, rate in standard[-1].rows[0].meters.items() if meter not in TOKEN_METERS}
    services = {
        name: tuple(_without(period, inherited) for period in periods)
        for name, periods in entry.prices.items()
        if name != STANDARD
    }
    if not services and len(standard) == 1:
        line = f"  {_quoted(entry.model)}: {{{', '.join((*keys, f'price: {_row(standard[0])}'))}}}"
        if len(line) <= WIDTH:
            return "\n".join((*lines, line, ""))
    lines += [f"  {_quoted(entry.model)}:", *(f"    {key}" for key in keys)]
    lines += _history("price", standard, indent=4)
    if services:
        lines.append("    service:")
        for name, periods in sorted(services.items()):
            lines += _history(name, periods, indent=6)
    return "\n".join((*lines, ""))


def _head(entry: ModelPrice, outrageous: bool, cheap: tuple[str, ...]) -> Iterable[str]:
    if entry.mode != "chat":
        yield f"mode: {entry.mode}"
    if entry.snapshots:
        yield f"snapshots: [{', '.join(map(_quoted, entry.snapshots))}]"
    if entry.also:
        yield f"also: [{', '.join(map(_quoted, entry.also))}]"
    if entry.date_suffix:
        yield "date_suffix: true"
    if entry.encoding:
        yield f"encoding: {entry.encoding}"
    if entry.max_output:
        yield f"max_output: {entry.max_output}"
    if is_free(entry):
        yield "free: true"
    if outrageous:
        yield "outrageous: true"
    if cheap:
        yield f"cheap: [{', '.join(cheap)}]"
    if entry.search_unit != "query":
        yield f"search_unit: {entry.search_unit}"


def is_free(entry: ModelPrice) -> bool:
    """Say whether a price of the entry is 0, but for tokens of what is sold by the request."""
    rows = [row.meters for periods in entry.prices.values() for period in periods for row in period.rows]
    return any(
        not rate and not (meter == "input" and "per_request" in row and entry.mode != "chat")
        for row in rows
        for meter, rate in row.items()
    )


def _without(period: Period, inherited: Mapping[str, int]) -> Period:
    """Leave out the fees that a service has from the standard price."""
    base, *tiers = period.rows
    stated = {meter: rate for meter, rate in base.meters.items() if inherited.get(meter) != rate}
    return Period(period.since, (Rates(-1, stated), *tiers))


def _history(key: str, periods: tuple[Period, ...], indent: int) -> list[str]:
    space = " " * indent
    if len(periods) == 1 and periods[0].since is None:
        return _fitted(f"{space}{key}: ", periods[0], indent)
    lines = [f"{space}{key}:"]
    for period in periods:
        lines += _fitted(f"{space}  - ", period, indent + 2)
    return lines


def _fitted(start: str, period: Period, indent: int) -> list[str]:
    """Give a price in one line where it fits, else its tiers in lines of their own."""
    text = start + _row(period)
    if len(text) <= WIDTH:
        return [text]
    base, *tiers = period.rows
    space = " " * (indent + 4)
    lines = [start + "{" + _meters(base.meters, period) + ("," if tiers else "}")]
    ends = [", " for _ in tiers[1:]] + ["]}"]
    for number, (tier, end) in enumerate(zip(tiers, ends, strict=False)):
        lines.append(space + ("tiers: [" if number == 0 else "    ") + _tier(tier) + end.rstrip(" "))
    return [part for line in lines for part in _wrapped(line, space + "    ")]


def _wrapped(line: str, space: str) -> list[str]:
    parts = []
    while len(line) > WIDTH:
        cut = line.rindex(", ", 0, WIDTH) + 1
        parts.append(line[:cut])
        line = space + line[cut + 1 :]
    return [*parts, line]


def _row(period: Period) -> str:
    base, *tiers = period.rows
    end = f", tiers: [{', '.join(map(_tier, tiers))}]" if tiers else ""
    return "{" + _meters(base.meters, period) + end + "}"


def _meters(meters: Mapping[str, int], period: Period | None = None) -> str:
    parts = [f"from: {period.since}"] if period and period.since else []
    parts += [f"{meter}: {usd_text(meters[meter], meter)}" for meter in METER_ORDER if meter in meters]
    return ", ".join(parts)


def _tier(row: Rates) -> str:
    # An edge of 199999 is written as it is published: from 200000 on.
    inclusive = row.above % 1000 == 999
    edge = f"above: {row.above + 1}, inclusive: true" if inclusive else f"above: {row.above}"
    tokens = {meter: rate for meter, rate in row.meters.items() if meter in TOKEN_METERS}
    return f"{{{edge}, {_meters(tokens)}}}"


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
