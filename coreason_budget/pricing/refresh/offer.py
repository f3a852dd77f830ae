"""What one source says of one model: an entry of our own kind, or the reason why it is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Context, Decimal

from attrs import frozen

from coreason_budget.pricing.price import STANDARD, TOKEN_METERS, ModelPrice, Period, Rates

# Sources keep floats: 1.6499999999999998e-06 is meant as 1.65e-06.
_MEANT = Context(prec=12)
_NANOS_PER_MILLION = 15
_FALLBACKS = {
    "cache_read": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "input_audio": "input",
    "input_image": "input",
    "reasoning": "output",
    "output_audio": "output",
    "output_image": "output",
}
Row = dict[str, int]
Table = dict[int, Row]


class RefusedError(ValueError):
    """The source's entry cannot be an entry of the table; says why."""


@frozen
class Offer:
    """One source's price of one model.

    Attributes:
        entry: The price, with every id that the source has for it.
        notes: What had to be added, for the comment above the entry.
    """

    entry: ModelPrice
    notes: tuple[str, ...] = ()


def rate_of_one(usd: Decimal) -> int:
    """Turn USD for one token, request or search into nanos per million of them; up, where it is finer."""
    return int(_MEANT.plus(usd).scaleb(_NANOS_PER_MILLION).to_integral_value(ROUND_CEILING))


def stated(row: Mapping[str, int], mode: str) -> Row:
    """Leave out the zeros that only mean "not known"; the price of tokens falls back to a dearer one."""
    kept = {meter: rate for meter, rate in row.items() if rate}
    if mode != "chat":
        kept.pop("output", None)
        if "per_request" in kept:
            kept.setdefault("input", 0)
    if kept.get("cache_read", 0) > kept.get("input", 0):
        raise RefusedError("cache_read is dearer than input")
    return kept


def services_of(tables: Mapping[str, Table], mode: str) -> dict[str, tuple[Period, ...]]:
    """Turn rows by service and edge (-1 for the base) into prices, as bare as the source states them.

    Raises:
        RefusedError: The standard price lacks input or output.
    """
    prices: dict[str, tuple[Period, ...]] = {}
    for service in sorted(tables, key=standard_first):
        # A long prompt has a price of its own where its text has.
        tiers = {above: row for above, row in tables[service].items() if above < 0 or {"input", "output"} & set(row)}
        table = {-1: {}, **tiers}
        rows = tuple(Rates(above, stated(table[above], mode)) for above in sorted(table))
        if lacks(rows[0].meters, mode):
            if service == STANDARD:
                raise RefusedError("no price for input or output that is not 0")
            continue
        prices[service] = (Period(None, rows),)
    return prices


def lacks(row: Mapping[str, int], mode: str) -> bool:
    """Say whether a price for input or output is missing."""
    return any(meter not in row for meter in (("input", "output") if mode == "chat" else ("input",)))


def standard_first(service: str) -> tuple[bool, str]:
    """Order services: the standard one, then by name."""
    return service != STANDARD, service


def finished(prices: Mapping[str, tuple[Period, ...]], notes: list[str]) -> dict[str, tuple[Period, ...]]:
    """Fill what a price may not leave out: a tier's meters, and a service's that are dearer than their fall-back.

    Nothing is assumed to be cheaper than stated; the notes say what was filled.
    """
    done: dict[str, tuple[Period, ...]] = {}
    for service in sorted(prices, key=standard_first):
        standard = done[STANDARD][-1].rows[0].meters if service != STANDARD else {}
        done[service] = tuple(
            Period(period.since, tuple(_full_rows(period.rows, standard, service, notes))) for period in prices[service]
        )
    return done


def _full_rows(rows: tuple[Rates, ...], standard: Mapping[str, int], service: str, notes: list[str]) -> Iterator[Rates]:
    base = _with_dearer(rows[0].meters, standard, service, notes)
    yield Rates(-1, base)
    for row in rows[1:]:
        yield Rates(row.above, _full_tier(base, row.meters, f"{named(service)}above {row.above}", notes))


def _full_tier(base: Mapping[str, int], tier: Mapping[str, int], where: str, notes: list[str]) -> Row:
    found = {**base, **{meter: rate for meter, rate in tier.items() if meter in TOKEN_METERS}}
    for meter in base:
        if meter in TOKEN_METERS and meter not in tier:
            fallback = _FALLBACKS.get(meter, meter)
            found[meter] = max(base[meter], tier.get(fallback, 0))
            notes.append(f"{where} {meter}: not published, as {fallback if fallback != meter else 'below it'}")
    return found


def _with_dearer(row: Mapping[str, int], standard: Mapping[str, int], service: str, notes: list[str]) -> Row:
    if service == STANDARD:
        return dict(row)
    found = {meter: rate for meter, rate in row.items() if meter in TOKEN_METERS}
    without = Rates(-1, {meter: rate for meter, rate in standard.items() if meter in found})
    for meter, rate in standard.items():
        if meter in TOKEN_METERS and meter not in found and rate > (without.rate(meter) or 0):
            found[meter] = rate
            notes.append(f"{service} {meter}: not published, as standard")
    return found


def named(service: str) -> str:
    """Give the words of a service that stand before a meter."""
    return "" if service == STANDARD else f"{service} "
