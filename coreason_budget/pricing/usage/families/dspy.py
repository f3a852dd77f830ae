"""DSPy's own client: each provider's own counts under the same names; whole answers keep the provider's beside."""

from __future__ import annotations

from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields, is_absent
from coreason_budget.pricing.usage.habits import APART, BESIDE, INSIDE, Habits
from coreason_budget.pricing.usage.told import Table

_TABLE: Table = {
    "input_tokens": "prompt",
    "output_tokens": "output",
    "total_tokens": "total",
    "cache_read_tokens": "cached",
    "cache_write_tokens": "written",
    "reasoning_tokens": "reasoning",
    "input_audio_tokens": "audio",
    "output_audio_tokens": "audio_out",
}


def _is_usage(fields: Fields) -> bool:
    return not is_absent(fields.get("total_tokens")) and not is_absent(fields.get("input_tokens"))


USAGE = Family(
    "dspy.usage",
    ("cache_read_tokens", "cache_write_tokens"),
    _TABLE,
    Habits(cache=(INSIDE, APART), reasoning=(INSIDE, BESIDE, APART), by_maker=True),
    needs=(("input_tokens",), ("output_tokens",)),
    is_it=_is_usage,
)
