"""What a provider itself says that a call cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from coreason_budget.errors import InvalidAmountError
from coreason_budget.money import to_nanos
from coreason_budget.pricing.usage.fields import Fields, fields_of, is_absent

_TICK_EXPONENT = -10


def reported_nanos(usage: Fields) -> int | None:
    """Give the cost that a usage reports, in nano-USD, rounded up; None if it reports none.

    xAI writes ``cost_in_usd_ticks``, of 1e-10 USD (docs.x.ai, cost tracking); OpenRouter and
    LiteLLM ``cost`` in USD; Perplexity ``cost.total_cost``. On a key of one's own OpenRouter's
    ``cost`` is its fee alone, and ``upstream_inference_cost`` comes on top.

    Raises:
        InvalidAmountError: It is not an amount; names the field.
    """
    ticks, cost = usage.get("cost_in_usd_ticks", usage.get("costInUsdTicks")), usage.get("cost")
    if not is_absent(ticks):
        # Protobuf writes 64 bits as text in JSON.
        ticks = int(ticks) if isinstance(ticks, str) and ticks.isdecimal() else ticks
        if type(ticks) is not int:
            raise InvalidAmountError("cost_in_usd_ticks: not a whole number", field="cost_in_usd_ticks")
        return to_nanos(Decimal(ticks).scaleb(_TICK_EXPONENT), "cost_in_usd_ticks")
    if is_absent(cost):
        return None
    if not isinstance(cost, int | float | str | Decimal):
        return _optional(fields_of(cost).get("total_cost"), "cost.total_cost")
    nanos = to_nanos(cost, "cost")
    if usage.get("is_byok") is not True:
        return nanos
    upstream = fields_of(usage.get("cost_details")).get("upstream_inference_cost")
    added = _optional(upstream, "cost_details.upstream_inference_cost")
    return None if added is None else nanos + added


def _optional(value: Any, field: str) -> int | None:
    return None if is_absent(value) else to_nanos(value, field)
