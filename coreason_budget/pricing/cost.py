"""What a call cost, bucket by bucket, and by which price."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from attrs import field, frozen

from coreason_budget.money import to_usd, usd_text
from coreason_budget.pricing.price import BUCKETS, METER_UNITS, Count, Rates, amount_usd, rate_usd


@frozen
class Line:
    """What one bucket of a call cost.

    Attributes:
        bucket: What was used.
        count: How much of it.
        meter: The stated price it was billed by: its own, or its fall-back.
        rate: In nano-USD for a million units.
    """

    bucket: str
    count: int | Decimal
    meter: str
    rate: int

    @property
    def rate_usd(self) -> Decimal:
        """The price in USD, for one `unit`."""
        return rate_usd(self.meter, self.rate)

    @property
    def unit(self) -> str:
        """What the price is for: ``million tokens``, ``thousand``, ``second``, ``image`` or ``request``."""
        return METER_UNITS[self.meter]

    @property
    def amount_usd(self) -> Decimal:
        """What it cost in USD, exact: only the sum of all lines is rounded."""
        return amount_usd(self.count, self.rate)

    def __str__(self) -> str:
        name = self.bucket if self.meter == self.bucket else f"{self.bucket} (as {self.meter})"
        return f"{name}: {self.count} x {self.rate_usd:f} USD a {self.unit} = {self.amount_usd:f} USD"


@frozen
class Cost:
    """What a call cost, and by which price.

    Attributes:
        cost_nanos: In nano-USD: the sum of the lines, rounded up once; or what the provider
            reported, where that is preferred.
        input_tokens: All prompt tokens, cached ones too.
        output_tokens: All completion tokens, reasoning too.
        provider: Whose price it was; None where only the provider's report is known.
        model: The canonical id.
        service: The service tier billed.
        price_date: The day from which the price holds, else the day it was last checked.
        source: Where the price was read.
        tier_above: The prompt is longer than this, and so priced by a long-context tier; else None.
        reported_nanos: What the provider says that it cost, None if it does not say.
        is_reported: ``cost_nanos`` is the provider's, not the sum of the lines.
        others: Further models that were at work for the answer, by canonical id; their lines are among the lines.
        used: The counts, each set of them with the row that prices it.
    """

    cost_nanos: int
    input_tokens: int
    output_tokens: int
    provider: str | None
    model: str
    service: str
    price_date: date | None
    source: str | None = None
    tier_above: int | None = None
    reported_nanos: int | None = None
    is_reported: bool = False
    others: tuple[str, ...] = ()
    used: tuple[tuple[Rates, tuple[Count, ...]], ...] = field(default=(), repr=False)

    @property
    def lines(self) -> tuple[Line, ...]:
        """One for each bucket that cost something."""
        return tuple(line for rates, counts in self.used for line in lines_of(rates, counts))

    @property
    def price_name(self) -> str:
        """Name the price: ``openai/gpt-4o standard 2026-11-12``, or ``reported`` where the provider told the cost."""
        told = "reported" if self.is_reported else f"{self.service} {self.price_date or self.source or ''}"
        return " + ".join((f"{self.model} {told}".rstrip(), *self.others))

    @property
    def cost_usd(self) -> Decimal:
        """The cost in USD."""
        return to_usd(self.cost_nanos)

    @property
    def reported_usd(self) -> Decimal | None:
        """What the provider says that it cost in USD."""
        return None if self.reported_nanos is None else to_usd(self.reported_nanos)

    def explain(self) -> str:
        """Tell a person how the cost came about, a line a bucket."""
        tier = "" if self.tier_above is None else f", prompt above {self.tier_above} tokens"
        dated = "" if self.price_date is None else f", price of {self.price_date}"
        said = [f"{self.model}, {self.service}{tier}{dated}"]
        said += [] if self.source is None else [f"source: {self.source}"]
        said += [f"  {line}" for line in self.lines]
        if self.reported_nanos is not None:
            taken = "taken" if self.is_reported else "not taken"
            said.append(f"  the provider reports {usd_text(self.reported_nanos)} USD ({taken})")
        return "\n".join([*said, f"  cost: {usd_text(self.cost_nanos)} USD"])


def lines_of(rates: Rates, counts: Sequence[Count]) -> tuple[Line, ...]:
    """Give a line for each bucket that is not empty; the counts have passed `Rates.cost`."""
    lines = []
    for bucket, count in zip(BUCKETS, counts, strict=True):
        count = 1 if bucket == "per_request" and count is None and rates.per_request else count
        meter = rates.meter(bucket)
        if count and meter is not None:
            lines.append(Line(bucket, count, meter, rates.meters[meter]))
    return tuple(lines)
