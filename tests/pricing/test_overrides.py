"""The user's own prices: checked at once, exact, and for every name of a model."""

from decimal import Decimal
from typing import Any

import pytest

from coreason_budget.errors import ConfigError, InvalidAmountError, UnknownModelError
from coreason_budget.pricing import PricingEngine, bundled
from coreason_budget.pricing.overrides import counting_of

GOOD: dict[str, Any] = {"input_cost_per_token": 1.5e-7, "output_cost_per_token": "0.0000006"}


@pytest.mark.parametrize("name", ["gpt-4o", "openai/gpt-4o", "gpt-4o-2024-08-06"])
@pytest.mark.parametrize("key", ["gpt-4o", "openai/gpt-4o"])
def test_override_holds_for_every_name_of_the_model(key: str, name: str) -> None:
    """Nobody gets the list price by spelling the id another way; the canonical id stays."""
    engine = PricingEngine({key: GOOD})
    assert engine.calculate(name, 10**6) == Decimal("0.15")
    assert engine.canonical(name) == "openai/gpt-4o"


def test_override_of_a_snapshot_is_of_that_snapshot() -> None:
    """The model and its other snapshots keep their price."""
    engine = PricingEngine({"gpt-4o-2024-08-06": GOOD})
    assert engine.calculate("gpt-4o-2024-08-06", 10**6) == Decimal("0.15")
    assert engine.calculate("openai/gpt-4o-2024-08-06", 10**6) == Decimal("0.15")
    assert engine.calculate("gpt-4o-2024-11-20", 10**6) == Decimal("2.50")
    assert engine.calculate("gpt-4o", 10**6) == Decimal("2.50")


def test_override_under_an_alias_holds_for_the_model() -> None:
    """google/ and gemini/ are one provider; a dated Claude id is the model."""
    engine = PricingEngine({"google/gemini-2.5-pro": GOOD, "claude-sonnet-4-5": GOOD})
    for name in ("gemini-2.5-pro", "gemini/gemini-2.5-pro", "claude-sonnet-4-5@20250929"):
        assert engine.calculate(name, 10**6) == Decimal("0.15")
    assert engine.calculate("gemini-2.5-flash", 10**6) == Decimal("0.30")


def test_override_keeps_what_it_does_not_say() -> None:
    """The known model's output limit and way of counting stay; a given limit wins."""
    engine = PricingEngine({"claude-sonnet-4-5": {**GOOD, "max_output_tokens": 7}, "gpt-4o": GOOD})
    assert engine.card("gpt-4o").max_output == 16384
    assert engine.card("claude-sonnet-4-5").max_output == 7
    assert not engine.card("claude-sonnet-4-5").cached_in_input


def test_override_has_every_meter_and_service() -> None:
    """Cache, reasoning, batch: each at the price given for it."""
    engine = PricingEngine(
        {
            "m": {
                **GOOD,
                "cache_read_input_token_cost": Decimal("1e-8"),
                "cache_creation_input_token_cost": "2e-7",
                "cache_creation_input_token_cost_above_1hr": "3e-7",
                "output_cost_per_reasoning_token": "1e-6",
                "input_cost_per_token_batches": "1e-7",
                "output_cost_per_token_batches": "2e-7",
            }
        }
    )
    million = 10**6
    assert engine.calculate("m", million, cached_tokens=million) == Decimal("0.01")
    assert engine.calculate("m", million, cache_write_tokens=million) == Decimal("0.20")
    assert engine.calculate("m", million, cache_write_1h_tokens=million) == Decimal("0.30")
    assert engine.calculate("m", 0, million, reasoning_tokens=million) == 1
    assert engine.calculate("m", million, service="batch") == Decimal("0.10")
    with pytest.raises(UnknownModelError, match="batch"):
        engine.calculate("m", 1, service="flex")


