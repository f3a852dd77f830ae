"""pydantic-ai's usages of a request and of a run: the input contains the cache for every provider.

An hour's writes are a share of all writes. Its cost is its own estimate, by another price table, whose units are
fields too.
"""

from __future__ import annotations

from typing import Any

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.buckets import check_seconds
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields, fields_of, is_absent
from coreason_budget.pricing.usage.habits import APART, BESIDE, INSIDE, Habits
from coreason_budget.pricing.usage.told import NOTHING, Table, Told


def _unmeasured(told: Told, value: Any, name: str) -> None:
    if value:
        raise InvalidAmountError(f"{name}: {value} requests told no usage, so the counts are not all", field=name)


def _seconds(told: Told, value: Any, name: str) -> None:
    if value:
        told.counts["per_second"] = check_seconds(value, name)


# What a provider told beside: the same counts again by its own names, kinds of text, and its tools.
_DETAILS: Table = {
    "ephemeral_5m_input_tokens": "written_5m",
    "ephemeral_1h_input_tokens": "written_1h",
    "web_search_requests": "web_search",
    "server_side_tools_web_search": "web_search",
    "server_side_tools_x_search": "x_search",
    "server_side_tools_code_execution": "code_execution",
    "image_prompt_tokens": "image",
    "video_prompt_tokens": "video",
    "image_candidates_tokens": "image_out",
    **dict.fromkeys(
        (
            "accepted_prediction_tokens",
            "rejected_prediction_tokens",
            "num_sources_used",
            "input_tokens",
            "output_tokens",
            "reasoning_tokens",
            "audio_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
            "cached_content_tokens",
            "thoughts_tokens",
            "tool_use_prompt_tokens",
            "text_prompt_tokens",
            "text_cache_tokens",
            "text_candidates_tokens",
            "text_tool_use_prompt_tokens",
            "document_prompt_tokens",
            "document_cache_tokens",
            "audio_prompt_tokens",
            "audio_cache_tokens",
            "audio_candidates_tokens",
            "image_cache_tokens",
            "video_cache_tokens",
            "web_fetch_requests",
            "server_side_tools_mcp_server",
        ),
        NOTHING,
    ),
}
_TABLE: Table = {
    "input_tokens": "prompt",
    "output_tokens": "output",
    "cache_read_tokens": "cached",
    "cache_write_tokens": "written",
    "cache_write_5m_tokens": "written_5m",
    "cache_write_1h_tokens": "written_1h",
    "output_reasoning_tokens": "reasoning",
    "input_audio_tokens": "audio",
    "input_image_tokens": "image",
    "input_video_tokens": "video",
    "cache_audio_read_tokens": "cached_audio",
    "cache_image_read_tokens": "cached_image",
    "output_audio_tokens": "audio_out",
    "output_image_tokens": "image_out",
    "audio_seconds": _seconds,
    "web_searches": "web_search",
    "social_searches": "x_search",
    "storage_searches": "file_search",
    "code_executions": "code_execution",
    "details": _DETAILS,
    "requests": "requests",
    "unmeasured_requests": _unmeasured,
    **dict.fromkeys(
        (
            "input_text_tokens",
            "output_text_tokens",
            "cache_text_read_tokens",
            "cache_text_write_tokens",
            "cache_text_write_5m_tokens",
            "cache_text_write_1h_tokens",
            "input_tool_tokens",
            "input_text_tool_tokens",
            "output_text_reasoning_tokens",
            "tool_calls",
            "cost",
        ),
        NOTHING,
    ),
}
_MARKS = ("output_reasoning_tokens", "cache_write_tokens", "cache_read_tokens", "details", "unmeasured_requests")
_NEEDS = (("input_tokens", "output_tokens"),)


def _is_request(fields: Fields) -> bool:
    details = fields.get("details")
    has_counts = not is_absent(fields.get("input_tokens")) or not is_absent(fields.get("output_tokens"))
    return has_counts and (is_absent(details) or all(type(value) is int for value in fields_of(details).values()))


def _is_chat(fields: Fields) -> bool:
    """Tell what came in the shape of OpenAI's chat, whose reasoning stands where the maker of the model puts it."""
    return _is_request(fields) and "accepted_prediction_tokens" in fields_of(fields.get("details"))


CHAT = Family(
    "pydantic_ai.chat",
    ("details",),
    _TABLE,
    Habits(cache=(INSIDE,), reasoning=(INSIDE, BESIDE)),
    _NEEDS,
    _is_chat,
    tells_cost=False,
)


def _with_total(family: Family, fields: Fields, told: Told, service: str) -> None:
    """Its own total is input and output: reasoning is in the output, unless it is more than that."""
    told.counts["total"] = told.counts.get("prompt", 0) + told.counts.get("output", 0)


USAGE = Family(
    "pydantic_ai.usage",
    _MARKS,
    _TABLE,
    Habits(cache=(INSIDE,), reasoning=(INSIDE, APART)),
    _NEEDS,
    _is_request,
    _with_total,
    tells_cost=False,
)
