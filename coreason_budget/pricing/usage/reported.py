"""What a provider itself says that a call cost."""

from __future__ import annotations

from decimal import Decimal

from coreason_budget.errors import InvalidAmountError
from coreason_budget.money import to_nanos
from coreason_budget.pricing.usage.node import Node

_TICK_EXPONENT = -10


def reported_nanos(node: Node) -> int | None:
    """Give the cost that a usage reports, in nano-USD, rounded up; None if it reports none.

    xAI writes ``cost_in_usd_ticks``, of 1e-10 USD (docs.x.ai, cost tracking); OpenRouter and
    LiteLLM ``cost`` in USD; Perplexity ``cost.total_cost``. On a key of one's own OpenRouter's
    ``cost`` is its fee alone, and ``upstream_inference_cost`` comes on top.

    Raises:
        InvalidAmountError: It is not an amount; names the field.
    """
    ticks, cost = node.get("cost_in_usd_ticks"), node.get("cost")
    if ticks is not None:
        if type(ticks) is not int:
            raise InvalidAmountError("cost_in_usd_ticks: not a whole number", field="cost_in_usd_ticks")
        return to_nanos(Decimal(ticks).scaleb(_TICK_EXPONENT), "cost_in_usd_ticks")
    if cost is None:
        return None
    if not isinstance(cost, int | float | str | Decimal):
        total = Node(cost).get("total_cost")
        return None if total is None else to_nanos(total, "cost.total_cost")
    nanos = to_nanos(cost, "cost")
    if node.get("is_byok") is not True:
        return nanos
    upstream = node.child("cost_details").get("upstream_inference_cost")
    return None if upstream is None else nanos + to_nanos(upstream, "cost_details.upstream_inference_cost")
