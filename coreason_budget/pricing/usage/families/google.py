"""Gemini's answers: the prompt contains cached tokens, candidates exclude thoughts, tools come on top."""

from __future__ import annotations

from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.habits import BESIDE, INSIDE, Habits
from coreason_budget.pricing.usage.told import NOTHING, Table, modalities

_PROMPT, _CACHED, _OUT, _TOOL = (modalities(form) for form in ("{}", "cached_{}", "{}_out", "tool_{}"))
_TABLE: Table = {
    "prompt_token_count": "prompt",
    "promptTokenCount": "prompt",
    "cached_content_token_count": "cached",
    "cachedContentTokenCount": "cached",
    "candidates_token_count": "output",
    "candidatesTokenCount": "output",
    "thoughts_token_count": "reasoning",
    "thoughtsTokenCount": "reasoning",
    "tool_use_prompt_token_count": "tools",
    "toolUsePromptTokenCount": "tools",
    "total_token_count": "total",
    "totalTokenCount": "total",
    "prompt_tokens_details": _PROMPT,
    "promptTokensDetails": _PROMPT,
    "cache_tokens_details": _CACHED,
    "cacheTokensDetails": _CACHED,
    "candidates_tokens_details": _OUT,
    "candidatesTokensDetails": _OUT,
    "tool_use_prompt_tokens_details": _TOOL,
    "toolUsePromptTokensDetails": _TOOL,
    # Of Claude, by Google's agent kit.
    "cache_creation_input_tokens": "written",
    "traffic_type": NOTHING,
    "trafficType": NOTHING,
}
ANSWER = Family(
    "google.answer",
    ("prompt_token_count", "promptTokenCount"),
    _TABLE,
    # Google's agent kit puts the counts of others under these names: their output contains the reasoning.
    Habits(cache=(INSIDE,), reasoning=(BESIDE, INSIDE), loses_writes="inside"),
)
