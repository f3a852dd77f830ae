"""A provider's bill: disjoint amounts times rates, in plain decimals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal

from attrs import field, frozen

from coreason_budget.pricing.price import METER_UNITS
from tests.shapes.fake.prices import PRICES

_NANO = Decimal("1e-9")
_PER = {"million tokens": 10**6, "thousand": 1000}
# What a provider bills an amount as where its price list has no line for it.
_AS = {
    "cache_read": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "reasoning": "output",
    "input_audio": "input",
    "input_image": "input",
    "cache_read_audio": "cache_read",
    "cache_read_image": "cache_read",
    "output_audio": "output",
    "output_image": "output",
}


@frozen
class Bill:
    """What one or more calls cost: the model that is asked for, and exact USD."""

    model: str
    exact_usd: Decimal
    service: str = field(default="standard", kw_only=True)

    @property
    def usd(self) -> Decimal:
        """In USD, a part of a nano counts as a whole one."""
        return self.exact_usd.quantize(_NANO, ROUND_CEILING)

    def __add__(self, other: Bill | Decimal) -> Bill:
        more = other.exact_usd if isinstance(other, Bill) else other
        return Bill(self.model, self.exact_usd + more, service=self.service)

    def at(self, service: str) -> Bill:
        """The same money, booked by a caller who says at which service the call ran."""
        return Bill(self.model, self.exact_usd, service=service)

    def under(self, model: str) -> Bill:
        """The same money, asked for by another name of the model."""
        return Bill(model, self.exact_usd, service=self.service)


def bill(model: str, *, service: str = "standard", rates: Mapping[str, str] | None = None, **amounts: int) -> Bill:
    """Bill amounts, named as the meters of a price list: ``input``, ``cache_read``, ``web_search``, ...

    They are disjoint: ``input`` is the fresh text alone, ``output`` the answer without its reasoning.

    Args:
        model: Whose price card is billed by.
        service: By which of the card's services.
        rates: USD by meter, instead of or beside the card's, as ``{"input": "2.50"}``.
        **amounts: How much was used.
    """
    stated = {} if rates and "input" in rates else _card(model, service)
    stated |= {meter: Decimal(rate) for meter, rate in (rates or {}).items()}
    total = Decimal(0)
    for name, amount in amounts.items():
        meter = name
        while meter not in stated:
            meter = _AS[meter]
        total += amount * stated[meter] / _PER.get(METER_UNITS.get(meter, ""), 1)
    return Bill(model, total)


def _card(model: str, service: str) -> dict[str, Decimal]:
    return dict(PRICES.card(model).rates_usd(service, datetime.now(UTC).date()))
