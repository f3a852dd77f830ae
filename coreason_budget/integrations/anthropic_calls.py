"""Anthropic's language: what a message asks, what its answer and its events tell, and where its output limit stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from coreason_budget.errors import InvalidAmountError
from coreason_budget.integrations.attempt import Event, EventRead, Progress
from coreason_budget.integrations.bounds import are_functions, bytes_of, strings
from coreason_budget.integrations.guarding import STANDARD, Ask
from coreason_budget.pricing import PricingEngine

JSON: TypeAlias = dict[str, Any]

MESSAGES, BATCHES = "/v1/messages", "/v1/messages/batches"
# Thinking has a budget of its own, of so many tokens at least, below the limit.
_LEAST_THINKING = 1024
_HIDDEN = {
    "mcp_servers": "it has tools that run at the provider",
    "container": "it goes on in a container",
    "fallbacks": "it may fall back to another model",
}
_NO_TEXT = frozenset({"type", "signature"})
_FREE = re.compile(r"/v1/(messages/count_tokens|messages/batches/[^/]+/cancel|files|skills(/.*)?)$")
# Blocks of an answer that stand for more than their text.
_HIDING = ("thinking", "redacted_thinking", "server_tool_use", "mcp_tool_use", "compaction")


def path_of(url: str) -> str:
    """Give the path of a call, without what a beta adds to it."""
    return urlsplit(url).path


def is_free(method: str, url: str) -> bool:
    """Say whether a call costs nothing: reading, and what is known to."""
    return method.lower() != "post" or _FREE.search(path_of(url)) is not None


def ask_of(path: str, body: JSON, pricing: PricingEngine, provider: str | None) -> Ask:
    """Tell what a call asks."""
    if path == BATCHES:
        why, cost = "a request of its batch has a part that is not text", _Batch(body, pricing, provider)
        return Ask(None, lambda _: None, why_hidden=why, is_late=True, most_usd=cost.most_usd)
    return _message(body, pricing)


def progress_of(body: JSON) -> Progress:
    """What its stream has told before it begins."""
    thinking = body.get("thinking")
    is_thinking = isinstance(thinking, Mapping) and thinking.get("type") != "disabled"
    return Progress(_read, _merge, is_countable=not is_thinking)


def write_limit(body: JSON, limit: int) -> None:
    """Write the output limit, and below it the part of it that is for thinking."""
    body["max_tokens"] = limit
    if _thinking_budget(body) >= limit:
        body["thinking"] = {**body["thinking"], "budget_tokens": limit - 1}


def _message(body: JSON, pricing: PricingEngine) -> Ask:
    system, said = body.get("system"), body.get("messages")
    beside = [body.get("tools"), body.get("output_config"), body.get("output_format")]
    bound = bytes_of([system, said], *beside)

    def read(model: str) -> int | None:
        try:
            messages = [{"role": "system", "content": system}] * bool(system) + list(said or ())
            return pricing.prompt_tokens(model, messages=messages, tools=[one for one in beside if one] or None)
        except InvalidAmountError:
            return bound

    why = next((reason for name, reason in _HIDDEN.items() if body.get(name)), "")
    if not why and not are_functions(body.get("tools")):
        why = "it has tools of the provider's"
    if not why and bound is None:
        why = "its input has a part that is not text"
    least = _LEAST_THINKING + 1 if _thinking_budget(body) else 1
    return Ask(body.get("model"), read, body.get("max_tokens"), 1, _service(body), why, least)


def _service(body: JSON) -> str:
    told = (body.get("speed"), body.get("inference_geo"))
    return "_".join(word for word in told if word not in (None, STANDARD, "global")) or STANDARD


def _thinking_budget(body: JSON) -> int:
    thinking = body.get("thinking")
    return (thinking.get("budget_tokens") or 0) if isinstance(thinking, Mapping) else 0


class _Batch:
    """The requests of a batch, each bounded by itself."""

    def __init__(self, body: JSON, pricing: PricingEngine, provider: str | None) -> None:
        self._requests = [dict(one.get("params") or {}) for one in body.get("requests") or ()]
        self._pricing, self._prefix = pricing, "" if provider is None else f"{provider}/"

    def most_usd(self) -> Decimal | None:
        costs = [self._most(body) for body in self._requests]
        return sum((cost for cost in costs if cost is not None), Decimal(0)) if None not in costs else None

    def _most(self, body: JSON) -> Decimal | None:
        ask = _message(body, self._pricing)
        model = f"{self._prefix}{ask.model}"
        read = None if ask.why_hidden else ask.input_tokens(model)
        if read is None:
            return None
        return self._pricing.estimate(model, input_tokens=read, max_output_tokens=ask.output_limit, service="batch")


def _read(event: Event) -> EventRead:
    kind = event.get("type")
    if kind == "message_start":
        return EventRead(has_usage=True)
    if kind == "message_delta":
        ended = (event.get("delta") or {}).get("stop_reason") is not None
        return EventRead(has_usage=event.get("usage") is not None, is_last=ended)
    if kind == "content_block_start":
        block = event.get("content_block") or {}
        return EventRead("".join(strings(block.get("text") or "", _NO_TEXT)), hides=block.get("type") in _HIDING)
    return EventRead("".join(strings(event.get("delta") or "", _NO_TEXT)))


def _merge(usages: list[Event], counted: int) -> object | None:
    """Give the message as it stood: what was read is told by its start, and what was written is counted."""
    started = next((event["message"] for event in usages if event.get("type") == "message_start"), None)
    return None if started is None else {**started, "usage": {**started["usage"], "output_tokens": counted}}
