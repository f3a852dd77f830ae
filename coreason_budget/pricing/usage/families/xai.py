"""xAI's own: its package's message, which lists each use of a tool, and its responses, which count them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.usage.families.openai import RESPONSES as OPENAI_RESPONSES
from coreason_budget.pricing.usage.family import Family
from coreason_budget.pricing.usage.fields import Fields, fields_of, items_of
from coreason_budget.pricing.usage.habits import BESIDE, INSIDE, Habits
from coreason_budget.pricing.usage.report import Part
from coreason_budget.pricing.usage.told import NOTHING, Table, Told

_TOOLS = {
    "SERVER_SIDE_TOOL_WEB_SEARCH": "web_search",
    "SERVER_SIDE_TOOL_X_SEARCH": "x_search",
    "SERVER_SIDE_TOOL_CODE_EXECUTION": "code_execution",
    "SERVER_SIDE_TOOL_COLLECTIONS_SEARCH": "file_search",
    # Billed by the tokens alone.
    "SERVER_SIDE_TOOL_VIEW_IMAGE": NOTHING,
    "SERVER_SIDE_TOOL_VIEW_X_VIDEO": NOTHING,
    "SERVER_SIDE_TOOL_MCP": NOTHING,
}


def _used(told: Told, value: Any, name: str) -> None:
    """Count the uses of each tool: the list has an item for each.

    Raises:
        InvalidAmountError: A tool whose price is not known.
    """
    for tool, count in Counter(items_of(value, name)).items():
        role = _TOOLS.get(tool)
        if role is None:
            raise InvalidAmountError(f"{name}: {tool!r} is a tool without a known price; pass cost=", field=name)
        if role != NOTHING:
            told.add(role, count, name)


_TABLE: Table = {
    "prompt_tokens": "prompt",
    "prompt_text_tokens": "text",
    "prompt_image_tokens": "image",
    "cached_prompt_text_tokens": "cached",
    "completion_tokens": "output",
    "reasoning_tokens": "reasoning",
    "total_tokens": "total",
    "server_side_tools_used": _used,
    "num_sources_used": NOTHING,
    "cost_in_usd_ticks": NOTHING,
}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


SAMPLING = Family(
    "xai.sampling",
    ("prompt_text_tokens", "promptTextTokens", "cached_prompt_text_tokens", "cachedPromptTextTokens"),
    {**_TABLE, **{_camel(name): role for name, role in _TABLE.items()}},
    Habits(cache=(INSIDE,), reasoning=(BESIDE,)),
)


def _tools_are_told(_: Family, fields: Fields, told: Told, service: str) -> tuple[Part, ...] | None:
    """Hold the number of tools that ran to those that are told one by one, each with its fee."""
    name = "num_server_side_tools_used"
    used, calls = fields.get(name) or 0, fields_of(fields.get("server_side_tool_usage_details"))
    listed = sum(count for count in calls.values() if isinstance(count, int))
    if used > listed:
        raise InvalidAmountError(f"{name}: {used}, of which {listed} are told by their kind; pass cost=", field=name)
    return None


RESPONSES = Family(
    "xai.responses",
    ("num_server_side_tools_used",),
    {
        **OPENAI_RESPONSES.table,
        "num_server_side_tools_used": NOTHING,
        # The last of the requests that its tools made, a share of the counts.
        "context_details": NOTHING,
    },
    Habits(cache=(INSIDE,), reasoning=(INSIDE, BESIDE)),
    needs=OPENAI_RESPONSES.needs,
    parts=_tools_are_told,
)
