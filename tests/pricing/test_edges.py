"""Ten models, computed by hand on both sides of each edge: tier, cache and date."""

from datetime import date
from decimal import Decimal

import pytest

from coreason_budget.pricing import PricingEngine

ENGINE = PricingEngine()
AUTUMN = date(2026, 11, 24)

EDGES = [
    # Tiers: strictly above, and then every token of the call.
    ("gpt-6-sol", {"input_tokens": 272_000, "output_tokens": 10}, AUTUMN, "0.5441"),  # 272000 x 2 + 10 x 10
    ("gpt-6-sol", {"input_tokens": 272_001, "output_tokens": 10}, AUTUMN, "1.088154"),  # 272001 x 4 + 10 x 15
    ("claude-haiku-5-5", {"input_tokens": 100_000, "output_tokens": 10}, AUTUMN, "0.010005"),  # x 0.10 + 10 x 0.50
    ("claude-haiku-5-5", {"input_tokens": 100_001, "output_tokens": 10}, AUTUMN, "0.0500255"),  # x 0.50 + 10 x 2.50
    ("minimax-m3", {"input_tokens": 512_000, "output_tokens": 10}, AUTUMN, "0.153612"),  # x 0.30 + 10 x 1.20
    ("minimax-m3", {"input_tokens": 512_001, "output_tokens": 10}, AUTUMN, "0.3072246"),  # x 0.60 + 10 x 2.40
    # Several tiers.
    ("qwen3-coder-flash", {"input_tokens": 32_000, "output_tokens": 10}, AUTUMN, "0.009615"),  # x 0.30 + 10 x 1.50
    ("qwen3-coder-flash", {"input_tokens": 32_001, "output_tokens": 10}, AUTUMN, "0.0160255"),  # x 0.50 + 10 x 2.50
    ("qwen3-coder-flash", {"input_tokens": 128_000, "output_tokens": 10}, AUTUMN, "0.064025"),
    ("qwen3-coder-flash", {"input_tokens": 128_001, "output_tokens": 10}, AUTUMN, "0.1024408"),  # x 0.80 + 10 x 4
    ("qwen3-coder-flash", {"input_tokens": 256_000, "output_tokens": 10}, AUTUMN, "0.20484"),
    ("qwen3-coder-flash", {"input_tokens": 256_001, "output_tokens": 10}, AUTUMN, "0.4096976"),  # x 1.60 + 10 x 9.60
    # xAI: the edge itself is of the dearer tier.
    ("grok-4.7", {"input_tokens": 199_999, "output_tokens": 10}, AUTUMN, "0.400058"),  # x 2 + 10 x 6
    ("grok-4.7", {"input_tokens": 200_000, "output_tokens": 10}, AUTUMN, "0.80012"),  # x 4 + 10 x 12
    # A host's tier, chosen with the cached tokens that its input leaves out.
    (
        "bedrock/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        {"input_tokens": 1, "cached_tokens": 199_999, "output_tokens": 10},
        AUTUMN,
        "0.0601527",  # 1 x 3 + 199999 x 0.30 + 10 x 15
    ),
    (
        "bedrock/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        {"input_tokens": 2, "cached_tokens": 199_999, "output_tokens": 10},
        AUTUMN,
        "0.1202364",  # 2 x 6 + 199999 x 0.60 + 10 x 22.50
    ),
    # Cache: none, one token, all, and the two writes.
    ("grok-4.7", {"input_tokens": 1000}, AUTUMN, "0.002"),
    ("grok-4.7", {"input_tokens": 1000, "cached_tokens": 1}, AUTUMN, "0.0019985"),  # 999 x 2 + 0.50
    ("grok-4.7", {"input_tokens": 1000, "cached_tokens": 1000}, AUTUMN, "0.0005"),
    ("kimi-k3", {"input_tokens": 1000, "cached_tokens": 999}, AUTUMN, "0.0003027"),  # 3 + 999 x 0.30
    ("kimi-k3", {"input_tokens": 1000, "cached_tokens": 1000}, AUTUMN, "0.0003"),
    ("kimi-k3", {"input_tokens": 1000, "cache_write_tokens": 1000}, AUTUMN, "0.003"),
    ("kimi-k3", {"input_tokens": 1000, "cache_write_1h_tokens": 1000}, AUTUMN, "0.006"),
    ("claude-haiku-5-5", {"cache_write_tokens": 1000}, AUTUMN, "0.000125"),
    ("claude-haiku-5-5", {"cache_write_1h_tokens": 1000}, AUTUMN, "0.0002"),
    # A cached token without a price of its own is an input token.
    ("mistral-small-latest", {"input_tokens": 1000, "cached_tokens": 1000}, date(2026, 3, 15), "0.0001"),
    ("mistral-small-latest", {"input_tokens": 1000, "cached_tokens": 1000}, date(2026, 3, 16), "0.000015"),
    # Dates: the last day of a price, and the first of the next.
    ("mistral-small-latest", {"input_tokens": 1000, "output_tokens": 1000}, date(2026, 3, 15), "0.0004"),
    ("mistral-small-latest", {"input_tokens": 1000, "output_tokens": 1000}, date(2026, 3, 16), "0.00075"),
    ("gemini-4-argon", {"input_tokens": 1000, "output_tokens": 1000}, date(2026, 11, 30), "0.012"),
    ("gemini-4-argon", {"input_tokens": 1000, "output_tokens": 1000}, date(2026, 12, 1), "0.024"),
    ("glm-5.3-flash", {"input_tokens": 1000, "output_tokens": 1000}, date(2026, 9, 9), "0.000325"),
    ("glm-5.3-flash", {"input_tokens": 1000, "output_tokens": 1000}, date(2026, 9, 10), "0.00065"),
    # One token: 0.10 and, cached in a batch, 0.005 a million are 100 and 5 nanos.
    ("gpt-6-luna", {"input_tokens": 1}, AUTUMN, "0.0000001"),
    ("gpt-6-luna", {"input_tokens": 1, "cached_tokens": 1, "service": "batch"}, AUTUMN, "0.000000005"),
]


@pytest.mark.parametrize(("model", "counts", "at", "usd"), EDGES)
def test_cost_on_both_sides_of_an_edge(model: str, counts: dict[str, object], at: date, usd: str) -> None:
    """Tokens times the listed price of the row that holds: one token, or one day, makes the difference."""
    assert ENGINE.calculate(model, at=at, **counts) == Decimal(usd)  # type: ignore[arg-type]


def test_the_edges_are_of_ten_models() -> None:
    """As many as were promised, from makers and a host."""
    assert len({ENGINE.canonical(model) for model, *_ in EDGES}) >= 10
