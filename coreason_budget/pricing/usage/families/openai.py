"""OpenAI's shapes, and those of everybody who speaks its language: the prompt contains cached tokens.

The completion contains reasoning, except where the total says otherwise (xAI, Gemini's own endpoint).
"""

from __future__ import annotations

from typing import Any

from coreason_budget.pricing.buckets import check_seconds
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields, word
from coreason_budget.pricing.usage.habits import APART, BESIDE, INSIDE, LEFT_OUT, Habits
from coreason_budget.pricing.usage.told import NOTHING, Table, Told, adds

_CACHED_KINDS: Table = {
    "text_tokens": "cached_text",
    "audio_tokens": "cached_audio",
    "image_tokens": "cached_image",
}
_BY_TIME: Table = {"ephemeral_5m_input_tokens": "written_5m", "ephemeral_1h_input_tokens": "written_1h"}
INPUT_DETAILS: Table = {
    "cached_tokens": "cached",
    "cache_read_input_tokens": "cached",
    "cache_write_tokens": "written",
    "cache_creation_tokens": "written",
    "cache_creation_input_tokens": "written",
    "cache_write_tokens_details": {"ttl_30m_tokens": "written_30m", "ttl_12h_tokens": "written_12h"},
    "cache_creation_token_details": {
        **_BY_TIME,
        "ephemeral_30m_input_tokens": "written_30m",
        "ephemeral_12h_input_tokens": "written_12h",
    },
    "text_tokens": "text",
    "audio_tokens": "audio",
    "image_tokens": "image",
    "video_tokens": "video",
    "cached_tokens_details": _CACHED_KINDS,
    "web_search_requests": "web_search",
    # LiteLLM: a share of Gemini's prompt.
    "tool_use_tokens": NOTHING,
}
OUTPUT_DETAILS: Table = {
    "reasoning_tokens": "reasoning",
    "thinking_tokens": "reasoning",
    "text_tokens": "text_out",
    "audio_tokens": "audio_out",
    "image_tokens": "image_out",
    # Shares of the completion that are billed with it.
    "accepted_prediction_tokens": NOTHING,
    "rejected_prediction_tokens": NOTHING,
}
_TOOLS: Table = {
    "web_search_calls": adds("web_search"),
    "x_search_calls": adds("web_search"),
    "code_interpreter_calls": "code_execution",
    "file_search_calls": "file_search",
    "document_search_calls": "file_search",
    "mcp_calls": NOTHING,
}
_BOTH: Table = {
    "total_tokens": "total",
    # Shares of the input, where they stand beside it: DashScope's, Cerebras'.
    "image_tokens": "image",
    "video_tokens": "video",
    "server_tool_use": {
        "web_search_requests": "web_search",
        "web_fetch_requests": NOTHING,
        "tool_search_requests": NOTHING,
    },
    "server_side_tool_usage_details": _TOOLS,
    "num_sources_used": NOTHING,
    "connector_tokens": "connectors",
    "connectors": {"web_search": "web_search"},
    # What the provider reports as its cost is read apart, by `reported_nanos`.
    "cost": NOTHING,
    "cost_details": NOTHING,
    "cost_in_usd_ticks": NOTHING,
    # Times and rates, no counts.
    "queue_time": NOTHING,
    "prompt_time": NOTHING,
    "completion_time": NOTHING,
    "total_time": NOTHING,
}


def _is_heard(fields: Fields) -> bool:
    return "prompt_audio_seconds" in fields


_CHAT: Table = {
    **_BOTH,
    "prompt_tokens": "prompt",
    "completion_tokens": "output",
    "prompt_tokens_details": INPUT_DETAILS,
    # Writer's.
    "prompt_token_details": INPUT_DETAILS,
    "input_tokens_details": INPUT_DETAILS,
    "completion_tokens_details": OUTPUT_DETAILS,
    "output_tokens_details": OUTPUT_DETAILS,
    "cached_tokens": "cached",
    "num_cached_tokens": "cached",
    "cache_read_input_tokens": "cached",
    "prompt_cache_hit_tokens": "cached",
    "prompt_cache_miss_tokens": "fresh",
    "cache_creation_input_tokens": "written",
    # Haystack's of Anthropic.
    "cache_creation": _BY_TIME,
    "reasoning_tokens": "reasoning",
}
CHAT = Family(
    "openai.chat",
    ("prompt_tokens",),
    _CHAT,
    Habits(cache=(INSIDE, LEFT_OUT), rest_is_reasoning=True),
    needs=(("prompt_tokens",), ("completion_tokens", "total_tokens")),
)
MISTRAL = Family(
    "mistral.chat",
    ("prompt_tokens",),
    {**_CHAT, "prompt_audio_seconds": "per_second"},
    needs=(("prompt_tokens",), ("completion_tokens", "total_tokens")),
    is_it=_is_heard,
    # Billed by the second beside the tokens; none told is none heard.
    untold={"per_second": 0},
)


def _search_context(told: Told, value: Any, name: str) -> None:
    told.counts["search_context"] = word(value, name) or None


# sonar-deep-research reads citations and reasons beside what its total counts.
PERPLEXITY = Family(
    "perplexity.chat",
    ("citation_tokens", "num_search_queries", "search_context_size"),
    {
        **_CHAT,
        "citation_tokens": "citations",
        "num_search_queries": "web_search",
        "search_context_size": _search_context,
    },
    Habits(reasoning=(APART,)),
    needs=(("prompt_tokens",), ("completion_tokens",)),
)
# Perplexity's, by either name.
_SEARCHES: Table = {"invocation": "web_search", "cost_usd": NOTHING}
RESPONSES = Family(
    "openai.responses",
    ("input_tokens",),
    {
        **_BOTH,
        "requests": "requests",
        "input_tokens": "prompt",
        "output_tokens": "output",
        "input_tokens_details": INPUT_DETAILS,
        "input_token_details": INPUT_DETAILS,
        "output_tokens_details": OUTPUT_DETAILS,
        "output_token_details": OUTPUT_DETAILS,
        # DashScope's generations, Perplexity's responses.
        "prompt_tokens_details": INPUT_DETAILS,
        "tool_calls_details": {"web_search": _SEARCHES, "search_web": _SEARCHES},
    },
    Habits(reasoning=(INSIDE, BESIDE)),
    needs=(("input_tokens",), ("output_tokens", "total_tokens")),
)


def _seconds(told: Told, value: Any, name: str) -> None:
    told.counts["per_second"] = check_seconds(value, name)


DURATION = Family("openai.duration", ("seconds",), {"seconds": _seconds}, needs=(("seconds",),))
FAMILIES = (PERPLEXITY, MISTRAL, CHAT, RESPONSES, DURATION)
