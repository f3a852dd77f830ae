"""Anthropic's messages: the input count excludes cache reads and writes."""

from __future__ import annotations

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing.buckets import Usage, minus
from coreason_budget.pricing.usage.node import Node

_OWN = ("cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use")


def is_message(node: Node) -> bool:
    """Tell whether a usage with ``input_tokens`` is Anthropic's: it has a field that only Anthropic has.

    Raises:
        InvalidAmountError: It has OpenAI's too, so that nobody knows what its input contains.
    """
    own = any(node.get(name) is not None for name in _OWN)
    if own and node.child("input_tokens_details").get("cached_tokens") is not None:
        raise InvalidAmountError("input_tokens_details: beside Anthropic's fields", field="input_tokens_details")
    return own


def message(node: Node) -> Usage:
    """Read the usage of a message."""
    split = node.child("cache_creation")
    short, hour = split.count("ephemeral_5m_input_tokens"), split.count("ephemeral_1h_input_tokens")
    written = node.count("cache_creation_input_tokens")
    if split.value is None:
        short = written
    elif short + hour != written and node.get("cache_creation_input_tokens") is not None:
        field = "cache_creation_input_tokens"
        raise InvalidAmountError(f"{field}: {written} is not 5m + 1h, {short} + {hour}", field=field)
    output = node.count("output_tokens", required=True)
    thinking = node.child("output_tokens_details").count("thinking_tokens")
    return Usage(
        input=node.count("input_tokens", required=True),
        cache_read=node.count("cache_read_input_tokens"),
        cache_write=short,
        cache_write_1h=hour,
        output=minus(output, thinking, "thinking_tokens", "output_tokens"),
        reasoning=thinking,
        web_search=node.child("server_tool_use").count("web_search_requests"),
        service=node.service(),
    )
