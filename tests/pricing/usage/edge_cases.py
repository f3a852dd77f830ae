"""Usages that told less, or elsewhere, than most: what they cost, or what the refusal of them names."""

from __future__ import annotations

from typing import Any

_CLAUDE = "claude-sonnet-4-5"
_SPLIT = {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200}
_ANTHROPIC = {
    "input_tokens": 50,
    "output_tokens": 300,
    "cache_read_input_tokens": 2000,
    "cache_creation_input_tokens": 700,
    "cache_creation": _SPLIT,
}
_UNSPLIT = {name: count for name, count in _ANTHROPIC.items() if name != "cache_creation"}
_START = {"type": "message_start", "message": {"model": _CLAUDE, "usage": {**_ANTHROPIC, "output_tokens": 1}}}
_DELTA = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 300}}
_METRICS = {
    "type": "message_stop",
    "amazon-bedrock-invocationMetrics": {
        "inputTokenCount": 50,
        "outputTokenCount": 300,
        "cacheReadInputTokenCount": 2000,
        "cacheWriteInputTokenCount": 700,
        "invocationLatency": 7,
    },
}
_GEMINI = {"promptTokenCount": 1000, "candidatesTokenCount": 300, "totalTokenCount": 1300}
_MAPS, _WEB = {"maps": {"uri": "m"}, "web": None}, {"web": {"uri": "w"}}
_OPENAI = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
_CHAT = {"prompt_tokens": 1000, "completion_tokens": 100}
_CODE = {"type": "code_interpreter_call", "container_id": "c"}
_HOSTED = {"type": "shell_call", "environment": {"type": "container_reference", "container_id": "c"}}


def _agent(**models: int) -> dict[str, Any]:
    """Give what Claude Code ends with: its main loop's usage, and the input of each model."""
    usage = {"input_tokens": 100, "output_tokens": 10, "server_tool_use": {"web_search_requests": 0}}
    by_model = {name: {"inputTokens": count, "outputTokens": 10 * (count == 100)} for name, count in models.items()}
    return {"type": "result", "num_turns": 3, "total_cost_usd": 0.5, "usage": usage, "modelUsage": by_model}


def _grounded(**metadata: Any) -> dict[str, Any]:
    return {"usageMetadata": _GEMINI, "candidates": [{"groundingMetadata": metadata}]}


def _response(*output: Any, memory: str | None = None) -> dict[str, Any]:
    tools = [{"type": "code_interpreter", "container": {"type": "auto", "memory_limit": memory}}]
    return {"usage": _OPENAI, "output": list(output), "tools": tools}


