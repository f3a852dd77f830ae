"""Compares prices of today with those of the table: what they come to, what is new, and how to say it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from coreason_budget.pricing.price import METER_EXPONENTS, STANDARD, TOKEN_METERS, ModelPrice, Period, Rates
from coreason_budget.pricing.refresh.fill import with_rows
from coreason_budget.pricing.refresh.write import usd_text


def with_fees(entry: ModelPrice, fees: Mapping[str, int]) -> ModelPrice:
    """Give an entry that states the fees of its file too, as a read one does."""
    return with_rows(entry, lambda row: {**fees, **row.meters}) if entry.mode == "chat" else entry


def without_fees(entry: ModelPrice, fees: Mapping[str, int]) -> ModelPrice:
    """Leave out what the head of the file says already."""
    return with_rows(entry, lambda row: {meter: rate for meter, rate in row.meters.items() if fees.get(meter) != rate})


def with_flats(mine: Period, theirs: Period) -> Period:
    """Add the prices of tools and requests that had none: what was refused so far, not another price."""
    known = {*TOKEN_METERS, *mine.rows[0].meters}
    if "per_request" in known:
        known.add("web_search")  # Where every request searches, its fee is the search's.
    new = {meter: rate for meter, rate in theirs.rows[0].meters.items() if meter not in known}
    return Period(mine.since, tuple(Rates(row.above, {**row.meters, **new}) for row in mine.rows)) if new else mine


def kept_dearer(mine: Period, theirs: Period) -> Period:
    """Keep the prices that the sources no longer state, where they are dearer than what would take their place."""
    before = {row.above: row.meters for row in mine.rows}

    def kept(row: Rates) -> Rates:
        more = {meter: rate for meter, rate in before.get(row.above, {}).items() if rate > (row.rate(meter) or 0)}
        return Rates(row.above, {**more, **row.meters})

    return Period(theirs.since, tuple(map(kept, theirs.rows)))


def on(periods: tuple[Period, ...], today: date) -> Period:
    return next((one for one in reversed(periods) if one.since is None or one.since <= today), periods[0])


def effective(period: Period, service: str) -> list[tuple[int, tuple[int | None, ...]]]:
    """Give what a price comes to, fall-backs applied: a rate that only repeats its fall-back changes nothing."""
    flat = [meter for meter in METER_EXPONENTS if meter not in TOKEN_METERS] if service == STANDARD else []
    return [
        (row.above, tuple(map(row.rate, TOKEN_METERS)) + tuple(row.meters.get(meter) for meter in flat))
        for row in period.rows
    ]


def price_text(entry: ModelPrice, service: str = STANDARD) -> str:
    meters = entry.prices[service][-1].rows[0].meters
    return ", ".join(f"{meter} {usd_text(rate, meter)}" for meter, rate in meters.items())


def change_text(service: str, old: Period, new: Period) -> str:
    parts = []
    for row in new.rows:
        before = next((one.meters for one in old.rows if one.above == row.above), {})
        for meter in {**before, **row.meters}:
            if (service != STANDARD or row.above >= 0) and meter not in TOKEN_METERS:
                continue
            if before.get(meter) != row.meters.get(meter):
                shown = [usd_text(one[meter], meter) if meter in one else "-" for one in (before, row.meters)]
                where = f" above {row.above}" if row.above >= 0 else ""
                parts.append(f"{service}{where} {meter} {' -> '.join(shown)}")
    edges = {row.above for row in new.rows}
    parts += [f"{service} above {row.above} ends" for row in old.rows if row.above not in edges]
    return ", ".join(parts)
