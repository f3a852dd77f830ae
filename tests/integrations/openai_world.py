"""OpenAI's provider in the process, and clients of it."""

from __future__ import annotations

from typing import Any

from openai import AsyncOpenAI, OpenAI

from coreason_budget import BudgetManager
from coreason_budget.integrations.openai import guard
from tests.integrations.books import USER
from tests.integrations.provider import JSON, TEXT, Events, Fate, Provider, async_http, http, sse
from tests.shapes.fake.bill import bill
from tests.shapes.fake.openai import completion, response

READ = 45
"""What the provider counts of the prompt: all that there can be, as bytes bound it."""
LIMIT = 8
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}], "max_completion_tokens": LIMIT}
ASKED = {"model": "gpt-4o", "input": "hello", "max_output_tokens": LIMIT}
CHAT_USAGE = {"prompt_tokens": READ, "completion_tokens": len(TEXT), "total_tokens": READ + len(TEXT)}
USAGE = {"input_tokens": READ, "output_tokens": len(TEXT), "total_tokens": READ + len(TEXT)}
USAGE |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
HEAD = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-2024-08-06"}


def answer(asked: JSON, path: str) -> JSON | Events:
    """The provider's part: chat and responses, plain or streamed, usage of a chat's stream only if asked."""
    if path.endswith("/chat/completions"):
        whole = completion(HEAD["model"], CHAT_USAGE, message={"content": TEXT})
        return chunks(asked) if asked.get("stream") else whole
    document = response("gpt-4o-2024-08-06", USAGE)
    document["output"][0]["content"][0]["text"] = TEXT
    return events(document) if asked.get("stream") else document


def chunks(asked: JSON) -> Events:
    """A chat's stream."""
    said = [(1, choice(delta={"role": "assistant", "content": letter}, finish_reason=None)) for letter in TEXT]
    end = [(0, choice(delta={}, finish_reason="stop"))]
    if (asked.get("stream_options") or {}).get("include_usage"):
        end.append((0, {**HEAD, "choices": [], "usage": CHAT_USAGE}))
    return sse(*said, *end, done=True)


def choice(**said: Any) -> JSON:
    """A chunk with one choice."""
    return {**HEAD, "choices": [{"index": 0, **said}]}


def events(document: JSON) -> Events:
    """A Response's stream."""
    begun = {**document, "status": "in_progress", "output": [], "usage": None}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    told = [
        (0, {"type": "response.created", "response": begun}),
        (0, {"type": "response.output_item.added", "output_index": 0, "item": item}),
        (0, {"type": "response.content_part.added", **place, "part": part}),
        *[(1, {"type": "response.output_text.delta", **place, "delta": letter, "logprobs": []}) for letter in TEXT],
        (0, {"type": "response.completed", "response": document}),
    ]
    return sse(*[(count, {**event, "sequence_number": n}) for n, (count, event) in enumerate(told)], named=True)


def provider_of(*fates: Fate, **more: Any) -> Provider:
    """A provider with a bill of its own."""
    return Provider(
        answer,
        lambda read, written: bill("gpt-4o", input=read, output=written),
        READ,
        lambda asked: asked.get("max_completion_tokens") or asked.get("max_output_tokens"),
        list(fates) or ["answer"],
        **more,
    )


def bare(provider: Provider, is_async: bool) -> Any:
    """The client that a user has."""
    if is_async:
        return AsyncOpenAI(api_key="none", base_url="http://provider/v1", http_client=async_http(provider))
    return OpenAI(api_key="none", base_url="http://provider/v1", http_client=http(provider))


def client_of(provider: Provider, budget: BudgetManager, is_async: bool, **how: Any) -> Any:
    """And the same, guarded."""
    return guard(bare(provider, is_async), budget, user_id=USER, **how)
