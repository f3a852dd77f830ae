"""The Vercel AI SDK's usages: of versions 6 and 7 with details, of version 5 without.

From version 6 the input contains the cache for every provider, and ``raw``, where it is told, is read instead: a sum
over several steps has none. Version 5 passes on each provider's own counts, and has no place for cache writes.
"""

from __future__ import annotations

from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import is_absent
from coreason_budget.pricing.usage.habits import APART, BESIDE, INSIDE, Habits
from coreason_budget.pricing.usage.told import NOTHING, Table

_BOTH: Table = {
    "inputTokens": "prompt",
    "outputTokens": "output",
    "totalTokens": "total",
    "cachedInputTokens": "cached",
    "reasoningTokens": "reasoning",
}
_DETAILED: Table = {
    **_BOTH,
    "inputTokenDetails": {"noCacheTokens": "fresh", "cacheReadTokens": "cached", "cacheWriteTokens": "written"},
    "outputTokenDetails": {"textTokens": "text_out", "reasoningTokens": "reasoning"},
    "raw": NOTHING,
}
_PLAIN: Table = {**_BOTH, "cacheWriteTokens": "written"}
_NEEDS = (("inputTokens",), ("outputTokens",))
DETAILED = Family(
    "ai_sdk.detailed",
    ("inputTokenDetails", "outputTokenDetails"),
    _DETAILED,
    Habits(cache=(INSIDE,), reasoning=(INSIDE,)),
    _NEEDS,
    is_sum=True,
)
PLAIN = Family(
    "ai_sdk.plain",
    ("cachedInputTokens", "reasoningTokens"),
    _PLAIN,
    Habits(cache=(INSIDE, APART), reasoning=(INSIDE, BESIDE), by_maker=True, loses_writes="beside"),
    _NEEDS,
    is_it=lambda fields: not is_absent(fields.get("inputTokens")),
    is_sum=True,
)