def test_free_must_be_said() -> None:
    """A zero price is taken where it is marked, and only there."""
    engine = PricingEngine({"local": {"input_cost_per_token": 0, "output_cost_per_token": 0, "free": True}})
    assert engine.calculate("local", 10**6, 10**6) == 0
    with pytest.raises(InvalidAmountError, match="max_output_tokens"):
        engine.estimate("local", input_tokens=5)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"input_cost_per_token": 0}, "input_cost_per_token"),
        ({"input_cost_per_token": -1}, "input_cost_per_token"),
        ({"input_cost_per_token": True}, "input_cost_per_token"),
        ({"input_cost_per_token": "nan"}, "input_cost_per_token"),
        ({"input_cost_per_token": float("inf")}, "input_cost_per_token"),
        ({"input_cost_per_token": None}, "input_cost_per_token"),
        ({"input_cost_per_token": "1e-16"}, "1e-15"),
        ({"input_cost_per_tokens": 1}, "input_cost_per_tokens"),
        ({"free": "yes"}, "free"),
        ({"outrageous": 1}, "outrageous"),
        ({"cached_in_input": "false"}, "cached_in_input"),
        ({"reasoning_in_output": None}, "reasoning_in_output"),
        ({"litellm_provider": 5}, "litellm_provider"),
        ({"web_search_billing_unit": "per_day"}, "web_search_billing_unit"),
        ({"input_cost_per_token_above_0k_tokens": "1e-6"}, "unknown key"),
        ({"input_cost_per_token_above_200_tokens": "1e-6"}, "unknown key"),
        ({"input_cost_per_token_above_200k_tokens": 0}, "a price of 0"),
        ({"search_context_cost_per_query": 0.01}, "search_context_size_low"),
        ({"search_context_cost_per_query": {"search_context_size_low": 0.01}}, "search_context_size_high"),
        ({"mode": "video"}, "mode"),
        ({"mode": "image_generation"}, "chat, embedding, rerank, completion, responses"),
        ({"mode": ["chat"]}, "mode"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"input_cost_per_token_batches": "1e-7"}, "output_cost_per_token is missing for service batch"),
    ],
)
def test_bad_override_is_refused_at_once_by_model_and_key(change: dict[str, Any], named: str) -> None:
    """A wrong price must not wait for the first call to show itself."""
    with pytest.raises(ConfigError, match=named) as caught:
        PricingEngine({"my-model": {**GOOD, **change}})
    assert "my-model" in str(caught.value)


@pytest.mark.parametrize("bad", [{"m": {}}, {"m": {"input_cost_per_token": 1}}, {"m": 5}, {"": GOOD}, [1], {5: GOOD}])
def test_incomplete_override_is_refused(bad: Any) -> None:
    """A model needs an id and both prices."""
    with pytest.raises(ConfigError, match="model_price_overrides"):
        PricingEngine(bad)


# What litellm says of a model of its own, without its prices.
SAID = {
    "max_tokens": 64000,
    "max_input_tokens": 200000,
    "max_output_tokens": 64000,
    "litellm_provider": "openai",
    "mode": "responses",
    "source": "https://example.com/prices",
    "supports_vision": True,
    "supports_function_calling": True,
    "supported_endpoints": ["/v1/responses"],
    "deprecation_date": "2027-01-01",
    "output_vector_size": 3,
    "rpm": 500,
    "metadata": {"notes": "ours"},
}


def test_an_entry_of_litellm_s_table_is_taken_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    """What is no price is passed over and named in the log; mode and output limit are read."""
    with caplog.at_level("DEBUG", "coreason_budget"):
        engine = PricingEngine({"my-model": {**GOOD, **SAID}})
    assert engine.card("my-model").mode == "chat"
    assert engine.card("my-model").max_output == 64000
    said = " ".join(record.getMessage() for record in caplog.records)
    assert all(key in said for key in ("max_tokens", "supports_vision", "metadata"))
    assert "input_cost_per_token" not in said


def test_all_keys_to_leave_out_are_named_at_once() -> None:
    """Nobody has to find them one start after the other. Whatever may be money is among them."""
    unknown = [
        "input_cost_per_character",
        "cache_creation_input_token_cost_above_12hr",
        "tiered_pricing",
        "fedramp_uplift_multiplier",
        "provider_specific_entry",
        "supports_free_cost",
        "max_ouput_tokens",
        "tag",
    ]
    with pytest.raises(ConfigError) as caught:
        PricingEngine({"my-model": {**GOOD, **SAID, **dict.fromkeys(unknown, 1)}})
    assert "leave them out" in str(caught.value)
    assert ", ".join(unknown) in str(caught.value)


