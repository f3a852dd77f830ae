"""What a call costs a budget: the amounts to hold, to book, and the answer that still fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from attrs import asdict

from coreason_budget.errors import InvalidAmountError
from coreason_budget.ledger.base import GIVEN, Priced
from coreason_budget.model import Amounts, Balance, check_count
from coreason_budget.money import MAX_OPERATION_NANOS
from coreason_budget.pricing import PricingEngine, Usage


def bound(
    pricing: PricingEngine,
    cost_nanos: int | None,
    model: str | None,
    input_tokens: int | None,
    max_output_tokens: int | None,
) -> Amounts:
    """Give the most that a call can use: the cost given, else that of a model and its token bounds."""
    tokens = count_tokens(input_tokens, max_output_tokens, "max_output_tokens")
    if cost_nanos is not None:
        return Amounts(cost_nanos, tokens or 0)
    if model is None or input_tokens is None:
        raise InvalidAmountError("cost: give a cost, or a model with input_tokens and max_output_tokens", field="cost")
    nanos = pricing.estimate_nanos(model, input_tokens=input_tokens, max_output_tokens=max_output_tokens)
    if max_output_tokens is None:
        max_output_tokens = pricing.card(model).max_output
    return Amounts(nanos, input_tokens + (max_output_tokens or 0))


def asked(pricing: PricingEngine, cost_nanos: int, model: str | None, input_tokens: int | None) -> Amounts:
    """Give what a check asks for: its estimate, and where it names its input, that at least."""
    if input_tokens is None:
        return Amounts(cost_nanos)
    least = bound(pricing, None, known(model), input_tokens, 0)
    return Amounts(max(cost_nanos, least.usd_nanos), least.tokens)


def affordable(
    pricing: PricingEngine,
    balances: Iterable[Balance],
    model: str,
    input_tokens: int,
    max_output_tokens: int | None,
) -> int:
    """Give the largest output limit whose `bound` fits every balance; 0 where none does."""
    left = {"usd": MAX_OPERATION_NANOS}
    for balance in balances:
        if balance.remaining_units is not None:
            left[balance.unit] = min(balance.remaining_units, left.get(balance.unit, balance.remaining_units))
    most = pricing.affordable_output_tokens_for(
        model, left["usd"], input_tokens=input_tokens, max_output_tokens=max_output_tokens
    )
    return max(0, min(most, left.get("tokens", input_tokens + most) - input_tokens))


def price(pricing: PricingEngine, model: str | None, input_tokens: int | None, output_tokens: int | None) -> int:
    """Give what counted tokens cost, in nanos."""
    if input_tokens is None and output_tokens is None:
        raise InvalidAmountError("cost: give a cost, or a model with its token counts", field="cost")
    return pricing.calculate_nanos(known(model), input_tokens or 0, output_tokens or 0)


def price_name(pricing: PricingEngine, cost_nanos: int | None, model: str | None) -> str:
    """Name the price of a call whose cost was given, or is that of a model's tokens."""
    return GIVEN if cost_nanos is not None else pricing.price_name(known(model))


def pricer(
    pricing: PricingEngine, content: Any, usage: Usage | None = None, *, prefer_reported: bool
) -> Callable[[str | None], Priced]:
    """Give what tells a settle's cost from the model that was reserved for.

    ``content`` is what its caller gave: cost in nanos, the usage as `told`, input and output tokens,
    and the model. Kept as JSON it says the same.
    """
    given, values, input_tokens, output_tokens, model = content
    if usage is None and values is not None:
        usage = _heard(values)

    def priced(reserved_model: str | None) -> Priced:
        if given is not None:
            return Priced(given)
        called = known(model or reserved_model)
        if usage is not None:
            cost = pricing.cost_of(usage, called, prefer_reported=prefer_reported)
            return Priced(cost.cost_nanos, cost.price_name)
        return Priced(price(pricing, called, input_tokens, output_tokens), pricing.price_name(called))

    return priced


def known(model: str | None) -> str:
    """Give the model back that must be named for tokens to have a price."""
    if model is None:
        raise InvalidAmountError(
            "cost: token counts need a model to be priced by; name one, or give a cost", field="cost"
        )
    return model


def count_tokens(
    input_tokens: int | None, output_tokens: int | None, output_field: str = "output_tokens"
) -> int | None:
    """Add the tokens up that a call names, None if it names none."""
    if input_tokens is None and output_tokens is None:
        return None
    read = 0 if input_tokens is None else check_count(input_tokens, "input_tokens")
    return read + (0 if output_tokens is None else check_count(output_tokens, output_field))


def told(usage: Usage) -> tuple[object, ...]:
    """Give a usage as JSON values, the content of the call that told it: by position, and what came later by name."""
    values = {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(usage).items()}
    later = ((name, value) for name, value in values.items() if value and name not in _POSITIONS)
    return (*(values[name] for name in _POSITIONS), *later)


def _heard(values: Sequence[Any]) -> Usage:
    """Give the usage that was `told`."""
    first, later = values[: len(_POSITIONS)], values[len(_POSITIONS) :]
    counts = dict(zip(_POSITIONS, first, strict=True)) | dict(later)
    if isinstance(counts["per_second"], str):
        counts["per_second"] = Decimal(counts["per_second"])
    return Usage(**counts)


# Kept in outboxes and hashed into digests: never change it.
_POSITIONS = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "output",
    "reasoning",
    "input_audio",
    "input_image",
    "cache_read_audio",
    "output_audio",
    "output_image",
    "web_search",
    "per_image",
    "per_second",
    "per_request",
    "service",
    "reported_nanos",
)
