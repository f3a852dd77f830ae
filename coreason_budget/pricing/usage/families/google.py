"""Google's answers: the prompt contains cached tokens, the output excludes thoughts, tools come on top."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields, fields_of, items_of, word
from coreason_budget.pricing.usage.habits import BESIDE, INSIDE, Habits
from coreason_budget.pricing.usage.report import Part
from coreason_budget.pricing.usage.told import NOTHING, Table, Told, modalities, refuse_counts

_PROMPT, _CACHED, _OUT, _TOOL = (modalities(form) for form in ("{}", "cached_{}", "{}_out", "tool_{}"))
_TABLE: Table = {
    "prompt_token_count": "prompt",
    "promptTokenCount": "prompt",
    "cached_content_token_count": "cached",
    "cachedContentTokenCount": "cached",
    "candidates_token_count": "output",
    "candidatesTokenCount": "output",
    # The same of the Live interface.
    "response_token_count": "output",
    "responseTokenCount": "output",
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
    "response_tokens_details": _OUT,
    "responseTokensDetails": _OUT,
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

_TOOLS = {"google_search": "web_search", "google_maps": "maps_grounding"}


def _tools(told: Told, value: Any, name: str) -> None:
    """Read how often an interaction was grounded, by the tool."""
    for item in items_of(value, name):
        fields = fields_of(item)
        tool = word(fields.get("type"), name)
        refuse_counts(name, {key: number for key, number in fields.items() if key not in ("type", "count")})
        if fields.get("count") and tool not in _TOOLS:
            raise InvalidAmountError(f"{name}: {tool!r} has no known price; pass cost=", field=name)
        if tool in _TOOLS:
            told.add(_TOOLS[tool], fields.get("count") or 0, name)


def _turns(family: Family, _: Fields, told: Told, service: str) -> tuple[Part, ...] | None:
    """Tell a sum: the package adds up the requests that continue an interaction, and keeps the first one's prompt."""
    first = told.counts.pop("first_prompt", None)
    if not first or first == told.counts.get("prompt"):
        return None
    return (evolve(family.part(told, service), requests=None),)


INTERACTION = Family(
    "google.interaction",
    ("total_input_tokens",),
    {
        "total_input_tokens": "prompt",
        "initial_input_tokens": "first_prompt",
        "total_cached_tokens": "cached",
        "total_output_tokens": "output",
        "total_thought_tokens": "reasoning",
        "total_tool_use_tokens": "tools",
        "total_tokens": "total",
        "input_tokens_by_modality": _PROMPT,
        "cached_tokens_by_modality": _CACHED,
        "output_tokens_by_modality": _OUT,
        "tool_use_tokens_by_modality": _TOOL,
        "grounding_tool_count": _tools,
    },
    Habits(cache=(INSIDE,), reasoning=(BESIDE,)),
    needs=(("total_input_tokens",), ("total_output_tokens",)),
    parts=_turns,
)
