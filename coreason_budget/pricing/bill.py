"""What an answer costs: each part by its own entry of the table, summed exactly and rounded up once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from fractions import Fraction

from attrs import evolve, frozen

from coreason_budget.errors import InvalidAmountError, UnknownModelError
from coreason_budget.money import ceil_div
from coreason_budget.pricing.buckets import Usage, prompt_tokens
from coreason_budget.pricing.cost import Cost
from coreason_budget.pricing.price import MILLION, SECONDS, Count, ModelPrice, Period, Rates


@frozen
class Item:
    """One part of a bill: an entry of the table, what was used of it, and the row that prices it.

    ``total`` is in nano-USD for a million units, exact. ``counts`` and ``input_tokens`` are those of ``used``.
    """

    entry: ModelPrice
    used: Usage
    counts: tuple[Count, ...]
    input_tokens: int
    period: Period
    rates: Rates
    total: int | Fraction


def item_of(entry: ModelPrice, used: Usage, at: date | None = None, requests: int | None = 1) -> Item:
    """Price what was used in so many requests, of which each is priced alone; None is nobody knows how many.

    Raises:
        InvalidAmountError: Seconds are billed and nobody told them, or a sum over nobody knows how many
            requests could have reached a long-context price or has a fee a request.
        UnknownModelError: No price for the service, the day or a count.
    """
    period = period_of(entry, used.service, at)
    used = _by_requests(entry, period, used, requests)
    counts = used.counts
    read = prompt_tokens(counts)
    rates = _row(entry, period, ceil_div(read, requests or 1), used.search_context)
    return Item(entry, used, counts, read, period, rates, total_of(entry, rates, counts))


def _by_requests(entry: ModelPrice, period: Period, used: Usage, requests: int | None) -> Usage:
    """Count what is billed by the request, where several are summed."""
    if requests is None:
        _refuse_sum(entry, period, used)
    if requests is not None and requests > 1 and used.per_request is None and period.rows[0].per_request:
        used = evolve(used, per_request=requests)
    return used


def billed_searches(entry: ModelPrice, used: Usage, requests: int | None) -> Usage:
    """Count the searches that are billed of those that ran: all, or one a request where the fee is a prompt's."""
    most = requests or 1
    if entry.search_unit == "prompt" and max(used.web_search, used.maps_grounding) > most:
        return evolve(used, web_search=min(used.web_search, most), maps_grounding=min(used.maps_grounding, most))
    return used


def _refuse_sum(entry: ModelPrice, period: Period, used: Usage) -> None:
    tier = period.rows[1].above if len(period.rows) > 1 else None
    if tier is not None and used.input_tokens > tier:
        problem = f"a request of it may have been above {tier} tokens, where {entry.canonical} costs more"
    elif period.rows[0].per_request and used.per_request is None:
        problem = f"{entry.canonical} has a fee for each request"
    else:
        return
    raise InvalidAmountError(f"usage: a sum over several requests, and {problem}; settle each request", field="usage")


def period_of(entry: ModelPrice, service: str, at: date | None) -> Period:
    """Give the prices of a service on a day (UTC), today if none is given.

    Raises:
        InvalidAmountError: ``at`` is no date.
        UnknownModelError: No price for the service, or none yet on that day.
    """
    if at is None:
        at = datetime.now(UTC).date()
    elif isinstance(at, datetime):
        at = at.astimezone(UTC).date()
    elif not isinstance(at, date):
        raise InvalidAmountError("at: must be a date", field="at")
    return entry.period(service, at)


def name_of(entry: ModelPrice, service: str, period: Period) -> str:
    """Name a price by model, service and the day from which it holds, else that of its last check, or its source."""
    return f"{entry.canonical} {service} {period.since or entry.checked or entry.source or ''}".rstrip()


def rates_of(entry: ModelPrice, period: Period, counts: tuple[Count, ...], size: str | None = None) -> Rates:
    """Give the row that prices the counts of a request: by its prompt and its search context.

    Raises:
        UnknownModelError: No price for a search context of this size.
    """
    return _row(entry, period, prompt_tokens(counts), size)


def _row(entry: ModelPrice, period: Period, read: int, size: str | None) -> Rates:
    try:
        return period.rates(read).of_size(size)
    except KeyError as error:
        raise _unpriced(entry, error) from None


def total_of(entry: ModelPrice, rates: Rates, counts: Sequence[Count]) -> int | Fraction:
    """Give what counts cost, in nano-USD for a million units, exact.

    Raises:
        InvalidAmountError: The model is billed by the second and nobody told them.
        UnknownModelError: No price for a count.
    """
    if "per_second" in rates.meters and counts[SECONDS] is None:
        raise InvalidAmountError(f"seconds: pass them; {entry.canonical} is billed by the second", field="seconds")
    try:
        return rates.total(counts)
    except KeyError as error:
        raise _unpriced(entry, error) from None


def _unpriced(entry: ModelPrice, error: KeyError) -> UnknownModelError:
    return UnknownModelError(f"{entry.canonical} has no price for {error.args[0]}", model=entry.canonical)


def bill(items: Sequence[Item]) -> Cost:
    """Add parts up to one cost. The first names it; models of the others are named beside."""
    first = items[0]
    reported = [item.used.reported_nanos for item in items if item.used.reported_nanos is not None]
    name = first.entry.canonical
    return Cost(
        cost_nanos=ceil_div(sum([item.total for item in items]), MILLION),
        input_tokens=sum([item.input_tokens for item in items]),
        output_tokens=sum([item.used.output_tokens for item in items]),
        provider=first.entry.provider,
        model=name,
        service=first.used.service,
        price_date=first.period.since or first.entry.checked,
        source=first.entry.source,
        tier_above=None if first.rates.above < 0 else first.rates.above,
        reported_nanos=sum(reported) if reported else None,
        others=tuple(dict.fromkeys(item.entry.canonical for item in items[1:] if item.entry.canonical != name)),
        used=tuple([(item.rates, item.counts) for item in items]),
    )
