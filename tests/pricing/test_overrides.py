"""The user's own prices: checked at once, exact, and for every name of a model."""

from decimal import Decimal
from typing import Any

import pytest

from coreason_budget.errors import ConfigError, InvalidAmountError, UnknownModelError
from coreason_budget.pricing import PricingEngine

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
        ({"mode": "video"}, "mode"),
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
