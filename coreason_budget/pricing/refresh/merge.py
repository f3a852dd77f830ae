"""Makes one entry of what the two sources say: agreed, taken from the only one, or the dearer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from attrs import evolve, frozen

from coreason_budget.pricing.price import METER_EXPONENTS, ModelPrice, Period, Rates
from coreason_budget.pricing.refresh.offer import Offer, finished, named, standard_first
from coreason_budget.pricing.refresh.write import usd_text

LITELLM, GENAI = "litellm", "genai-prices"


@frozen
class Merged:
    """An entry to be, with the comment that stands above it.

    Attributes:
        entry: The price, with every id that shares it.
        comments: Lines that say where the sources differ and what was taken.
        disagreed: A price of today differs between the sources.
    """

    entry: ModelPrice
    comments: tuple[str, ...] = ()
    disagreed: bool = False


def merge(litellm: Offer | None, genai: Offer | None, today: date, *, alone: bool) -> Merged:
    """Merge what the sources say of one model; at least one says something.

    Args:
        litellm: What litellm says.
        genai: What genai-prices says.
        today: Of a history, the day whose prices are compared.
        alone: Only one source knows the provider at all: nothing to say about it.
    """
    notes: list[str] = []
    if litellm is None or genai is None:
        only = litellm or genai
        assert only is not None
        said = () if alone else (f"only {GENAI if litellm is None else LITELLM} has it",)
        entry = evolve(only.entry, prices=finished(only.entry.prices, notes))
        return Merged(entry, (*said, *only.notes, *notes))
    one, two = litellm.entry, genai.entry
    prices: dict[str, tuple[Period, ...]] = {}
    disagreed = False
    for service in sorted({*one.prices, *two.prices}, key=standard_first):
        if service not in one.prices or service not in two.prices:
            notes.append(f"{service}: only {LITELLM if service in one.prices else GENAI}")
            prices[service] = one.prices.get(service) or two.prices[service]
            continue
        theirs = _period(two, service, today)
        rows, differ = _merged_rows(_period(one, service, today), theirs, service, notes)
        disagreed = disagreed or differ
        prices[service] = two.prices[service] if rows == theirs.rows else (Period(None, rows),)
    prices = finished(prices, notes)
    limit = one.max_output or two.max_output
    entry = evolve(two, prices=prices, mode=one.mode, max_output=limit, search_unit=one.search_unit)
    return Merged(entry, (*litellm.notes, *genai.notes, *notes), disagreed)


def _period(entry: ModelPrice, service: str, today: date) -> Period:
    periods = entry.periods(service)
    return next((one for one in reversed(periods) if one.since is None or one.since <= today), periods[0])


def _merged_rows(mine: Period, theirs: Period, service: str, comments: list[str]) -> tuple[tuple[Rates, ...], bool]:
    by_edge = [{row.above: row.meters for row in period.rows} for period in (mine, theirs)]
    rows: list[Rates] = []
    differ = False
    for above in sorted({*by_edge[0], *by_edge[1]}):
        where = named(service) if above < 0 else f"{named(service)}above {above} "
        first, second = by_edge[0].get(above), by_edge[1].get(above)
        if first is None or second is None:
            comments.append(f"{where.strip()}: only {GENAI if first is None else LITELLM}")
            differ = True
            row = dict(first or second or {})
        else:
            row, unlike = _merged_row(first, second, where, comments)
            differ = differ or unlike
        rows.append(Rates(above, row))
    return tuple(rows), differ


def _merged_row(
    first: Mapping[str, int], second: Mapping[str, int], where: str, comments: list[str]
) -> tuple[dict[str, int], bool]:
    row: dict[str, int] = {}
    differ = False
    for meter in (meter for meter in METER_EXPONENTS if meter in first or meter in second):
        one, two = first.get(meter), second.get(meter)
        row[meter] = max(one or 0, two or 0)
        if one is not None and two is not None and one != two:
            comments.append(
                f"{where}{meter}: {LITELLM} {usd_text(one, meter)}, {GENAI} {usd_text(two, meter)}; the dearer taken"
            )
            differ = True
    _drop_doubtful(row, where, comments)
    return row, differ


def _drop_doubtful(row: dict[str, int], where: str, comments: list[str]) -> None:
    # Two sources can be a cache read of one and an input of the other.
    if row.get("cache_read", 0) > row.get("input", 0):
        comments.append(f"{where}cache_read left out: dearer than input")
        del row["cache_read"]
