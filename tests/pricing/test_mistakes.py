"""What other price tables got wrong, each as a law."""

from decimal import Decimal

import pytest

from coreason_budget.errors import InvalidAmountError, UnknownModelError
from coreason_budget.pricing import PricingEngine

ENGINE = PricingEngine()
MILLION = 10**6


def test_cached_tokens_are_billed_once() -> None:
    """All of an OpenAI prompt cached costs the cache price, not that and the input's."""
    usage = {"prompt_tokens": MILLION, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": MILLION}}
    assert ENGINE.cost_of(usage, "gpt-4o").cost_usd == Decimal("1.25")


def test_cache_writes_are_billed_once() -> None:
    """The split of Anthropic's cache writes is the same tokens as their sum."""
    usage = {
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_creation_input_tokens": MILLION,
        "cache_creation": {"ephemeral_5m_input_tokens": MILLION, "ephemeral_1h_input_tokens": 0},
    }
    assert ENGINE.cost_of(usage, "claude-sonnet-4-5").cost_usd == Decimal("3.75")


def test_cache_writes_without_a_price_cost_what_input_costs() -> None:
    """A missing write price is no gift."""
    engine = PricingEngine({"m": {"input_cost_per_token": "0.000002", "output_cost_per_token": "0.000003"}})
    assert engine.calculate("m", MILLION, cache_write_tokens=MILLION) == 2
    assert engine.calculate("m", MILLION, cache_write_1h_tokens=MILLION) == 2
    assert engine.calculate("m", MILLION, cached_tokens=MILLION) == 2


def test_hour_long_writes_have_their_own_price() -> None:
    """An hour in Anthropic's cache costs twice the input, not 1.25 times."""
    usage = {
        "input_tokens": 0,
        "output_tokens": 0,
        "cache_creation_input_tokens": MILLION,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": MILLION},
    }
    assert ENGINE.cost_of(usage, "claude-sonnet-4-5").cost_usd == 6


def test_hour_long_writes_have_their_own_price_in_batches_too() -> None:
    """No Claude model's batch falls back from an hour's write to that of 5 minutes."""
    for model in ("claude-mythos-5", "claude-opus-4-5"):
        hour = ENGINE.calculate(model, cache_write_1h_tokens=MILLION, service="batch")
        assert hour == ENGINE.calculate(model, cache_write_1h_tokens=MILLION) / 2


def test_reasoning_is_billed_once() -> None:
    """OpenAI's completion count contains the reasoning."""
    usage = {
        "prompt_tokens": 0,
        "completion_tokens": MILLION,
        "completion_tokens_details": {"reasoning_tokens": MILLION},
    }
    assert ENGINE.cost_of(usage, "o3").cost_usd == 8


@pytest.mark.parametrize("model", ["gpt-99", "claude-nonesuch-9", "claude-9-20260101", "my-finetune"])
def test_unknown_model_is_not_free(model: str) -> None:
    """An unknown id is an error, Claude's too."""
    with pytest.raises(UnknownModelError, match=model):
        ENGINE.calculate(model, 1, 1)


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": None}, {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}]
)
def test_stream_without_usage_is_not_free(usage: object) -> None:
    """No usage, or one of nothing but zeros, is an error and not a cost of 0."""
    with pytest.raises(InvalidAmountError, match="usage"):
        ENGINE.cost_of(usage, "gpt-4o")


def test_tier_prices_the_whole_prompt() -> None:
    """300,000 tokens cost the tier's price 300,000 times, not 100,000 times."""
    assert ENGINE.calculate("gemini-2.5-pro", 300_000) == Decimal("0.75")


def test_granted_service_is_billed() -> None:
    """A priority request that was served as default costs the standard price."""
    usage = {"prompt_tokens": MILLION, "completion_tokens": 0}
    answer = {"service_tier": "default", "usage": usage}
    assert ENGINE.cost_of(answer, "gpt-4o").cost_usd == Decimal("2.50")
    answer = {"service_tier": "priority", "usage": usage}
    assert ENGINE.cost_of(answer, "gpt-4o").cost_usd == Decimal("4.25")


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4",
        "gpt-4o",
        "gpt-5",
        "o3",
        "claude-sonnet-4-5",
        "gemini-2.5-pro",
    ],
)
@pytest.mark.parametrize(
    "change", ["{}x", "x{}", "{}-ultra", "{} ", "my-{}", "{}:free", "{}/", "{}-2024-01-01", "{}-1"]
)
def test_near_misses_are_unknown(model: str, change: str) -> None:
    """Ids match whole: a prefix or a part of an id has no price."""
    with pytest.raises(UnknownModelError):
        ENGINE.card(change.format(model))


def test_cache_of_a_host_is_billed_beside_its_input() -> None:
    """Bedrock's input excludes what was cached: taking it out once more would give tokens away."""
    usage = {"inputTokens": 0, "outputTokens": 0, "cacheReadInputTokens": MILLION, "cacheWriteInputTokens": MILLION}
    assert ENGINE.cost_of(usage, "claude-sonnet-4-5").cost_usd == Decimal("0.30") + Decimal("3.75")


def test_cache_of_a_gateway_is_billed_within_its_input() -> None:
    """LiteLLM's prompt contains what Anthropic counts beside it, and tells the hour's writes apart."""
    details = {
        "cached_tokens": MILLION,
        "cache_creation_tokens": MILLION,
        "cache_creation_token_details": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": MILLION},
    }
    usage = {
        "prompt_tokens": 2 * MILLION,
        "completion_tokens": 0,
        "prompt_tokens_details": details,
        "cache_read_input_tokens": MILLION,
        "cache_creation_input_tokens": MILLION,
    }
    assert ENGINE.cost_of(usage, "claude-sonnet-4-5").cost_usd == Decimal("0.30") + 6


def test_reasoning_beside_the_completion_is_billed() -> None:
    """xAI's completion lacks the reasoning; only the total tells."""
    usage = {
        "prompt_tokens": 0,
        "completion_tokens": MILLION,
        "total_tokens": 2 * MILLION,
        "completion_tokens_details": {"reasoning_tokens": MILLION},
    }
    assert ENGINE.cost_of(usage, "o3").cost_usd == 16


def test_audio_is_not_billed_as_text() -> None:
    """OpenAI counts it in the prompt; it costs what audio costs."""
    usage = {"prompt_tokens": MILLION, "completion_tokens": 0, "prompt_tokens_details": {"audio_tokens": MILLION}}
    assert ENGINE.cost_of(usage, "gemini-2.5-flash").cost_usd == 1


def test_searches_are_billed() -> None:
    """Each at its price, beside the tokens."""
    usage = {"input_tokens": 0, "output_tokens": 0, "server_tool_use": {"web_search_requests": 3}}
    assert ENGINE.cost_of(usage, "claude-sonnet-4-5").cost_usd == Decimal("0.03")


def test_batch_that_does_not_say_so_is_no_surprise() -> None:
    """OpenAI's batches report no tier: the caller says it, and nobody guesses a discount."""
    usage = {"prompt_tokens": MILLION, "completion_tokens": 0}
    assert ENGINE.cost_of(usage, "gpt-4o").cost_usd == Decimal("2.50")
    assert ENGINE.cost_of(usage, "gpt-4o", service="batch").cost_usd == Decimal("1.25")
