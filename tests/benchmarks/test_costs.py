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


def test_estimate(benchmark: Benchmark, engine: PricingEngine) -> None:
    """Of a kilobyte of messages."""
    messages = [{"role": "user", "content": "x" * 1000}]
    assert benchmark(lambda: engine.estimate("claude-sonnet-4-5", messages=messages, max_output_tokens=800)) > 0


def test_affordable_output_tokens(benchmark: Benchmark, engine: PricingEngine) -> None:
    """Solved, not searched for."""
    found = benchmark(lambda: engine.affordable_output_tokens_for("gpt-4o", 10**7, input_tokens=1000))
    assert found == 750
