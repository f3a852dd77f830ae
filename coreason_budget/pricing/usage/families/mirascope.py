"""Mirascope's usage: the input contains the cache, the output reasoning; ``raw``, where it is told, is read instead."""

from __future__ import annotations

from typing import Any

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import fields_of, items_of, word
from coreason_budget.pricing.usage.habits import INSIDE, Habits
from coreason_budget.pricing.usage.told import NOTHING, Table, Told


def _tools(told: Told, value: Any, name: str) -> None:
    """Read the tools that ran on the provider's side."""
    for item in items_of(value, name):
        fields = fields_of(item)
        if word(fields.get("name"), name) != "web_search":
            raise InvalidAmountError(f"{name}: a tool that is not known, and may have a fee; pass cost=", field=name)
        told.add("web_search", fields.get("call_count"), name)


_TABLE: Table = {
    "input_tokens": "prompt",
    "output_tokens": "output",
    "cache_read_tokens": "cached",
    "cache_write_tokens": "written",
    "reasoning_tokens": "reasoning",
    "provider_tool_usage": _tools,
    "raw": NOTHING,
}
USAGE = Family(
    "mirascope.usage",
    ("input_tokens",),
    _TABLE,
    Habits(cache=(INSIDE,), reasoning=(INSIDE,)),
    (("input_tokens",), ("output_tokens",)),
    is_it=lambda fields: "provider_tool_usage" in fields or ("cache_read_tokens" in fields and "raw" in fields),
)
