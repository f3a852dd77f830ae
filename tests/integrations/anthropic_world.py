"""Anthropic's provider in the process, and clients of it."""

from __future__ import annotations

from typing import Any

from anthropic import Anthropic, AsyncAnthropic

from coreason_budget import BudgetManager
from coreason_budget.integrations.anthropic import guard
from tests.integrations.books import USER
from tests.integrations.provider import JSON, TEXT, Events, Fate, Provider, async_http, http, sse
from tests.shapes.fake.anthropic import message
from tests.shapes.fake.bill import bill

SONNET = "claude-sonnet-5"
READ = 45
LIMIT = 8
ASKED = {"model": SONNET, "max_tokens": LIMIT, "messages": [{"role": "user", "content": "hello"}]}
USAGE = {"input_tokens": READ, "output_tokens": len(TEXT)}


def answer(asked: JSON, path: str) -> JSON | Events:
    """The provider's part: a message, plain or streamed."""
    document = message(SONNET, USAGE, content=[{"type": "text", "text": TEXT}])
    return events(document) if asked.get("stream") else document


def events(document: JSON) -> Events:
    """A message's stream: the start tells what was read."""
    begun = {**document, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    said = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": one}} for one in TEXT]
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE}
    return sse(
        (0, {"type": "message_start", "message": begun}),
        (0, block),
        *[(1, one) for one in said],
        (0, {"type": "content_block_stop", "index": 0}),
        (0, end),
        (0, {"type": "message_stop"}),
        named=True,
    )


def provider_of(*fates: Fate, **more: Any) -> Provider:
    """A provider with a bill of its own. A try that nobody hears of may have been written to the cache for an hour."""
    return Provider(
        answer,
        lambda read, written: bill(SONNET, input=read, output=written),
        READ,
        lambda asked: asked["max_tokens"],
        list(fates) or ["answer"],
        worst=lambda read, written: bill(SONNET, cache_write_1h=read, output=written),
        **more,
    )


def bare(provider: Provider, is_async: bool) -> Any:
    """The client that a user has."""
    if is_async:
        return AsyncAnthropic(api_key="none", base_url="http://provider", http_client=async_http(provider))
    return Anthropic(api_key="none", base_url="http://provider", http_client=http(provider))


def client_of(provider: Provider, budget: BudgetManager, is_async: bool, **how: Any) -> Any:
    """And the same, guarded."""
    return guard(bare(provider, is_async), budget, user_id=USER, **how)
