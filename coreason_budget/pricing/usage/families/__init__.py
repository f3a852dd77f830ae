"""The families of usage, each a table of what its fields mean; the more particular before the more general."""

from __future__ import annotations

from coreason_budget.pricing.usage.families import (
    agent_framework,
    agno,
    ai_sdk,
    anthropic,
    bedrock,
    codex,
    cohere,
    crewai,
    dspy,
    google,
    haystack,
    langchain,
    mirascope,
    openai,
    openai_agents,
    others,
    pydantic_ai,
    xai,
)
from coreason_budget.pricing.usage.family import Families

FAMILIES = Families(
    (
        codex.TURN,
        anthropic.MESSAGE,
        crewai.METRICS,
        haystack.GEMINI,
        xai.SAMPLING,
        xai.RESPONSES,
        openai.PERPLEXITY,
        openai.MISTRAL,
        openai.CHAT,
        openai_agents.RUN,
        langchain.USAGE,
        mirascope.USAGE,
        agno.METRICS,
        agno.CHAT,
        dspy.USAGE,
        pydantic_ai.CHAT,
        pydantic_ai.USAGE,
        openai.RESPONSES,
        bedrock.LLAMA,
        google.ANSWER,
        google.INTERACTION,
        ai_sdk.DETAILED,
        ai_sdk.PLAIN,
        bedrock.CONVERSE,
        bedrock.HEADERS,
        bedrock.METRICS,
        bedrock.TITAN,
        agent_framework.ANTHROPIC,
        agent_framework.DETAILS,
        cohere.BILLED,
        cohere.TOKENS,
        openai.DURATION,
        others.OLLAMA,
        others.EMBEDDING,
    )
)
