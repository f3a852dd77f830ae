"""All providers of frameworks behind one URL: each model's answers use the same amounts, with a tool call if asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from tests.shapes.fake.anthropic import MESSAGE_USAGE, message
from tests.shapes.fake.bedrock import CONVERSE_USAGE, converse, frames
from tests.shapes.fake.bill import Bill, bill
from tests.shapes.fake.openai import chunks, completion, response
from tests.shapes.fake.server import Answer, Reply, as_events, as_json, provider

JSON: TypeAlias = dict[str, Any]

GPT, SOL, CLAUDE, GEMINI, GROK = "gpt-4o", "gpt-5.6-sol", "claude-sonnet-4-5", "gemini-2.5-pro", "grok-4"
BEDROCK = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ASK = "use the tool"
"""A prompt that makes the provider call the first tool that it is given, once."""
SAID = "TOOL_RESULT"
"""What a tool must answer, so that the provider ends."""

_WRITTEN = {"input": 50, "cache_read": 2000, "output": 300}
BILLS: dict[str, Bill] = {
    "gpt": bill(GPT, input=400, cache_read=600, output=100, reasoning=200),
    "sol": bill(SOL, input=300, cache_read=600, cache_write=100, output=100, reasoning=200),
    "claude": bill(CLAUDE, cache_write=500, cache_write_1h=200, web_search=2, **_WRITTEN),
    "claude without searches": bill(CLAUDE, cache_write=500, cache_write_1h=200, **_WRITTEN),
    "gemini": bill(GEMINI, input=620, cache_read=400, output=100, reasoning=50),
    "grok": bill(GROK, input=400, cache_read=600, output=100, reasoning=200),
    "bedrock": bill(f"bedrock/{BEDROCK}", cache_write=500, cache_write_1h=200, **_WRITTEN),
}
"""What an answer of each model costs."""

_CHAT: dict[str, JSON] = {
    GPT: {
        "prompt_tokens": 1000,
        "completion_tokens": 300,
        "total_tokens": 1300,
        "prompt_tokens_details": {"cached_tokens": 600, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 200,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    },
    # xAI counts reasoning beside the completion.
    GROK: {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1300,
        "prompt_tokens_details": {"text_tokens": 1000, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 600},
        "completion_tokens_details": {
            "reasoning_tokens": 200,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "num_sources_used": 0,
    },
}
_RESPONSE: JSON = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100},
    "output_tokens": 300,
    "output_tokens_details": {"reasoning_tokens": 200},
    "total_tokens": 1300,
}
_GEMINI: JSON = {
    "promptTokenCount": 1000,
    "cachedContentTokenCount": 400,
    "candidatesTokenCount": 100,
    "thoughtsTokenCount": 50,
    "toolUsePromptTokenCount": 20,
    "totalTokenCount": 1170,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1000}],
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 400}],
    "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 100}],
    "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
}
_ARGUMENTS = {"city": "Paris"}


@contextmanager
def world() -> Iterator[str]:
    """Serve all providers, and give the URL: ``/v1`` is OpenAI's, Anthropic's and xAI's, ``/v1beta`` Google's."""
    answers: dict[str, Answer] = {
        "/chat/completions": _chat,
        "/responses": _responses,
        "/messages": _messages,
        ":generateContent": _contents(streamed=False),
        ":streamGenerateContent": _contents(streamed=True),
        "/converse": _converse(streamed=False),
        f"/models/{GEMINI}": as_json({"name": f"models/{GEMINI}", "inputTokenLimit": 10**6, "outputTokenLimit": 1000}),
        "/converse-stream": _converse(streamed=True),
    }
    with provider(answers) as url:
        yield url


def _tool(request: JSON, names: Callable[[JSON], Iterator[str]]) -> str | None:
    """Name the tool to call, None if none is to be called, or it has answered."""
    said = json.dumps(request)
    return next(names(request), None) if ASK in said and SAID not in said else None


def _chat(request: JSON) -> Reply:
    model = request["model"].rpartition("/")[2]
    name = _tool(request, lambda asked: (tool["function"]["name"] for tool in asked.get("tools", ())))
    function = {"name": name, "arguments": json.dumps(_ARGUMENTS)}
    call = {"index": 0, "id": "call_1", "type": "function", "function": function}
    said: JSON = {"content": '{"answer": "hello"}'} if name is None else {"content": None, "tool_calls": [call]}
    if not request.get("stream"):
        return as_json(completion(model, _CHAT[model], message=said, service_tier="default"))
    events = chunks(model, _CHAT[model], delta=said, service_tier="default")
    told = (request.get("stream_options") or {}).get("include_usage")
    return as_events(events if told else events[:-1])


def _responses(request: JSON) -> Reply:
    tools = [tool for tool in request.get("tools", ()) if tool["type"] == "function"]
    name = _tool(request, lambda _: (tool["name"] for tool in tools))
    arguments = json.dumps(_ARGUMENTS)
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": name, "arguments": arguments}
    document = response(request["model"], _RESPONSE, service_tier="default")
    if name is not None:
        document["output"] = [{**call, "status": "completed"}]
    if not request.get("stream"):
        return as_json(document)
    begun = {**document, "status": "in_progress", "output": [], "usage": None}
    events: list[JSON] = [{"type": "response.created", "response": begun}]
    for index, item in enumerate(document["output"]):
        events += [
            {"type": f"response.output_item.{what}", "output_index": index, "item": item} for what in ("added", "done")
        ]
    events.append({"type": "response.completed", "response": document})
    return as_events([{**event, "sequence_number": n} for n, event in enumerate(events)], named=True, done=False)


def _messages(request: JSON) -> Reply:
    name = _tool(request, lambda asked: (tool["name"] for tool in asked.get("tools", ())))
    document = message(request["model"], MESSAGE_USAGE)
    block: JSON = {"type": "tool_use", "id": "toolu_1", "name": name, "input": _ARGUMENTS}
    if name is not None:
        document |= {"content": [block], "stop_reason": "tool_use"}
    return _message_events(document) if request.get("stream") else as_json(document)


def _message_events(document: JSON) -> Reply:
    (block,) = document["content"]
    empty = {**block, "input": {}} if block["type"] == "tool_use" else {**block, "text": ""}
    delta = {"type": "text_delta", "text": block.get("text", "")}
    if block["type"] == "tool_use":
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    usage = document["usage"]
    begun = {**document, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    begun["usage"].pop("server_tool_use")
    told = {name: count for name, count in usage.items() if name not in ("cache_creation", "service_tier")}
    end = {"stop_reason": document["stop_reason"], "stop_sequence": None}
    events = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": told},
        {"type": "message_stop"},
    ]
    return as_events(events, named=True, done=False)


def _contents(*, streamed: bool) -> Answer:
    def answer(request: JSON) -> Reply:
        name = _tool(request, _declared)
        part: JSON = {"text": "hello"} if name is None else {"functionCall": {"name": name, "args": _ARGUMENTS}}
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        document = {"candidates": [candidate], "usageMetadata": _GEMINI, "modelVersion": GEMINI, "responseId": "r"}
        return as_events([document], done=False) if streamed else as_json(document)

    return answer


def _declared(request: JSON) -> Iterator[str]:
    for tool in request.get("tools", ()):
        for function in tool.get("functionDeclarations") or tool.get("function_declarations") or ():
            yield function["name"]


def _converse(*, streamed: bool) -> Answer:
    def answer(request: JSON) -> Reply:
        tools = (request.get("toolConfig") or {}).get("tools", ())
        name = _tool(request, lambda _: (tool["toolSpec"]["name"] for tool in tools if "toolSpec" in tool))
        return _converse_events(name) if streamed else _converse_answer(name)

    return answer


def _converse_answer(name: str | None) -> Reply:
    document = converse(CONVERSE_USAGE)
    if name is not None:
        use = {"toolUse": {"toolUseId": "t1", "name": name, "input": _ARGUMENTS}}
        document["output"]["message"]["content"] = [use]
        document["stopReason"] = "tool_use"
    return as_json(document)


def _converse_events(name: str | None) -> Reply:
    said: list[tuple[str, JSON]] = [("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hello"}})]
    if name is not None:
        start = {"toolUse": {"toolUseId": "t1", "name": name}}
        called = {"toolUse": {"input": json.dumps(_ARGUMENTS)}}
        said = [
            ("contentBlockStart", {"contentBlockIndex": 0, "start": start}),
            ("contentBlockDelta", {"contentBlockIndex": 0, "delta": called}),
        ]
    end = "end_turn" if name is None else "tool_use"
    return frames(
        [
            ("messageStart", {"role": "assistant"}),
            *said,
            ("contentBlockStop", {"contentBlockIndex": 0}),
            ("messageStop", {"stopReason": end}),
            ("metadata", {"usage": CONVERSE_USAGE, "metrics": {"latencyMs": 9}}),
        ]
    )
