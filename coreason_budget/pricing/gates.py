"""Sanity gates: what a price is not, unless a person said that it is. The table passes them, and what updates it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from coreason_budget.pricing.price import (
    FEES,
    METER_EXPONENTS,
    METER_UNITS,
    OUTPUT_METERS,
    STANDARD,
    TOKEN_METERS,
    ModelPrice,
    Rates,
    exact_rate,
    rate_usd,
)

OUTRAGEOUS = "outrageous"

# More than any list price; above it, a table has usually lost a factor of 1000.
_CEILINGS_USD = {"million tokens": 200, "thousand": 200, "session": 5, "request": 5, "image": 5, "second": 5}
_OUTPUT_CEILING_USD = 700
_DISCOUNTS = {"cache_read": "input", "cache_read_audio": "input_audio", "cache_read_image": "input_image"}
_SURCHARGES = {
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "input_audio": "input",
    "input_image": "input",
    "output_audio": "output",
    "output_image": "output",
}
# What snapshots, aliases and regions of one model differ by.
_REGION = r"(?:(?:eu|us|us-gov|global|apac|au|jp|ca|global-standard)[./])?"
_VERSION = r"(?:[-@](?:latest|default|[0-9]{8}|[0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}|v[0-9]+(?::[0-9]+)?))*"
_SIBLING = re.compile(rf"{_REGION}(?P<base>.+?){_VERSION}", re.ASCII)


def problems(entry: ModelPrice, allowed: Iterable[str] = ()) -> Iterator[str]:
    """Give what is doubtful about an entry; ``allowed`` are the meters that are cheap, or `OUTRAGEOUS`."""
    allowed = frozenset(allowed)
    standard = entry.prices[STANDARD][-1].rows[0]
    for service, periods in entry.prices.items():
        what = "price" if service == STANDARD else f"service {service}"
        for period in periods:
            below = period.rows[0]
            for row in period.rows:
                where = what if row is below else f"{what}: above {row.above}"
                yield from (f"{where}: {found}" for found in _of_row(row, allowed))
                yield from (f"{where}: {meter} is cheaper than below it" for meter in _cheaper(row, below))
                below = row
            if service.startswith(("batch", "flex")):
                yield from (f"{what}: {meter} is dearer than standard" for meter in _cheaper(standard, period.rows[0]))


def _of_row(row: Rates, allowed: frozenset[str]) -> Iterator[str]:
    for meter, rate in row.meters.items():
        if rate > ceiling(meter) and OUTRAGEOUS not in allowed:
            yield f"{meter}: {rate_usd(meter, rate)} is outrageous; if it is true, say 'outrageous: true'"
        plain = row.rate(_DISCOUNTS.get(meter) or _SURCHARGES.get(meter) or meter) or 0
        if meter in _DISCOUNTS and rate > plain:
            yield f"{meter} is dearer than {_DISCOUNTS[meter]}"
        if meter in _SURCHARGES and rate < plain and meter not in allowed:
            yield f"{meter} is cheaper than {_SURCHARGES[meter]}; if it is true, say 'cheap: [{meter}]'"


def ceiling(meter: str) -> int:
    """Give the rate above which a price is outrageous."""
    usd = _OUTPUT_CEILING_USD if meter in OUTPUT_METERS else _CEILINGS_USD[METER_UNITS[meter]]
    return exact_rate(Decimal(usd), METER_EXPONENTS[meter]) or 0


def _cheaper(row: Rates, than: Rates) -> Iterator[str]:
    return (meter for meter in TOKEN_METERS if meter in row.meters and row.meters[meter] < than.meters.get(meter, 0))


class Gap(NamedTuple):
    """A meter that an entry lacks and a sibling has, so that it would be billed for less than there."""

    entry: ModelPrice
    meter: str
    sibling: ModelPrice


def gaps(entries: Iterable[ModelPrice]) -> Iterator[Gap]:
    """Find what snapshots, aliases and regions of one model lack of each other; only where the text costs the same."""
    families: dict[tuple[object, ...], list[ModelPrice]] = {}
    for entry in entries:
        row = entry.prices[STANDARD][-1].rows[0].meters
        families.setdefault((family(entry.model), row.get("input"), row.get("output")), []).append(entry)
    for members in families.values():
        for entry in members:
            yield from _gaps(entry, members)


def family(model: str) -> str:
    """Give the part of an id that its snapshots, its aliases and its regions share."""
    match = _SIBLING.fullmatch(model)
    return match["base"] if match else model


def _gaps(entry: ModelPrice, members: Iterable[ModelPrice]) -> Iterator[Gap]:
    mine = entry.prices[STANDARD][-1].rows[0]
    for meter in (*TOKEN_METERS, *FEES):
        if meter not in mine.meters:
            dearest = max(members, key=lambda one: one.prices[STANDARD][-1].rows[0].meters.get(meter, 0))
            if dearest.prices[STANDARD][-1].rows[0].meters.get(meter, 0) > (mine.rate(meter) or 0):
                yield Gap(entry, meter, dearest)
