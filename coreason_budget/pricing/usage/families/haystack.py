"""Haystack's ``meta["usage"]`` of Gemini: Google's counts, and three of them again by OpenAI's names."""

from __future__ import annotations

from coreason_budget.pricing.usage.families.google import ANSWER
from coreason_budget.pricing.usage.family import Family

_AGAIN = {"prompt_tokens": "prompt", "completion_tokens": "output", "total_tokens": "total"}
GEMINI = Family(
    "haystack.gemini",
    ("prompt_tokens",),
    {**ANSWER.table, **_AGAIN},
    ANSWER.habits,
    is_it=lambda fields: "prompt_token_count" in fields,
)
