"""The families of usage, each a table of what its fields mean; the more particular before the more general."""

from __future__ import annotations

from coreason_budget.pricing.usage.families import anthropic, bedrock, cohere, google, openai
from coreason_budget.pricing.usage.family import Families

FAMILIES = Families(
    (
        anthropic.MESSAGE,
        openai.PERPLEXITY,
        openai.MISTRAL,
        openai.CHAT,
        openai.RESPONSES,
        google.ANSWER,
        bedrock.CONVERSE,
        cohere.BILLED,
        cohere.TOKENS,
        openai.DURATION,
    )
)
