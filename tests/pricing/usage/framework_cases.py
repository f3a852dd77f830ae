"""Usages as frameworks hand them out, over several providers: the rates of the price table, each sum written once.

Unless a case says otherwise, what was used is, in USD for a million tokens:
OpenAI's gpt-4o 400 x 2.50 + 600 x 1.25 read + 300 x 10; gpt-5.6-sol 300 x 4 + 600 x 0.40 read + 100 x 5 written
+ 300 x 20; Anthropic's claude-sonnet-4-5 50 x 3 + 2000 x 0.30 read + 700 x 3.75 written + 300 x 15, or of the writes
500 and 200 x 6 for an hour; Gemini's gemini-2.5-pro 620 x 1.25 + 400 x 0.125 read + 150 x 10; xAI's grok-4
400 x 3 + 600 x 0.75 read + 300 x 15.
"""

from __future__ import annotations

import copy
from typing import Any

GPT, SOL, CLAUDE, GEMINI, GROK = "gpt-4o", "gpt-5.6-sol", "claude-sonnet-4-5", "gemini-2.5-pro", "grok-4"
OPENAI_CHAT: dict[str, Any] = {
    "prompt_tokens": 1000,
    "completion_tokens": 300,
    "total_tokens": 1300,
    "prompt_tokens_details": {"cached_tokens": 600, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": 0},
}
OPENAI_RESPONSE: dict[str, Any] = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100},
    "output_tokens": 300,
    "output_tokens_details": {"reasoning_tokens": 200},
    "total_tokens": 1300,
}
ANTHROPIC: dict[str, Any] = {
    "input_tokens": 50,
    "cache_creation_input_tokens": 700,
    "cache_read_input_tokens": 2000,
    "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
    "output_tokens": 300,
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    "service_tier": "standard",
}
GEMINI_JSON: dict[str, Any] = {
    "promptTokenCount": 1000,
    "cachedContentTokenCount": 400,
    "candidatesTokenCount": 100,
    "thoughtsTokenCount": 50,
    "toolUsePromptTokenCount": 20,
    "totalTokenCount": 1170,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1000}],
}

Row = tuple[str, Any, str, str]


def _metadata(
    total: int, prompt: int, output: int, inside: dict[str, int] | None = None, out: dict[str, int] | None = None
) -> dict[str, Any]:
    counts: dict[str, Any] = {"input_tokens": prompt, "output_tokens": output, "total_tokens": total}
    counts |= {} if inside is None else {"input_token_details": inside}
    return counts if out is None else {**counts, "output_token_details": out}


