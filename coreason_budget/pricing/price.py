"""A model's prices as exact integers, and the one sum that turns counts into nanos.

Every rate is nanos per million units of its meter, so that 1 is 1e-15 USD for one token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Context, Decimal
from fractions import Fraction
from typing import TypeAlias

from attrs import field, frozen

from coreason_budget.errors import UnknownModelError
from coreason_budget.money import ceil_div

Count: TypeAlias = int | Decimal | None
"""How much of a bucket was used: whole, seconds also in fractions; None for seconds and requests nobody told."""

MILLION = 10**6
STANDARD = "standard"
BATCH = "batch"

TEXT_METERS = ("input", "cache_read", "cache_write", "cache_write_1h")
INPUT_METERS = (*TEXT_METERS, "input_audio", "input_image", "cache_read_audio", "cache_read_image")
OUTPUT_METERS = ("output", "reasoning", "output_audio", "output_image")
TOKEN_METERS = INPUT_METERS + OUTPUT_METERS

# What tools cost beside the tokens they read and write; a price file may state one for all its models.
FEES = ("web_search", "x_search", "file_search", "maps_grounding", "code_execution", "code_interpreter")

# Fees that can be less for a smaller search context: `web_search_low` beside `web_search`, the dearest.
SIZES = ("low", "medium")
LARGEST_SIZE = "high"
_SIZED_METERS = ("web_search", "per_request")
SIZED = {f"{meter}_{size}": meter for meter in _SIZED_METERS for size in SIZES}

# What one price in USD stands for, as the power of ten that makes it nanos per million units.
_UNITS = {
    **dict.fromkeys(TOKEN_METERS, "million tokens"),
    **dict.fromkeys(FEES, "thousand"),
    "code_interpreter": "session",
    "per_request": "request",
    "per_second": "second",
    "per_image": "image",
}
METER_UNITS = _UNITS | {meter: _UNITS[plain] for meter, plain in SIZED.items()}
METER_EXPONENTS = {meter: {"million tokens": 9, "thousand": 12}.get(unit, 15) for meter, unit in METER_UNITS.items()}

# The order of counts everywhere: the six of `PricingEngine.calculate` first, what nobody may have told last.
BUCKETS = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "output",
    "reasoning",
    "input_audio",
    "input_image",
    "cache_read_audio",
    "cache_read_image",
    "output_audio",
    "output_image",
    *FEES,
    "per_image",
    "per_second",
    "per_request",
)
SECONDS = BUCKETS.index("per_second")
PROMPT = tuple(BUCKETS.index(meter) for meter in INPUT_METERS)
# A missing price means no discount, never a gift.
_FALLBACKS = {
    "cache_read": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "cache_read_audio": "cache_read",
    "cache_read_image": "cache_read",
    "input_audio": "input",
    "input_image": "input",
    "reasoning": "output",
    "output_audio": "output",
    "output_image": "output",
}
# Where sounds or pictures have a price of their own, the cached price of text is none of theirs.
_CACHED_KINDS = {"cache_read_audio": "input_audio", "cache_read_image": "input_image"}
_EXACT = Context(prec=200)


def exact_rate(value: Decimal, exponent: int) -> int | None:
    """Scale a price to nanos per million units; None where that is not a whole number."""
    scaled = value.scaleb(exponent, _EXACT)
    return int(scaled) if scaled == scaled.to_integral_value() else None


def rate_usd(meter: str, rate: int) -> Decimal:
    """Give a rate as the price list does: in USD, for one of `METER_UNITS` of its meter."""
    return plain(Decimal(rate).scaleb(-METER_EXPONENTS[meter], _EXACT))


def amount_usd(count: int | Decimal, rate: int) -> Decimal:
    """Give what so much of a bucket costs in USD: exact, not rounded to a nano."""
    return plain(_EXACT.multiply(Decimal(count), Decimal(rate)).scaleb(-15, _EXACT))


def plain(value: Decimal) -> Decimal:
    """Give the same number without an exponent and without trailing zeros."""
    return Decimal(format(value.normalize(_EXACT), "f"))


@frozen
class Rates:
    """One row of prices, for prompts of more than ``above`` tokens.

    Attributes:
        above: Total prompt tokens that a call must exceed; -1 for the base row.
        meters: The prices stated, in nanos per million units.
        by_bucket: One rate a bucket, fall-backs applied; None where there is none.
    """

    above: int
    meters: Mapping[str, int]
    by_bucket: tuple[int | None, ...] = field(init=False, repr=False, eq=False)
    dearest_input: int = field(init=False, repr=False, eq=False)
    dearest_text_input: int = field(init=False, repr=False, eq=False)
    dearest_output: int = field(init=False, repr=False, eq=False)
    per_request: int = field(init=False, repr=False, eq=False)
    is_sized: bool = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        found = {bucket: self.rate(bucket) for bucket in BUCKETS}
        put = object.__setattr__
        put(self, "by_bucket", tuple(found[bucket] for bucket in BUCKETS))
        put(self, "dearest_input", max(found[meter] or 0 for meter in INPUT_METERS))
        put(self, "dearest_text_input", max(found[meter] or 0 for meter in TEXT_METERS))
        put(self, "dearest_output", max(found[meter] or 0 for meter in OUTPUT_METERS))
        put(self, "per_request", self.meters.get("per_request", 0))
        put(self, "is_sized", any(meter in self.meters for meter in SIZED))

    def meter(self, bucket: str) -> str | None:
        """Give the stated meter that prices a bucket: its own, or the one it falls back to."""
        meter: str | None = bucket
        while meter is not None and meter not in self.meters:
            if meter in _CACHED_KINDS and _CACHED_KINDS[meter] in self.meters:
                meter = _CACHED_KINDS[meter]
            else:
                meter = _FALLBACKS.get(meter)
        return meter

    def rate(self, bucket: str) -> int | None:
        """Give the rate of a bucket, by its fall-back where it has none of its own."""
        meter = self.meter(bucket)
        return None if meter is None else self.meters[meter]

    def of_size(self, size: str | None) -> Rates:
        """Give the row for a search context of a size; the dearest one's where nobody told it.

        Raises:
            KeyError: Fees go by the size of the context, and not by this one.
        """
        if size is None or size == LARGEST_SIZE or not self.is_sized:
            return self
        own = {meter: self.meters.get(f"{meter}_{size}") for meter in _SIZED_METERS}
        if not any(own.values()):
            raise KeyError(f"search_context {size!r}")
        return Rates(self.above, {**self.meters, **{meter: rate for meter, rate in own.items() if rate is not None}})

    def cost(self, counts: Sequence[Count]) -> int:
        """Give what counts cost in nano-USD, rounded up once. As `total`."""
        return ceil_div(self.total(counts), MILLION)

    def total(self, counts: Sequence[Count]) -> int | Fraction:
        """Sum counts (in the order of `BUCKETS`) times rates: nano-USD for a million units, exact.

        A call whose requests nobody told is one request.

        Raises:
            KeyError: A bucket that is not empty has no rate; carries the bucket's name.
        """
        total: int | Fraction = self.per_request if counts[-1] is None else 0
        for rate, count in zip(self.by_bucket, counts, strict=True):
            if count:
                if rate is None:
                    raise KeyError(_unpriced(self.by_bucket, counts))
                total += count * rate if type(count) is int else Fraction(count) * rate
        return total


def _unpriced(rates: Sequence[int | None], counts: Sequence[Count]) -> str:
    return next(bucket for bucket, rate, count in zip(BUCKETS, rates, counts, strict=True) if count and rate is None)


@frozen
class Period:
    """Prices from a date on: the base row, then one row for each long-context tier."""

    since: date | None
    rows: tuple[Rates, ...]

    def rates(self, prompt_tokens: int) -> Rates:
        """Give the row for a prompt of so many tokens; it prices every token of the call."""
        rows = self.rows
        index = len(rows) - 1
        while index and prompt_tokens <= rows[index].above:
            index -= 1
        return rows[index]


@frozen
class ModelPrice:
    """An entry of the price table.

    Attributes:
        canonical: ``provider/model``, the id that budgets and books use.
        provider: Who bills.
        model: The id within the provider.
        prices: For each service (``standard``, ``batch``, ...) its history, oldest first.
        mode: ``chat`` (all that writes text), ``embedding`` or ``rerank``.
        encoding: tiktoken's name of the tokenizer, None where it is not public.
        max_output: Most output tokens of one answer, None where it is not known.
        snapshots: What follows the model's id and a hyphen in further ids of it.
        also: Whole further ids of it.
        cached_in_input: The provider's input count contains cache reads and writes; None where nobody says, and
            then it is taken to, unless what is read tells otherwise.
        reasoning_in_output: The provider's output count contains reasoning; None as there.
        search_unit: What a search's price is for: a ``query``, or a ``prompt`` with any number of them.
        source: Where the prices were read.
        checked: When they were last compared with the source.
    """

    canonical: str
    provider: str
    model: str
    prices: Mapping[str, tuple[Period, ...]]
    mode: str = "chat"
    encoding: str | None = None
    max_output: int | None = None
    snapshots: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    date_suffix: bool = False
    cached_in_input: bool | None = None
    reasoning_in_output: bool | None = None
    search_unit: str = "query"
    service_aliases: Mapping[str, str] = field(factory=dict)
    source: str | None = None
    checked: date | None = None

    def ids(self) -> Iterator[str]:
        """Give the ids of the model and of its snapshots, without the provider."""
        yield self.model
        yield from self.also
        for snapshot in self.snapshots:
            yield f"{self.model}-{snapshot}"

    def periods(self, service: str = STANDARD) -> tuple[Period, ...]:
        """Give the price history of a service.

        Raises:
            UnknownModelError: The model has no price for it.
        """
        named = service if isinstance(service, str) else ""
        found = self.prices.get(named) or self.prices.get(self.service_aliases.get(named, ""))
        if found is None:
            known = ", ".join(self.prices)
            raise UnknownModelError(
                f"{self.canonical} has no price for service {service!r}; known: {known}", model=self.canonical
            )
        return found

    def period(self, service: str, at: date) -> Period:
        """Give the prices of a service on a day (UTC).

        Raises:
            UnknownModelError: No price for the service, or none yet on that day.
        """
        periods = self.periods(service)
        for period in reversed(periods):
            if period.since is None or period.since <= at:
                return period
        raise UnknownModelError(
            f"{self.canonical} has no {service} price on {at}; the first is from {periods[0].since}",
            model=self.canonical,
        )

    def periods_between(self, service: str, first: date, last: date) -> list[Period]:
        """Give every price that holds on one of the days. As `period`."""
        later = (period for period in self.periods(service) if period.since and first < period.since <= last)
        return [self.period(service, first), *later]

    def rates_usd(self, service: str = STANDARD, at: date | None = None) -> dict[str, Decimal]:
        """Give the stated base prices in USD, each per `METER_UNITS` of its meter."""
        history = self.periods(service)
        period = history[-1] if at is None else self.period(service, at)
        return {meter: rate_usd(meter, rate) for meter, rate in period.rows[0].meters.items()}
