"""What pricing a call costs beside the bare sum: `calculate`, `cost_of`, `estimate`.

Run with ``--benchmark-enable``; the ratio of two rows is what counts, for both ran on the same machine.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from coreason_budget.pricing import PricingEngine
from tests.benchmarks.conftest import Benchmark

pytestmark = pytest.mark.benchmark
USAGE = {"prompt_tokens": 1200, "completion_tokens": 300, "total_tokens": 1500}

# What applications hold most often, each with its model and what it costs in nano-USD.
SHAPES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "openai chat": (
        "gpt-5",
        3_575_000,
        {
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
    ),
    "openai response": (
        "gpt-5.6-sol",
        7_940_000,
        {
            "input_tokens": 1000,
            "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100},
            "output_tokens": 300,
            "output_tokens_details": {"reasoning_tokens": 200},
            "total_tokens": 1300,
        },
    ),
    "anthropic message": (
        "claude-sonnet-4-5",
        28_325_000,
        {
            "input_tokens": 50,
            "cache_creation_input_tokens": 700,
            "cache_read_input_tokens": 2000,
            "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
            "output_tokens": 300,
            "server_tool_use": {"web_search_requests": 2},
            "service_tier": "standard",
            "inference_geo": "global",
        },
    ),
    "gemini answer": (
        "gemini-2.5-flash",
        1_047_000,
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
    ),
    "bedrock converse": (
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        9_157_500,
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
    ),
    "litellm of a message": (
        "claude-sonnet-4-5",
        28_325_000,
        {
            "prompt_tokens": 2750,
            "completion_tokens": 300,
            "total_tokens": 3050,
            "cache_creation_input_tokens": 700,
            "cache_read_input_tokens": 2000,
            "prompt_tokens_details": {
                "cached_tokens": 2000,
                "cache_creation_tokens": 700,
                "cache_creation_token_details": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
                "audio_tokens": None,
                "text_tokens": 50,
            },
            "completion_tokens_details": None,
            "server_tool_use": {"web_search_requests": 2},
            "cost": None,
        },
    ),
}


@pytest.fixture(scope="module")
def engine() -> PricingEngine:
    """An engine whose table is loaded."""
    made = PricingEngine()
    made.calculate("gpt-4o", 1)
    return made


def test_bare_sum(benchmark: Benchmark) -> None:
    """The floor: two products in Decimal, without any check."""
    prompt, answer = Decimal("0.0000025"), Decimal("0.00001")
    assert benchmark(lambda: 1200 * prompt + 300 * answer) == Decimal("0.006")


@pytest.mark.parametrize("counts", [{}, {"cached_tokens": 400, "reasoning_tokens": 100}], ids=["plain", "cached"])
def test_calculate(benchmark: Benchmark, engine: PricingEngine, counts: dict[str, Any]) -> None:
    """Under 5 microseconds when warm."""
    assert benchmark(lambda: engine.calculate("gpt-4o", 1200, 300, **counts)) > 0


def test_calculate_tier(benchmark: Benchmark, engine: PricingEngine) -> None:
    """With a long-context tier to choose."""
    assert benchmark(lambda: engine.calculate("gemini-2.5-pro", 300_000, 300)) > 0


def test_explain(benchmark: Benchmark, engine: PricingEngine) -> None:
    """With its breakdown."""
    assert benchmark(lambda: engine.explain("gpt-4o", 1200, 300)).cost_nanos == 6_000_000


def test_cost_of(benchmark: Benchmark, engine: PricingEngine) -> None:
    """From a provider's usage."""
    assert benchmark(lambda: engine.cost_of(USAGE, "gpt-4o")).cost_nanos == 6_000_000


@pytest.mark.parametrize("shape", SHAPES)
def test_cost_of_a_shape(benchmark: Benchmark, engine: PricingEngine, shape: str) -> None:
    """From what the commonest clients hand out, with caches, reasoning, tools and all."""
    model, nanos, usage = SHAPES[shape]
    assert benchmark(lambda: engine.cost_of(usage, model)).cost_nanos == nanos


def test_estimate(benchmark: Benchmark, engine: PricingEngine) -> None:
    """Of a kilobyte of messages."""
    messages = [{"role": "user", "content": "x" * 1000}]
    assert benchmark(lambda: engine.estimate("claude-sonnet-4-5", messages=messages, max_output_tokens=800)) > 0


def test_affordable_output_tokens(benchmark: Benchmark, engine: PricingEngine) -> None:
    """Solved, not searched for."""
    found = benchmark(lambda: engine.affordable_output_tokens_for("gpt-4o", 10**7, input_tokens=1000))
    assert found == 750
