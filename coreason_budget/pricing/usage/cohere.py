"""Cohere's answers, v1 (in ``meta``) and v2: what is billed, not what was read."""

from __future__ import annotations

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.buckets import Usage
from coreason_budget.pricing.usage.node import Node

_BILLED = ("input_tokens", "output_tokens", "search_units", "images", "image_tokens")


def answer(node: Node) -> Usage:
    """Read billed units; where there are none, the tokens. Counts may be written as ``5.0``.

    A search unit of a rerank is one request.
    """
    billed = node.child("billed_units")
    if all(billed.get(name) is None for name in _BILLED):
        billed = node.child("tokens")
        if billed.get("input_tokens") is None:
            raise InvalidAmountError("input_tokens: missing", field="input_tokens")
    return Usage(
        input=billed.whole("input_tokens"),
        output=billed.whole("output_tokens"),
        input_image=billed.whole("image_tokens"),
        per_image=billed.whole("images") if billed.get("image_tokens") is None else 0,
        per_request=None if billed.get("search_units") is None else billed.whole("search_units"),
        service=node.service(),
    )