def test_a_tier_prices_every_token_of_a_longer_prompt() -> None:
    """For each meter and service, as the table's tiers."""
    tiers = {
        "input_cost_per_token": "1e-6",
        "output_cost_per_token": "4e-6",
        "cache_read_input_token_cost": "1e-7",
        "input_cost_per_token_above_128k_tokens": "2e-6",
        "output_cost_per_token_above_128k_tokens": "6e-6",
        "cache_read_input_token_cost_above_128k_tokens": "2e-7",
        "input_cost_per_token_above_1000k_tokens": "3e-6",
        "output_cost_per_token_above_1000k_tokens": "6e-6",
        "input_cost_per_token_priority": "5e-6",
        "output_cost_per_token_priority": "7e-6",
        "input_cost_per_token_above_128k_tokens_priority": "8e-6",
        "output_cost_per_token_above_128k_tokens_priority": "9e-6",
    }
    engine = PricingEngine({"m": tiers})
    assert engine.calculate("m", 128_000, 1000) == Decimal("0.132")
    assert engine.calculate("m", 128_001, 1000) == Decimal("0.262002")
    assert engine.calculate("m", 200_000, cached_tokens=100_000) == Decimal("0.22")
    assert engine.calculate("m", 1_000_001) == Decimal("3.000003")
    assert engine.calculate("m", 100_000, service="priority") == Decimal("0.5")
    assert engine.calculate("m", 200_000, service="priority") == Decimal("1.6")


def test_what_a_tier_or_a_service_does_not_state_is_no_discount() -> None:
    """The output keeps its price; a cache's is no less than the input it falls back to."""
    said = {
        **GOOD,
        "cache_read_input_token_cost": "1e-8",
        "cache_creation_input_token_cost": "3e-7",
        "input_cost_per_token_above_200k_tokens": "2.5e-7",
        "input_cost_per_token_batches": "1e-7",
        "output_cost_per_token_batches": "3e-7",
    }
    engine = PricingEngine({"m": said})
    million = 10**6
    assert engine.calculate("m", million, million) == Decimal("0.85")
    assert engine.calculate("m", million, cached_tokens=million) == Decimal("0.25")
    assert engine.calculate("m", million, cache_write_tokens=million) == Decimal("0.30")
    # Batches have no tier of their own: that of the standard price.
    assert engine.calculate("m", 200_000, service="batch") == Decimal("0.02")
    assert engine.calculate("m", million, service="batch") == Decimal("0.25")
    assert engine.calculate("m", 100_000, cache_write_tokens=100_000, service="batch") == Decimal("0.03")


@pytest.mark.parametrize(
    ("model", "more", "beside"),
    [
        ("azure_ai/claude-prod", {}, True),
        ("anthropic/my-claude", {}, True),
        ("bedrock/my-profile", {}, True),
        ("my-claude", {"litellm_provider": "anthropic"}, True),
        ("my-claude", {"litellm_provider": "bedrock_converse"}, True),
        ("my-claude", {"litellm_provider": "vertex_ai-anthropic_models"}, True),
        ("my-claude", {"cached_in_input": False}, True),
        ("azure_ai/claude-prod", {"cached_in_input": True}, False),
        ("azure_ai/my-gpt", {}, False),
        ("my-claude", {}, False),
    ],
)
def test_how_the_provider_counts_can_be_said(model: str, more: dict[str, Any], beside: bool) -> None:
    """Said, by litellm's name of the provider, or by the host in the id; else as OpenAI counts."""
    engine = PricingEngine({model: {**GOOD, "cache_read_input_token_cost": "1.5e-8", **more}})
    if beside:
        assert engine.calculate(model, 15, 100, cached_tokens=20000) == Decimal("0.00036225")
    else:
        with pytest.raises(InvalidAmountError, match="20000 is more than input_tokens, 15"):
            engine.calculate(model, 15, 100, cached_tokens=20000)


@pytest.mark.parametrize(
    ("model", "more", "beside"),
    [
        ("gemini/my-tuned", {}, True),
        ("my-tuned", {"litellm_provider": "vertex_ai-language-models"}, True),
        ("my-tuned", {"reasoning_in_output": False}, True),
        ("vertex_ai/claude-prod", {}, False),
        ("my-tuned", {}, False),
    ],
)
def test_where_reasoning_is_counted_can_be_said(model: str, more: dict[str, Any], beside: bool) -> None:
    """Gemini and xAI count it beside the output."""
    engine = PricingEngine({model: {**GOOD, **more}})
    assert engine.calculate(model, 0, 10, reasoning_tokens=5) == Decimal("0.000009" if beside else "0.000006")