_TIMED = {"cache_read": 2000, "cache_creation": 0, "ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200}
_UNTIMED = {"cache_read": 2000, "cache_creation": 700}
_READ = {"audio": 0, "cache_read": 600}
_FLEX = ({"flex_cache_read": 600, "flex_cache_creation": 100, "flex": 400}, {"flex_reasoning": 200, "flex": 100})
_ALL_TIERS = (
    {"cache_read": 600, "cache_creation": 100, **_FLEX[0]},
    {"reasoning": 200, **_FLEX[1]},
)
LANGCHAIN: list[Row] = [
    ("langchain, openai", _metadata(1300, 1000, 300, _READ, {"audio": 0, "reasoning": 200}), GPT, "0.00475"),
    ("langchain, claude with both times", _metadata(3050, 2750, 300, _TIMED), CLAUDE, "0.008325"),
    ("langchain, claude without times", _metadata(3050, 2750, 300, _UNTIMED), CLAUDE, "0.007875"),
    (
        "langchain, claude by InvokeModel, total without its cache",
        _metadata(350, 2750, 300, _UNTIMED),
        CLAUDE,
        "0.007875",
    ),
    # 100 x 3 + 4000 x 0.30 + 1300 x 3.75 + 200 x 6 + 600 x 15
    (
        "langchain, a sum of claude with and without times",
        _metadata(
            6200,
            5600,
            600,
            {**_TIMED, "cache_read": 4000, "cache_creation": 800},
        ),
        CLAUDE,
        "0.016575",
    ),
    ("langchain, gemini", _metadata(1170, 1020, 150, {"cache_read": 400}, {"reasoning": 50}), GEMINI, "0.002325"),
    ("langchain, xai", _metadata(1300, 1000, 300, _READ, {"reasoning": 200}), GROK, "0.00615"),
    ("langchain, xai as it counts", _metadata(1300, 1000, 100, _READ, {"reasoning": 200}), GROK, "0.00615"),
    # half of the standard price
    ("langchain, openai at flex", _metadata(1300, 1000, 300, *_FLEX), SOL, "0.00397"),
    # standard and flex
    ("langchain, openai at two tiers", _metadata(2600, 2000, 600, *_ALL_TIERS), SOL, "0.01191"),
    # with its two searches
    (
        "langchain, a message of claude",
        {
            "type": "ai",
            "content": "hi",
            "additional_kwargs": {},
            "response_metadata": {"model_name": CLAUDE, "model_provider": "anthropic", "usage": ANTHROPIC},
            "usage_metadata": _metadata(3050, 2750, 300, _TIMED),
        },
        CLAUDE,
        "0.028325",
    ),
    # its metadata lack the cache
    (
        "langchain, a message in openai's shape",
        {
            "type": "ai",
            "content": "hi",
            "additional_kwargs": {},
            "response_metadata": {"token_usage": OPENAI_CHAT, "model_name": GPT},
            "usage_metadata": _metadata(1300, 1000, 300),
        },
        GPT,
        "0.00475",
    ),
    # at 0.00794, and a search
    (
        "langchain, a message that searched",
        {
            "type": "ai",
            "content": [{"type": "web_search_call", "id": "ws1", "action": {"type": "search", "query": "q"}}],
            "additional_kwargs": {},
            "response_metadata": {"model_name": SOL, "service_tier": "default"},
            "usage_metadata": _metadata(
                1300, 1000, 300, {"cache_creation": 100, "cache_read": 600}, {"reasoning": 200}
            ),
        },
        SOL,
        "0.01794",
    ),
    # the same, as version 1 of LangChain says it
    (
        "langchain, a message with blocks that searched",
        {
            "content": [
                {"type": "server_tool_call", "name": "web_search", "args": {"type": "search", "query": "q"}},
                {"type": "server_tool_call", "name": "web_search", "args": {"type": "open_page"}},
                {"type": "tool_call", "name": "weather", "args": {"city": "Paris"}},
            ],
            "additional_kwargs": {},
            "response_metadata": {"model_name": SOL, "model_provider": "openai"},
            "usage_metadata": _metadata(
                1300, 1000, 300, {"cache_creation": 100, "cache_read": 600}, {"reasoning": 200}
            ),
        },
        SOL,
        "0.01794",
    ),
    # and one grounded prompt of 35 a thousand
    (
        "langchain, a message of gemini that was grounded",
        {
            "content": "hi",
            "additional_kwargs": {},
            "response_metadata": {
                "model_name": GEMINI,
                "grounding_metadata": {"web_search_queries": ["a", "b"]},
            },
            "usage_metadata": _metadata(1170, 1020, 150, {"cache_read": 400}, {"reasoning": 50}),
        },
        GEMINI,
        "0.037325",
    ),
    # 0.00475 + 0.007875
    (
        "langchain, by model",
        {
            GPT: _metadata(1300, 1000, 300, _READ, {"reasoning": 200}),
            CLAUDE: _metadata(3050, 2750, 300, _UNTIMED),
        },
        GPT,
        "0.012625",
    ),
    # two answers between a question and a tool's result, each with its own counts
    (
        "langchain, the messages of a run",
        [
            {"type": "human", "content": "hi", "additional_kwargs": {}, "response_metadata": {}},
            *[
                {
                    "type": "ai",
                    "content": "hi",
                    "additional_kwargs": {},
                    "response_metadata": {"model_name": GPT},
                    "usage_metadata": _metadata(1300, 1000, 300, _READ, {"reasoning": 200}),
                }
            ]
            * 2,
        ],
        GPT,
        "0.0095",
    ),
]
_PYDANTIC: dict[str, Any] = {
    "input_tokens": 1000,
    "cache_write_tokens": 0,
    "cache_write_1h_tokens": 0,
    "cache_read_tokens": 600,
    "output_tokens": 300,
    "output_reasoning_tokens": 200,
    "input_audio_tokens": 0,
    "cache_audio_read_tokens": 0,
    "output_audio_tokens": 0,
    "audio_seconds": 0,
}
_PYDANTIC_CLAUDE = {
    **_PYDANTIC,
    "input_tokens": 2750,
    "cache_read_tokens": 2000,
    "cache_write_tokens": 700,
    "cache_write_1h_tokens": 200,
    "output_reasoning_tokens": 0,
    "details": {
        "input_tokens": 50,
        "output_tokens": 300,
        "cache_creation_input_tokens": 700,
        "cache_read_input_tokens": 2000,
        "ephemeral_1h_input_tokens": 200,
        "web_search_requests": 2,
    },
}
_CHAT_DETAILS = {
    "num_sources_used": 0,
    "accepted_prediction_tokens": 0,
    "audio_tokens": 0,
    "reasoning_tokens": 200,
    "rejected_prediction_tokens": 0,
}
PYDANTIC_AI: list[Row] = [
    ("pydantic-ai, openai", {**_PYDANTIC, "details": {"reasoning_tokens": 200}, "cost": "0.1"}, GPT, "0.00475"),
    ("pydantic-ai, a run of two", {**_PYDANTIC, "details": {}, "requests": 2, "tool_calls": 1}, GPT, "0.00475"),
    (
        "pydantic-ai, openai with writes",
        {**_PYDANTIC, "cache_write_tokens": 100, "details": {"reasoning_tokens": 200}},
        SOL,
        "0.00794",
    ),
    ("pydantic-ai, claude", _PYDANTIC_CLAUDE, CLAUDE, "0.028325"),
    (
        "pydantic-ai, gemini",
        {
            **_PYDANTIC,
            "input_tokens": 1020,
            "cache_read_tokens": 400,
            "output_tokens": 150,
            "output_reasoning_tokens": 50,
            "details": {
                "cached_content_tokens": 400,
                "thoughts_tokens": 50,
                "tool_use_prompt_tokens": 20,
                "text_prompt_tokens": 1000,
            },
        },
        GEMINI,
        "0.002325",
    ),
    ("pydantic-ai, xai by itself", {**_PYDANTIC, "details": {"reasoning_tokens": 200}}, GROK, "0.00615"),
    # and three tools of 5 a thousand
    (
        "pydantic-ai, xai that searched",
        {
            **_PYDANTIC,
            "details": {
                "reasoning_tokens": 200,
                "server_side_tools_web_search": 2,
                "server_side_tools_x_search": 1,
            },
        },
        GROK,
        "0.02115",
    ),
    (
        "pydantic-ai, xai in openai's shape",
        {**_PYDANTIC, "output_tokens": 100, "details": _CHAT_DETAILS},
        GROK,
        "0.00615",
    ),
    # 500 x 15 of output: what it reasoned stands beside what it wrote
    ("pydantic-ai, xai that wrote more than it reasoned", {**_PYDANTIC, "details": _CHAT_DETAILS}, GROK, "0.00915"),
    ("pydantic-ai, more reasoning than output", {**_PYDANTIC, "output_tokens": 100}, GROK, "0.00615"),
    # with a search of 10 a thousand
    (
        "pydantic-ai, a response that searched",
        {
            "kind": "response",
            "parts": [
                {
                    "part_kind": "builtin-tool-call",
                    "tool_name": "web_search",
                    "args": {"type": "search"},
                    "provider_name": "openai",
                },
                {"part_kind": "tool-call", "tool_name": "weather", "args": {}},
            ],
            "usage": {**_PYDANTIC, "cache_write_tokens": 100, "details": {"reasoning_tokens": 200}},
        },
        SOL,
        "0.01794",
    ),
    # 0.00475 + 0.028325
    (
        "pydantic-ai, the messages of a run",
        [
            {"parts": [], "kind": "request"},
            {"parts": [], "kind": "response", "model_name": GPT, "usage": {**_PYDANTIC, "details": {}}},
            {"parts": [], "kind": "response", "model_name": CLAUDE, "usage": _PYDANTIC_CLAUDE},
        ],
        GPT,
        "0.033075",
    ),
]
_ENTRY = {
    "input_tokens": 30000,
    "input_tokens_details": {"cached_tokens": 25000, "cache_write_tokens": 0},
    "output_tokens": 500,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 30500,
}
_RUN: dict[str, Any] = {
    "requests": 12,
    "input_tokens": 360000,
    "input_tokens_details": {"cached_tokens": 300000, "cache_write_tokens": 0},
    "output_tokens": 6000,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 366000,
}
OPENAI_AGENTS: list[Row] = [
    # 12 x (5000 x 4 + 25000 x 0.40 + 500 x 20), none of them a long one
    ("openai-agents, with entries", {**_RUN, "request_usage_entries": [_ENTRY] * 12}, SOL, "0.48"),
    ("openai-agents, with requests", _RUN, SOL, "0.48"),
    ("openai-agents, one request", {**OPENAI_RESPONSE, "requests": 1, "request_usage_entries": []}, SOL, "0.00794"),
]
_DETAILED: dict[str, Any] = {
    "inputTokens": 2750,
    "inputTokenDetails": {"noCacheTokens": 50, "cacheReadTokens": 2000, "cacheWriteTokens": 700},
    "outputTokens": 300,
    "outputTokenDetails": {},
    "totalTokens": 3050,
}
_DETAILED_GEMINI: dict[str, Any] = {
    "inputTokens": 1020,
    "inputTokenDetails": {"noCacheTokens": 620, "cacheReadTokens": 400},
    "outputTokens": 150,
    "outputTokenDetails": {"textTokens": 100, "reasoningTokens": 50},
    "totalTokens": 1170,
}
_FIVE = {
    "inputTokens": 1000,
    "outputTokens": 300,
    "totalTokens": 1300,
    "reasoningTokens": 200,
    "cachedInputTokens": 600,
}
AI_SDK: list[Row] = [
    ("ai sdk 7, claude", {**_DETAILED, "raw": ANTHROPIC}, CLAUDE, "0.028325"),
    ("ai sdk 7, several steps of claude", _DETAILED, CLAUDE, "0.007875"),
    ("ai sdk 7, gemini", {**_DETAILED_GEMINI, "raw": GEMINI_JSON}, GEMINI, "0.002325"),
    ("ai sdk 7, several steps of gemini", _DETAILED_GEMINI, GEMINI, "0.002325"),
    # 5 x 3 + 4735 x 3.75 + 255 x 15
    (
        "ai sdk 6, claude that wrote",
        {
            "inputTokens": 4740,
            "inputTokenDetails": {"noCacheTokens": 5, "cacheReadTokens": 0, "cacheWriteTokens": 4735},
            "outputTokens": 255,
            "outputTokenDetails": {"textTokens": 255, "reasoningTokens": 0},
            "totalTokens": 4995,
            "reasoningTokens": 0,
            "cachedInputTokens": 0,
        },
        CLAUDE,
        "0.02159625",
    ),
    ("ai sdk 5, openai", _FIVE, GPT, "0.00475"),
    # 3914 x 1.25 + 16298 x 0.125 + 931 x 10
    (
        "ai sdk 5, openai that reasoned",
        {
            "inputTokens": 20212,
            "outputTokens": 931,
            "totalTokens": 21143,
            "cachedInputTokens": 16298,
            "reasoningTokens": 400,
        },
        "gpt-5",
        "0.01623975",
    ),
    # 600 x 1.25 + 400 x 0.125 + 150 x 10
    (
        "ai sdk 5, gemini",
        {
            "inputTokens": 1000,
            "outputTokens": 100,
            "totalTokens": 1150,
            "reasoningTokens": 50,
            "cachedInputTokens": 400,
        },
        GEMINI,
        "0.0023",
    ),
    (
        "ai sdk 5, a step of openai that wrote",
        {
            "usage": _FIVE,
            "providerMetadata": {"openai": {"responseId": "r", "usage": {"cacheWriteTokens": 100}}},
            "finishReason": "stop",
        },
        SOL,
        "0.00794",
    ),
    ("ai sdk 5, xai", _FIVE, GROK, "0.00615"),
    ("ai sdk 5, xai as it counts", {**_FIVE, "outputTokens": 100}, GROK, "0.00615"),
    # 0.028325 + 0.007875
    (
        "ai sdk 7, a result of two steps",
        {
            "steps": [
                {
                    "finishReason": "tool-calls",
                    "usage": {**_DETAILED, "raw": ANTHROPIC},
                    "response": {"modelId": CLAUDE},
                },
                {"finishReason": "stop", "usage": _DETAILED, "response": {"modelId": CLAUDE}},
            ],
            "totalUsage": {},
        },
        CLAUDE,
        "0.0362",
    ),
    (
        "ai sdk 5, a result of claude",
        {
            "steps": [
                {
                    "finishReason": "stop",
                    "usage": {"inputTokens": 50, "outputTokens": 300, "totalTokens": 350, "cachedInputTokens": 2000},
                    "providerMetadata": {"anthropic": {"usage": ANTHROPIC, "cacheCreationInputTokens": 700}},
                    "response": {"modelId": CLAUDE},
                }
            ],
        },
        CLAUDE,
        "0.028325",
    ),
]
STRANDS: list[Row] = [
    (
        "strands, openai",
        {"inputTokens": 1000, "outputTokens": 300, "totalTokens": 1300, "cacheReadInputTokens": 600},
        GPT,
        "0.00475",
    ),
    (
        "strands, claude",
        {
            "inputTokens": 50,
            "outputTokens": 300,
            "totalTokens": 3050,
            "cacheReadInputTokens": 2000,
            "cacheWriteInputTokens": 700,
        },
        CLAUDE,
        "0.007875",
    ),
    (
        "strands, gemini",
        {"inputTokens": 1020, "outputTokens": 150, "totalTokens": 1170, "cacheReadInputTokens": 400},
        GEMINI,
        "0.002325",
    ),
    # the last of an agent's invocations, twice 0.00475
    (
        "strands, an agent's metrics",
        {
            "metrics": {
                "accumulated_usage": {"inputTokens": 9000, "outputTokens": 900, "totalTokens": 9900},
                "agent_invocations": [
                    {"cycles": [], "usage": {"inputTokens": 7000, "outputTokens": 300, "totalTokens": 7300}},
                    {
                        "cycles": [
                            {
                                "event_loop_cycle_id": "a",
                                "usage": {
                                    "inputTokens": 1000,
                                    "outputTokens": 300,
                                    "totalTokens": 1300,
                                    "cacheReadInputTokens": 600,
                                },
                            }
                        ]
                        * 2
                    },
                ],
            }
        },
        GPT,
        "0.0095",
    ),
]
_CREW: dict[str, Any] = {
    "total_tokens": 1300,
    "prompt_tokens": 1000,
    "cached_prompt_tokens": 600,
    "completion_tokens": 300,
    "reasoning_tokens": 200,
    "cache_creation_tokens": 0,
    "successful_requests": 1,
}
CREWAI: list[Row] = [
    ("crewai, openai", _CREW, GPT, "0.00475"),
    ("crewai, a crew", {"token_usage": _CREW, "raw": "hi"}, GPT, "0.00475"),
    (
        "crewai, claude",
        {
            **_CREW,
            "total_tokens": 3050,
            "prompt_tokens": 2750,
            "cached_prompt_tokens": 2000,
            "reasoning_tokens": 0,
            "cache_creation_tokens": 700,
        },
        CLAUDE,
        "0.007875",
    ),
    # 600 x 1.25 + 400 x 0.125 + 150 x 10
    (
        "crewai, gemini",
        {
            **_CREW,
            "total_tokens": 1150,
            "cached_prompt_tokens": 400,
            "completion_tokens": 150,
            "reasoning_tokens": 50,
        },
        GEMINI,
        "0.0023",
    ),
    ("crewai, xai", {**_CREW, "total_tokens": 1100, "completion_tokens": 100}, GROK, "0.00615"),
    # 1000 x 3 + 300 x 15
    (
        "crewai, xai without a cache",
        {"prompt_tokens": 1000, "completion_tokens": 100, "reasoning_tokens": 200, "total_tokens": 1100},
        GROK,
        "0.0075",
    ),
    # 500 x 15 of output
    ("crewai, xai that wrote more than it reasoned", _CREW, GROK, "0.00915"),
    # 50 x 3 + 2000 x 0.30 + 300 x 15, x 1.1 in a region
    (
        "crewai, bedrock",
        {
            **_CREW,
            "total_tokens": 2350,
            "prompt_tokens": 50,
            "cached_prompt_tokens": 2000,
            "reasoning_tokens": 0,
        },
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "0.005775",
    ),
]
_AGNO: dict[str, Any] = {
    "input_tokens": 1000,
    "output_tokens": 300,
    "total_tokens": 1300,
    "cache_read_tokens": 600,
    "reasoning_tokens": 200,
    "duration": 0.3,
}
_AGNO_CLAUDE = {
    "input_tokens": 50,
    "output_tokens": 300,
    "total_tokens": 350,
    "cache_read_tokens": 2000,
    "cache_write_tokens": 700,
}
AGNO: list[Row] = [
    ("agno, openai", _AGNO, GPT, "0.00475"),
    ("agno, xai", {**_AGNO, "output_tokens": 100}, GROK, "0.00615"),
    # with two searches, without the times of its writes
    (
        "agno, a message of claude",
        {
            **_AGNO_CLAUDE,
            "duration": 0.1,
            "provider_metrics": {"server_tool_use": {"web_search_requests": 2}, "service_tier": "standard"},
        },
        CLAUDE,
        "0.027875",
    ),
    # 600 x 1.25 + 400 x 0.125 + 150 x 10
    (
        "agno, gemini",
        {
            **_AGNO,
            "output_tokens": 100,
            "total_tokens": 1100,
            "cache_read_tokens": 400,
            "reasoning_tokens": 50,
        },
        GEMINI,
        "0.0023",
    ),
    (
        "agno, a run",
        {
            "metrics": {
                **_AGNO,
                "details": {
                    "model": [
                        {**{k: v for k, v in _AGNO.items() if k != "duration"}, "id": GPT, "provider": "OpenAI Chat"}
                    ]
                },
            },
            "model": GPT,
        },
        GPT,
        "0.00475",
    ),
    (
        "agno, claude over a gateway",
        {
            "duration": 0.1,
            "input_tokens": 2750,
            "output_tokens": 300,
            "total_tokens": 3050,
            "cache_read_tokens": 2000,
            "cache_write_tokens": 700,
            "details": {
                "model": [
                    {
                        "input_tokens": 2750,
                        "output_tokens": 300,
                        "total_tokens": 3050,
                        "cache_read_tokens": 2000,
                        "cache_write_tokens": 700,
                        "id": CLAUDE,
                        "provider": "LiteLLM",
                    }
                ]
            },
        },
        CLAUDE,
        "0.007875",
    ),
]
_FRAMEWORK: dict[str, Any] = {
    "input_token_count": 1000,
    "output_token_count": 300,
    "total_token_count": 1300,
    "cache_read_input_token_count": 600,
    "cache_creation_input_token_count": 0,
    "reasoning_output_token_count": 200,
}
_FRAMEWORK_CLAUDE = {
    "input_token_count": 50,
    "output_token_count": 300,
    "cache_read_input_token_count": 2000,
    "cache_creation_input_token_count": 700,
}
AGENT_FRAMEWORK: list[Row] = [
    (
        "agent-framework, openai",
        {
            **_FRAMEWORK,
            "cache_creation_input_token_count": 100,
            "openai.cached_input_tokens": 600,
            "openai.reasoning_tokens": 200,
            "openai.cache_write_tokens": 100,
        },
        SOL,
        "0.00794",
    ),
    (
        "agent-framework, openai's chat",
        {"usage_details": {**_FRAMEWORK, "prompt/cached_tokens": 600, "completion/reasoning_tokens": 200}},
        GPT,
        "0.00475",
    ),
    (
        "agent-framework, claude",
        {
            **_FRAMEWORK_CLAUDE,
            "anthropic.cache_creation_input_tokens": 700,
            "anthropic.cache_read_input_tokens": 2000,
        },
        CLAUDE,
        "0.007875",
    ),
    ("agent-framework, claude, its own names alone", _FRAMEWORK_CLAUDE, CLAUDE, "0.007875"),
]
_MIRASCOPE: dict[str, Any] = {
    "input_tokens": 2750,
    "output_tokens": 300,
    "cache_read_tokens": 2000,
    "cache_write_tokens": 700,
    "reasoning_tokens": 0,
    "provider_tool_usage": [{"name": "web_search", "call_count": 2, "duration_seconds": None, "metadata": None}],
}
_WITHOUT_TOTAL = {name: value for name, value in OPENAI_CHAT.items() if name != "total_tokens"}
OTHERS: list[Row] = [
    ("mirascope, claude", {**_MIRASCOPE, "raw": ANTHROPIC}, CLAUDE, "0.028325"),
    # without the times of its writes
    ("mirascope, a stream of claude", {**_MIRASCOPE, "raw": None}, CLAUDE, "0.027875"),
    (
        "haystack, claude",
        {
            "meta": {
                "model": CLAUDE,
                "usage": {
                    **{k: v for k, v in ANTHROPIC.items() if k not in ("input_tokens", "output_tokens")},
                    "prompt_tokens": 2750,
                    "completion_tokens": 300,
                },
            }
        },
        CLAUDE,
        "0.028325",
    ),
    (
        "haystack, gemini",
        {
            "model": GEMINI,
            "usage": {
                "prompt_tokens": 1000,
                "completion_tokens": 100,
                "total_tokens": 1170,
                "thoughts_token_count": 50,
                "cached_content_token_count": 400,
                "prompt_token_count": 1000,
                "candidates_token_count": 100,
                "total_token_count": 1170,
                "tool_use_prompt_token_count": 20,
            },
        },
        GEMINI,
        "0.002325",
    ),
    # the reasoning of others is in their candidates
    (
        "google-adk, openai",
        {
            "usage_metadata": {
                "cached_content_token_count": 600,
                "candidates_token_count": 300,
                "prompt_token_count": 1000,
                "thoughts_token_count": 200,
                "total_token_count": 1300,
            },
            "model_version": GPT,
        },
        GPT,
        "0.00475",
    ),
    ("semantic-kernel", {"metadata": {"usage": _WITHOUT_TOTAL}}, GPT, "0.00475"),
    # 500 x 15 of output
    (
        "semantic-kernel, xai",
        {"prompt_tokens": 1000, "completion_tokens": 300, **{k: OPENAI_CHAT[k] for k in OPENAI_CHAT if "det" in k}},
        GROK,
        "0.00915",
    ),
    (
        "llama-index",
        {"message": {}, "raw": {"usage": OPENAI_CHAT}, "additional_kwargs": {"total_tokens": 9}},
        GPT,
        "0.00475",
    ),
    (
        "smolagents",
        {"token_usage": {"input_tokens": 1000, "output_tokens": 300}, "raw": {"usage": OPENAI_CHAT}},
        GPT,
        "0.00475",
    ),
    ("chatlas", {"tokens": (925, 300, 2000), "completion": {"usage": ANTHROPIC}}, CLAUDE, "0.028325"),
    (
        "litellm, gemini",
        {
            "prompt_tokens": 1020,
            "completion_tokens": 150,
            "total_tokens": 1170,
            "prompt_tokens_details": {
                "cached_tokens": 400,
                "text_tokens": 1020,
                "tool_use_tokens": 20,
                "cached_tokens_details": {"text_tokens": 400},
            },
            "completion_tokens_details": {"reasoning_tokens": 50, "text_tokens": 100},
            "cache_read_input_tokens": 400,
        },
        GEMINI,
        "0.002325",
    ),
]
# 1647 x 1.25 + 115584 x 0.125 + 225 x 10
_TURN = {"input_tokens": 117231, "cached_input_tokens": 115584, "output_tokens": 225, "total_tokens": 117456}
_FIRST = {"input_tokens": 10000, "cached_input_tokens": 0, "output_tokens": 100, "total_tokens": 10100}
_SUM = {name: _TURN[name] + _FIRST[name] for name in _TURN}


def _count(total: dict[str, int], last: dict[str, int]) -> dict[str, Any]:
    info = {"total_token_usage": total, "last_token_usage": last, "model_context_window": 272000}
    return {"type": "event_msg", "payload": {"type": "token_count", "info": info, "rate_limits": {"used_percent": 3.5}}}


def _line(output: int, identity: str = "msg_1") -> dict[str, Any]:
    message = {
        "id": identity,
        "model": CLAUDE,
        "role": "assistant",
        "usage": {**copy.deepcopy(ANTHROPIC), "output_tokens": output},
    }
    return {"type": "assistant", "sessionId": "s", "requestId": "r", "message": message}


LOGS: list[Row] = [
    ("codex, a turn", _TURN, "gpt-5.1-codex", "0.01875675"),
    # 49976 x 1.25 + 176640 x 0.125 + 1670 x 10
    (
        "codex, by another tool",
        {
            "input_tokens": 226616,
            "cache_creation_input_tokens": 0,
            "cached_input_tokens": 176640,
            "output_tokens": 1670,
            "reasoning_output_tokens": 529,
            "total_tokens": 228286,
        },
        "gpt-5.1-codex",
        "0.10125",
    ),
    # 10000 x 1.25 + 100 x 10, and the turn; the second event comes twice
    (
        "codex, a session's log",
        [{"type": "turn_context"}, _count(_FIRST, _FIRST), _count(_SUM, _TURN), _count(_SUM, _TURN)],
        "gpt-5.1-codex",
        "0.03225675",
    ),
    ("codex, the first event of a session", _count(_TURN, _TURN), "gpt-5.1-codex", "0.01875675"),
    ("claude code, a line", _line(300), CLAUDE, "0.028325"),
    # the last line of each message: 0.028325, and 0.026075 of 150 tokens
    (
        "claude code, a session's log",
        [{"type": "user", "sessionId": "s"}, _line(2), _line(2), _line(300), _line(150, "msg_2")],
        CLAUDE,
        "0.0544",
    ),
]
ROWS = [
    *LANGCHAIN,
    *PYDANTIC_AI,
    *OPENAI_AGENTS,
    *AI_SDK,
    *STRANDS,
    *CREWAI,
    *AGNO,
    *AGENT_FRAMEWORK,
    *OTHERS,
    *LOGS,
]