# 50 x 3 + 2000 x 0.30 + 500 x 3.75 + 200 x 6 + 300 x 15
_SPLIT_USD = "0.008325"
# 1000 x 1.25 + 300 x 10 of gemini-2.5-pro; 1000 x 1.25 + 100 x 10 of gpt-5
ROWS: list[tuple[str, Any, str, str]] = [
    ("anthropic, a delta that tells the output alone", [_START, _DELTA], _CLAUDE, _SPLIT_USD),
    ("anthropic by bedrock, whose metrics tell it again", [_START, _DELTA, _METRICS], _CLAUDE, _SPLIT_USD),
    (
        "anthropic, one pass without the times that the top level tells",
        {**_ANTHROPIC, "iterations": [{"type": "message", **_UNSPLIT}]},
        _CLAUDE,
        _SPLIT_USD,
    ),
    (
        "a stream of which each chunk tells what there is, without ids",
        [{"usage": {**_CHAT, "completion_tokens": count}} for count in (0, 50, 100)],
        "gpt-5",
        "0.00225",
    ),
    ("by model, one of them unused", {"gpt-5": _CHAT, "gpt-4o": dict.fromkeys(_CHAT, 0)}, "gpt-5", "0.00225"),
    # and 2.50 a thousand for a search of files
    (
        "openai-agents, a run whose first request searched",
        {
            "context_wrapper": {"usage": {**_OPENAI, "requests": 2}},
            "raw_responses": [{"output": [{"type": "file_search_call"}]}, {"output": []}],
        },
        "gpt-5",
        "0.00475",
    ),
    ("claude code, one model", _agent(sonnet=100), _CLAUDE, "0.00045"),
    (
        "langchain, the result that its callbacks get",
        {"llm_output": {"token_usage": {"prompt_tokens": 1000, "completion_tokens": 100}, "model_name": "gpt-5"}},
        "gpt-5",
        "0.00225",
    ),
    # and 25 a thousand for an answer out of maps, 35 for one out of the web
    ("gemini, maps", _grounded(groundingChunks=[_MAPS], webSearchQueries=["a", "b"]), "gemini-2.5-pro", "0.02925"),
    ("gemini, maps by a widget alone", _grounded(googleMapsWidgetContextToken="t"), "gemini-2.5-pro", "0.02925"),
    (
        "gemini, both",
        _grounded(groundingChunks=[_MAPS, _WEB], webSearchQueries=["a", "b"]),
        "gemini-2.5-pro",
        "0.06425",
    ),
    ("gemini, pictures", _grounded(imageSearchQueries=["a"]), "gemini-2.5-pro", "0.03925"),
    # and 10 a thousand for a search, of which nothing says that it is not billed
    (
        "openai, a search without its number",
        {**_response({"type": "web_search_call"}), "tool_usage": {"web_search": {"num_requests": None}}},
        "gpt-5",
        "0.01225",
    ),
    # and 0.03 for a container of 1 GB, which code and shell share; 0.12 for one of 4 GB
    ("openai, a shell of its own", _response(_HOSTED, _CODE), "gpt-5", "0.03225"),
    ("openai, a shell of the caller's", _response({**_HOSTED, "environment": {"type": "local"}}), "gpt-5", "0.00225"),
    ("openai, a container with more memory", _response(_CODE, memory="4g"), "gpt-5", "0.12225"),
]
REFUSED: list[tuple[Any, str, str]] = [
    ([_START, _DELTA, _START, _DELTA], _CLAUDE, "several streams"),
    (
        {"prompt_tokens": 2750, "completion_tokens": 300, "cached_prompt_tokens": 2000, "successful_requests": 1},
        _CLAUDE,
        "total_tokens: missing",
    ),
    (
        {"input_tokens": 1000, "output_tokens": 300, "output_token_details": {"reasoning": 200}},
        "gemini-2.5-pro",
        "total_tokens: missing",
    ),
    (_agent(sonnet=100, haiku=500), _CLAUDE, "modelUsage: its inputTokens are 600, where usage has 100"),
    ([_START], _CLAUDE, "before its message_delta"),
    (_DELTA, _CLAUDE, "the output alone"),
    (
        [{"response": {"id": name, "usage": _OPENAI}, "type": "response.completed"} for name in "ab"],
        "gpt-5",
        "several streams",
    ),
    ([{"usage": _CHAT}] * 2, "gpt-5", "several answers"),
    ([{"usage": _CHAT}, {"usage": {**_CHAT, "prompt_tokens": 2000}}], "gpt-5", "several answers"),
    ([{"metadata": {"usage": {"inputTokens": 9, "outputTokens": 1}}}] * 2, "gpt-5", "several answers"),
    (
        [{"response": {"responseId": name, "usageMetadata": _GEMINI}} for name in "ab"],
        "gemini-2.5-pro",
        "several answers",
    ),
    (
        {**_ANTHROPIC, "iterations": [{"type": "message", **_UNSPLIT}, {"type": "message", **_UNSPLIT}]},
        _CLAUDE,
        "iterations",
    ),
    (
        {
            **_ANTHROPIC,
            "output_tokens": 600,
            "iterations": [
                {"type": "message", **_UNSPLIT},
                {"type": "message", "input_tokens": 0, "output_tokens": 300},
            ],
        },
        _CLAUDE,
        "how long all that was written is kept",
    ),
    (
        {
            "input_tokens": 9,
            "output_tokens": 1,
            "iterations": [{"type": "advisor_message", "input_tokens": 9, "output_tokens": 1}],
        },
        _CLAUDE,
        "model is missing",
    ),
    ({**_ANTHROPIC, "output_tokens_details": {"thinking_tokens": 301}}, _CLAUDE, "^thinking_tokens: 301"),
    ({**_OPENAI, "input_tokens_details": [{"cached_tokens": 600}]}, "gpt-5", "input_tokens_details: list where"),
    (
        {**_response({"type": "image_generation_call"}), "tool_usage": {"image_gen": {}}},
        "gpt-5",
        "image_generation_call",
    ),
    (_response(_CODE, memory="8g"), "gpt-5", "memory_limit: a container of '8g'"),
]
