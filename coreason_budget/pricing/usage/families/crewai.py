"""CrewAI's ``UsageMetrics``: the prompt contains the cache, except from Bedrock; a sum of so many requests."""

from __future__ import annotations

from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields
from coreason_budget.pricing.usage.habits import APART, BESIDE, INSIDE, Habits
from coreason_budget.pricing.usage.told import Table

_TABLE: Table = {
    "prompt_tokens": "prompt",
    "cached_prompt_tokens": "cached",
    "cache_creation_tokens": "written",
    "completion_tokens": "output",
    "reasoning_tokens": "reasoning",
    "total_tokens": "total",
    "successful_requests": "requests",
}
_OWN = ("successful_requests", "cached_prompt_tokens")


def _is_metrics(fields: Fields) -> bool:
    """Tell it from a provider's own usage, which has reasoning among details or more beside it."""
    return any(name in fields for name in _OWN) or ("prompt_tokens" in fields and fields.keys() <= _TABLE.keys())


_CACHE = (INSIDE, BESIDE)
METRICS = Family(
    "crewai.metrics",
    ("successful_requests", "cached_prompt_tokens", "reasoning_tokens"),
    _TABLE,
    Habits(
        cache=_CACHE,
        reasoning=(INSIDE, BESIDE, APART),
        needs_total=True,
        # Its total is prompt and completion, also where the provider counts reasoning beside them.
        of={"xai": Habits(cache=_CACHE, reasoning=(BESIDE, APART), needs_total=True)},
    ),
    needs=(("prompt_tokens",), ("completion_tokens",)),
    is_it=_is_metrics,
)