def test_how_a_listed_model_counts_stays_unless_it_is_said() -> None:
    """An override of the price is one of the price."""
    engine = PricingEngine({"claude-sonnet-4-5": GOOD, "gpt-4o": {**GOOD, "cached_in_input": False}})
    assert not engine.card("claude-sonnet-4-5").cached_in_input
    assert not engine.card("openai/gpt-4o").cached_in_input


def test_counting_is_said_as_the_table_has_it() -> None:
    """The providers that count beside are those of the bundled files; of Vertex's many, as its Gemini: the dearer."""
    for entry in bundled.shared().entries():
        cached_in_input, reasoning_in_output = counting_of(entry.canonical, None)
        assert cached_in_input == entry.cached_in_input, entry.canonical
        if entry.provider != "vertex_ai" or reasoning_in_output:
            assert reasoning_in_output == entry.reasoning_in_output, entry.canonical


@pytest.mark.parametrize(
    ("key", "value", "meant"),
    [
        ("input_cost_per_token", 2.5, "0.0000025"),
        ("output_cost_per_token", "10.00", "0.00001"),
        ("cache_read_input_token_cost", Decimal("1.25"), "0.00000125"),
        ("input_cost_per_audio_token", 0.15, "0.00000015"),
        ("input_cost_per_token_above_200k_tokens", 0.0002001, "0.0000000002001"),
    ],
)
def test_a_price_a_million_is_caught_where_one_a_token_is_asked(key: str, value: Any, meant: str) -> None:
    """By the gate of the bundled files; the error gives the figure that was meant."""
    said = {**GOOD, key: value}
    with pytest.raises(ConfigError, match="per token, not per million") as caught:
        PricingEngine({"my-model": said})
    assert f"{key}: {value!r}" in str(caught.value)
    assert f"{meant}?" in str(caught.value)
    engine = PricingEngine({"my-model": {**said, "outrageous": True}})
    assert engine.card("my-model").prices


def test_the_gate_is_that_of_the_bundled_files() -> None:
    """200 USD a million tokens of input, 700 of output."""
    PricingEngine({"m": {"input_cost_per_token": "0.0002", "output_cost_per_token": "0.0007"}})
    for key, usd in (("input_cost_per_token", "0.000200001"), ("output_cost_per_token", "0.000700001")):
        with pytest.raises(ConfigError, match="outrageous"):
            PricingEngine({"m": {**GOOD, key: usd}})


def test_an_embedding_or_a_rerank_is_taken_as_litellm_has_it() -> None:
    """Their output of 0 is none; a request's price makes tokens of 0 no gift."""
    embedding: dict[str, Any] = {"mode": "embedding", "input_cost_per_token": 2e-8, "output_cost_per_token": 0.0}
    rerank = {
        "mode": "rerank",
        "input_cost_per_token": 0.0,
        "output_cost_per_token": 0.0,
        "input_cost_per_query": 0.002,
    }
    engine = PricingEngine({"e": embedding, "r": rerank})
    assert engine.calculate("e", 10**6) == Decimal("0.02")
    assert engine.calculate("r", 1000, requests=3) == Decimal("0.006")
    with pytest.raises(ConfigError, match="a price of 0"):
        PricingEngine({"e": {**embedding, "input_cost_per_token": 0}})


def test_tools_have_keys_too() -> None:
    """Each at the price of one; a search by the size of its context, the largest where it is not told."""
    sizes = {"search_context_size_low": 0.006, "search_context_size_medium": 0.01, "search_context_size_high": 0.014}
    said = {
        **GOOD,
        "search_context_cost_per_query": sizes,
        "file_search_cost_per_1k_calls": 2.5,
        "code_interpreter_cost_per_session": 0.03,
        "google_maps_grounding_cost_per_query": 0.025,
        "x_search_cost_per_query": 0.005,
        "code_execution_cost_per_call": 0.001,
    }
    rates = PricingEngine({"m": said}).card("m").prices["standard"][0].rows[0].meters
    usd = {meter: Decimal(rate).scaleb(-15) for meter, rate in rates.items()}
    assert usd["web_search"] == Decimal("0.014")
    assert (usd["web_search_low"], usd["web_search_medium"]) == (Decimal("0.006"), Decimal("0.01"))
    assert usd["file_search"] == Decimal("0.0025")
    assert (usd["code_interpreter"], usd["maps_grounding"]) == (Decimal("0.03"), Decimal("0.025"))
    assert (usd["x_search"], usd["code_execution"]) == (Decimal("0.005"), Decimal("0.001"))
