"""Codex's counts of a turn or a session: the input contains the cache, the output reasoning."""

from __future__ import annotations

from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.habits import INSIDE, Habits
from coreason_budget.pricing.usage.told import Table

_TABLE: Table = {
    "input_tokens": "prompt",
    "cached_input_tokens": "cached",
    "cache_creation_input_tokens": "written",
    "cache_write_input_tokens": "written",
    "output_tokens": "output",
    "reasoning_output_tokens": "reasoning",
    "total_tokens": "total",
}
TURN = Family(
    "codex.turn",
    ("cached_input_tokens", "reasoning_output_tokens"),
    _TABLE,
    Habits(cache=(INSIDE,), reasoning=(INSIDE,)),
    needs=(("input_tokens",), ("output_tokens",)),
    is_it=lambda fields: "input_tokens" in fields,
)
