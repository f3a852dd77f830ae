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


def response(model: str, usage: JSON, *, output: list[JSON] | None = None, **beside: Any) -> JSON:
    """A Response; ``output`` is what it lists beside its message, ``beside`` stands at the top level."""
    text = {"type": "output_text", "text": "hello", "annotations": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    head = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": model}
    asked = {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "error": None}
    return {**head, **asked, "output": [*(output or []), message], "usage": usage, **beside}


def response_events(document: JSON) -> list[JSON]:
    """The same streamed: only the last event has the usage."""
    begun = {**document, "status": "in_progress", "output": [], "usage": None}
    return [
        {"type": "response.created", "sequence_number": 0, "response": begun},
        {"type": "response.completed", "sequence_number": 1, "response": document},
    ]


def responses(document: JSON) -> Answer:
    """A Response, plain or streamed as it is asked for."""
    return either(as_json(document), as_events(response_events(document), named=True, done=False))


RESPONSE_USAGE: JSON = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 0},
    "output_tokens": 300,
    "output_tokens_details": {"reasoning_tokens": 200},
    "total_tokens": 1300,
}
"""The same as of the chat: 400 fresh, 600 cached, 100 written, 200 thought."""

WEB_SEARCH: JSON = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
WEB_SEARCH |= {"action": {"type": "search", "query": "weather", "queries": ["weather"]}}
FILE_SEARCH: JSON = {"id": "fs_1", "type": "file_search_call", "status": "completed", "queries": ["weather"]}
CODE: JSON = {
    "id": "ci_1",
    "type": "code_interpreter_call",
    "status": "completed",
    "container_id": "cntr_1",
    "code": "1",
}


def tool_usage(*, searches: int = 0, image_input: int = 0, image_output: int = 0) -> JSON:
    """What a Response says of its tools beside its usage."""
    image = {
        "input_tokens": image_input,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": image_input},
        "output_tokens": image_output,
        "output_tokens_details": {"image_tokens": image_output, "text_tokens": 0},
        "total_tokens": image_input + image_output,
    }
    return {"image_gen": image, "web_search": {"num_requests": searches}}
