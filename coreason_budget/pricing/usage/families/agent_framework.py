"""The Microsoft Agent Framework's ``usage_details``: its own names, and each provider's again under a prefix."""

from __future__ import annotations

from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields
from coreason_budget.pricing.usage.habits import APART, BESIDE, INSIDE, Habits
from coreason_budget.pricing.usage.told import NOTHING, Table

_TABLE: Table = {
    "input_token_count": "prompt",
    "output_token_count": "output",
    "total_token_count": "total",
    "cache_read_input_token_count": "cached",
    "cache_creation_input_token_count": "written",
    "reasoning_output_token_count": "reasoning",
    # The same by the provider's own names; told by a release that lacks ours, they are read.
    "openai.cached_input_tokens": "cached",
    "openai.cache_write_tokens": "written",
    "openai.reasoning_tokens": "reasoning",
    "prompt/cached_tokens": "cached",
    "prompt/cache_write_tokens": "written",
    "prompt/audio_tokens": "audio",
    "completion/reasoning_tokens": "reasoning",
    "completion/audio_tokens": "audio_out",
    "completion/accepted_prediction_tokens": NOTHING,
    "completion/rejected_prediction_tokens": NOTHING,
    "anthropic.cache_read_input_tokens": "cached",
    "anthropic.cache_creation_input_tokens": "written",
}
_MARKS = ("input_token_count", "output_token_count")
_NEEDS = (("input_token_count",), ("output_token_count",))


def _is_anthropic(fields: Fields) -> bool:
    return any(name.startswith("anthropic.") for name in fields)


ANTHROPIC = Family(
    "agent_framework.anthropic", _MARKS, _TABLE, Habits(cache=(APART,)), _NEEDS, _is_anthropic, is_sum=True
)
DETAILS = Family("agent_framework.details", _MARKS, _TABLE, Habits(cache=(INSIDE, BESIDE, APART)), _NEEDS, is_sum=True)
