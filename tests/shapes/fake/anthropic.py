"""Anthropic's messages and their streams, of which only the start tells how long a cache is kept."""

from __future__ import annotations

from typing import Any, TypeAlias

from tests.shapes.fake.server import Answer, as_events, as_json, either

JSON: TypeAlias = dict[str, Any]

MESSAGE_USAGE: JSON = {
    "input_tokens": 50,
    "cache_read_input_tokens": 2000,
    "cache_creation_input_tokens": 700,
    "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
    "output_tokens": 300,
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
    "service_tier": "standard",
}
"""50 fresh, 2000 read, 500 written for 5 minutes and 200 for an hour, 300 written, 2 searches; a fetch is free."""

# What a message_delta tells; the rest stands in message_start alone.
_CUMULATIVE = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
_CUMULATIVE += ("server_tool_use", "output_tokens_details", "iterations")


def message(model: str, usage: JSON, **beside: Any) -> JSON:
    """A message; ``beside`` stands at the top level."""
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": model}
    said = {"content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn", "stop_sequence": None}
    return {**head, **said, "usage": usage, **beside}


def message_events(document: JSON, *, grown: JSON | None = None) -> list[JSON]:
    """The same streamed; ``grown`` are the counts that have changed since the start."""
    usage = document["usage"]
    begun = {**document, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    begun["usage"].pop("server_tool_use", None)
    begun["usage"].pop("iterations", None)
    told = {name: usage[name] for name in _CUMULATIVE if name in usage} | (grown or {})
    return [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": told},
        {"type": "message_stop"},
    ]


def messages(document: JSON, *, grown: JSON | None = None) -> Answer:
    """A message, plain or streamed as it is asked for."""
    events = message_events(document, grown=grown)
    return either(as_json(document), as_events(events, named=True, done=False))


def iteration(kind: str, model: str | None = None, **counts: int) -> JSON:
    """One pass of a beta answer: ``message``, ``compaction``, ``advisor_message`` or ``fallback_message``."""
    none = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "cache_creation": None}
    return {"type": kind, **none, **counts, **({} if model is None else {"model": model})}
