"""OpenAI's answers and streams, and those of all who speak its language."""

from __future__ import annotations

from typing import Any, TypeAlias

from tests.shapes.fake.server import Answer, as_events, as_json, either

JSON: TypeAlias = dict[str, Any]

CHAT_USAGE: JSON = {
    "prompt_tokens": 1000,
    "completion_tokens": 300,
    "total_tokens": 1300,
    "prompt_tokens_details": {"cached_tokens": 600, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": 0},
}
"""400 fresh, 600 cached, 100 written, 200 thought."""


def completion(model: str, usage: JSON, *, message: JSON | None = None, **beside: Any) -> JSON:
    """A chat completion; ``beside`` stands at the top level, as ``service_tier`` does."""
    said = {"role": "assistant", "content": "hello", **(message or {})}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    return {**_head(model, "chat.completion"), "choices": [choice], "usage": usage, **beside}


def chunks(model: str, usage: JSON, *, delta: JSON | None = None, **beside: Any) -> list[JSON]:
    """The same streamed: the text, its end, and a last chunk that has the usage and no choice."""
    head = {**_head(model, "chat.completion.chunk"), **beside}
    said = {"role": "assistant", "content": "hello", **(delta or {})}
    return [
        {**head, "choices": [{"index": 0, "delta": said, "finish_reason": None}], "usage": None},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": None},
        {**head, "choices": [], "usage": usage},
    ]


def chat(model: str, usage: JSON, **more: Any) -> Answer:
    """A chat completion, plain or streamed as it is asked for."""
    spoken = {("delta" if name == "message" else name): value for name, value in more.items()}
    return either(as_json(completion(model, usage, **more)), as_events(chunks(model, usage, **spoken)))


def _head(model: str, kind: str) -> JSON:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": model}
