"""Usages as real libraries hand them out, each with what the call cost: one table for all tests of families."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from tests.pricing.usage.edge_cases import ROWS as EDGE_ROWS
from tests.pricing.usage.framework_cases import ROWS
from tests.pricing.usage.sdk_cases import ROWS as SDK_ROWS


@frozen
class Case:
    """A usage, or a whole answer, the model that was called, and the right cost in USD."""

    name: str
    usage: Any
    model: str
    usd: str


def _entries(count: int, **tokens: int) -> list[dict[str, int]]:
    return [dict(tokens) for _ in range(count)]


# The rates are those of the price table, in USD for a million tokens; each sum is written out once.
OPENAI = [
    # 400 x 2.50 + 600 x 1.25 + 300 x 10
    Case(
        "openai chat",
        {
            "prompt_tokens": 1000,
            "completion_tokens": 300,
            "total_tokens": 1300,
            "prompt_tokens_details": {"cached_tokens": 600, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": 0},
        },
        "gpt-4o",
        "0.00475",
    ),
    # 1000 x 1.25 + 100 x 10, and 2.50 for a thousand file searches
    Case(
        "openai response that searched files",
        {
            "usage": {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100},
            "output": [{"type": "file_search_call"}, {"type": "message"}],
        },
        "gpt-5",
        "0.00475",
    ),
    # the same without the file search, and a container for the code
    Case(
        "openai response that ran code twice in a container",
        {
            "usage": {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100},
            "output": [{"type": "code_interpreter_call", "container_id": "c"}] * 2,
        },
        "gpt-5",
        "0.03225",
    ),
    # 1000 x 1.25 + 300 x 10 and one search of 10 a thousand: what is billable counts, not what is listed
    Case(
        "openai response with searches that are not billed",
        {
            "usage": {"input_tokens": 1000, "output_tokens": 300, "total_tokens": 1300},
            "output": [{"type": "web_search_call", "action": {"type": "search"}}] * 3,
            "tool_usage": {"web_search": {"num_requests": 1}, "image_gen": {"input_tokens": 0, "total_tokens": 0}},
        },
        "gpt-5",
        "0.01425",
    ),
    # 9 x 1 + 17102 x 0.10 + 200 x 5: a gateway whose total leaves out what was read from the cache
    Case(
        "a gateway's total without its cache",
        {
            "prompt_tokens": 17111,
            "completion_tokens": 200,
            "total_tokens": 209,
            "prompt_tokens_details": {"cached_tokens": 17102},
        },
        "claude-haiku-4-5",
        "0.0027192",
    ),
    # the last event of a stream: 300 x 5 + 600 x 0.50 + 100 x 6.25 + 300 x 30
    Case(
        "openai response.completed",
        {
            "type": "response.completed",
            "response": {
                "usage": {
                    "input_tokens": 1000,
                    "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100},
                    "output_tokens": 300,
                    "output_tokens_details": {"reasoning_tokens": 200},
                    "total_tokens": 1300,
                }
            },
        },
        "gpt-5",
        "0.003575",
    ),
]
ANTHROPIC = [
    # 50 x 3 + 2000 x 0.30 + 500 x 3.75 + 200 x 6 + 300 x 15, and two searches of 10 a thousand
    Case(
        "anthropic message",
        {
            "input_tokens": 50,
            "cache_creation_input_tokens": 700,
            "cache_read_input_tokens": 2000,
            "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
            "output_tokens": 300,
            "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
            "service_tier": "standard",
        },
        "claude-sonnet-4-5",
        "0.028325",
    ),
    # 203000 x 5 + 4500 x 25
    Case(
        "anthropic message after a compaction",
        {
            "input_tokens": 23000,
            "output_tokens": 1000,
            "iterations": [
                {"type": "compaction", "input_tokens": 180000, "output_tokens": 3500},
                {"type": "message", "input_tokens": 23000, "output_tokens": 1000},
            ],
        },
        "claude-opus-4-6",
        "1.1275",
    ),
    # the end of a stream outgrew the split of its start: 700 more of an unknown time, taken for an hour
    Case(
        "anthropic stream whose writes outgrew their split",
        {
            "input_tokens": 50,
            "cache_creation_input_tokens": 1400,
            "cache_read_input_tokens": 2000,
            "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
            "output_tokens": 300,
        },
        "claude-sonnet-4-5",
        "0.012525",
    ),
    # the events of a stream: its start tells the split
    Case(
        "anthropic events of a stream",
        [
            {
                "type": "message_start",
                "message": {
                    "usage": {
                        "input_tokens": 50,
                        "cache_creation_input_tokens": 700,
                        "cache_read_input_tokens": 2000,
                        "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
                        "output_tokens": 1,
                    }
                },
            },
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x"}},
            {
                "type": "message_delta",
                "usage": {
                    "input_tokens": 50,
                    "cache_creation_input_tokens": 700,
                    "cache_read_input_tokens": 2000,
                    "output_tokens": 300,
                },
            },
        ],
        "claude-sonnet-4-5",
        "0.008325",
    ),
]
GOOGLE = [
    # 240 x 0.30 + 500 x 0.03 + 200 x 1.00 + 100 x 0.10 + 300 x 2.50
    Case(
        "gemini answer with audio",
        {
            "prompt_token_count": 1000,
            "cached_content_token_count": 600,
            "candidates_token_count": 100,
            "thoughts_token_count": 200,
            "tool_use_prompt_token_count": 40,
            "total_token_count": 1340,
            "prompt_tokens_details": [
                {"modality": "TEXT", "token_count": 700},
                {"modality": "AUDIO", "token_count": 300},
            ],
            "cache_tokens_details": [
                {"modality": "AUDIO", "token_count": 100},
                {"modality": "TEXT", "token_count": 500},
            ],
        },
        "gemini-2.5-flash",
        "0.001047",
    ),
    # 1000 x 0.30 + 100 x 2.50 and one grounded prompt of 35 a thousand, whatever it searched for
    Case(
        "gemini answer grounded by two searches",
        {
            "usage_metadata": {"prompt_token_count": 1000, "candidates_token_count": 100, "total_token_count": 1100},
            "candidates": [{"grounding_metadata": {"web_search_queries": ["a", "b"]}}],
        },
        "gemini-2.5-flash",
        "0.03555",
    ),
]
BEDROCK = [
    # without a known habit of the maker the total tells: 5 + 2000 x ... as Anthropic's message, x 1.1 in a region
    Case(
        "bedrock converse",
        {
            "usage": {
                "inputTokens": 50,
                "outputTokens": 300,
                "totalTokens": 3050,
                "cacheReadInputTokens": 2000,
                "cacheWriteInputTokens": 700,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 200}, {"ttl": "5m", "inputTokens": 500}],
            },
            "serviceTier": {"type": "default"},
            "performanceConfig": {"latency": "standard"},
        },
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "0.0091575",
    ),
    # its names in OpenAI's way of counting: 315 x 1.25 + 6144 x 0.125 + 100 x 10
    Case(
        "converse's names over openai",
        {"inputTokens": 6459, "outputTokens": 100, "totalTokens": 6559, "cacheReadInputTokens": 6144},
        "gpt-5",
        "0.00216175",
    ),
    # its names in xAI's: 400 x 3 + 600 x 0.75 + 300 x 15, of which 200 only the total tells
    Case(
        "converse's names over xai",
        {"inputTokens": 1000, "outputTokens": 100, "totalTokens": 1300, "cacheReadInputTokens": 600},
        "grok-4",
        "0.00615",
    ),
]
SUMS = [
    # by model: 1000 x 2.50 + 100 x 10 and 50 x 3 + 300 x 15
    Case(
        "usages by model",
        {
            "openai/gpt-4o": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
            "anthropic/claude-sonnet-4-5": {"prompt_tokens": 50, "completion_tokens": 300, "total_tokens": 350},
        },
        "gpt-4o",
        "0.00815",
    ),
]
FRAMEWORKS = [Case(*row) for row in ROWS]
SDKS = [Case(*row) for row in SDK_ROWS]
EDGES = [Case(*row) for row in EDGE_ROWS]
CASES = [*OPENAI, *ANTHROPIC, *GOOGLE, *BEDROCK, *SUMS, *FRAMEWORKS, *SDKS, *EDGES]
