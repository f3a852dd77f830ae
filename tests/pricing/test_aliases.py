"""The user's own names of models: one line, for prices, budgets and limits."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from coreason_budget import BudgetConfig, BudgetExceededError, BudgetManager
from coreason_budget.errors import ConfigError, UnknownModelError
from coreason_budget.pricing import PricingEngine

PRICE = {"input_cost_per_token": "0.000009", "output_cost_per_token": "0.000009"}
PROD = {"azure/my-prod": "azure/gpt-4o"}
FILE = "schema: 1\nprovider: house\n{}models:\n  small: {{price: {{input: 3, output: 4}}}}\n"


def test_an_alias_takes_everything_over() -> None:
    """Prices, services, tiers, output limit and way of counting: it is the model."""
    engine = PricingEngine(aliases={"azure_ai/claude-prod": "azure_ai/claude-sonnet-4-5", **PROD})
    assert engine.card("azure_ai/claude-prod") is engine.card("azure_ai/claude-sonnet-4-5")
    assert engine.canonical("azure/my-prod") == "azure/gpt-4o"
    assert engine.calculate("azure/my-prod", 10**6, service="batch") == engine.calculate(
        "azure/gpt-4o", 10**6, service="batch"
    )
    # Cache reads stand beside the input, as Claude counts.
    assert engine.calculate("azure_ai/claude-prod", 15, 100, cached_tokens=20000) == Decimal("0.007545")


@pytest.mark.parametrize(
    "written", ["azure/my-prod", "azure:my-prod", "azure_openai:my-prod", "azure/responses/my-prod"]
)
def test_an_alias_holds_in_every_form(written: str) -> None:
    """As an id of the table would."""
    assert PricingEngine(aliases=PROD).canonical(written) == "azure/gpt-4o"
    assert PricingEngine().canonical(written) == written


@pytest.mark.parametrize(
    ("target", "canonical"),
    [
        ("gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13"),
        ("openai:gpt-4o", "openai/gpt-4o"),
        ("us.anthropic.claude-opus-5", "bedrock/us.anthropic.claude-opus-5"),
        ("my-model", "my-model"),
        ("house/small", "house/small"),
        ("small", "house/small"),
    ],
)
def test_a_target_may_be_written_in_any_form(target: str, canonical: str, tmp_path: Path) -> None:
    """Also a model of the user's overrides, or of the user's file."""
    path = tmp_path / "own.yaml"
    path.write_text(FILE.format(""))
    engine = PricingEngine({"my-model": PRICE}, path, {"prod": target})
    assert engine.canonical("prod") == canonical
    assert engine.card("prod") == engine.card(target)


def test_a_hidden_model_is_named_by_an_alias() -> None:
    """An ARN that does not say its model is an alias like any other."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
    engine = PricingEngine(aliases={arn: "us.anthropic.claude-opus-5"})
    assert engine.canonical(arn) == "bedrock/us.anthropic.claude-opus-5"


def test_an_override_of_the_target_is_the_alias_s_price() -> None:
    """Under whatever name it was given."""
    engine = PricingEngine({"azure/gpt-4o": PRICE}, aliases=PROD)
    assert engine.calculate("azure/my-prod", 10**6) == 9


@pytest.mark.parametrize("key", ["aliases", "model_aliases"])
def test_a_prices_file_may_name_aliases(key: str, tmp_path: Path) -> None:
    """A mapping under either key; the setting beats the file."""
    path = tmp_path / "own.yaml"
    path.write_text(FILE.format(f"{key}: {{azure/my-prod: azure/gpt-4o, tiny: house/small}}\n"))
    engine = PricingEngine(prices_file=path)
    assert engine.canonical("azure/my-prod") == "azure/gpt-4o"
    assert engine.calculate("tiny", 10**6) == 3
    assert PricingEngine(prices_file=path, aliases={"tiny": "gpt-5-nano"}).canonical("tiny") == "openai/gpt-5-nano"


def test_a_prices_file_may_name_both_its_provider_and_aliases(tmp_path: Path) -> None:
    """A list of names of the provider stays what it was."""
    path = tmp_path / "own.yaml"
    path.write_text(FILE.format("aliases: [house, in-house]\nmodel_aliases: {tiny: in-house/small}\n"))
    assert PricingEngine(prices_file=path).canonical("tiny") == "house/small"


@pytest.mark.parametrize(
    "head", ["aliases: {a: gpt-4o}\nmodel_aliases: {a: gpt-5}\n", "model_aliases: [a]\n", "model_aliases: {a: [b]}\n"]
)
def test_a_bad_mapping_in_a_prices_file_names_its_line(head: str, tmp_path: Path) -> None:
    """Twice, or no mapping of names."""
    path = tmp_path / "own.yaml"
    path.write_text(FILE.format(head))
    with pytest.raises(ConfigError, match=r"own\.yaml:[34]: .*aliases"):
        PricingEngine(prices_file=path)


@pytest.mark.parametrize(
    ("aliases", "said"),
    [
        ({"prod": "gpt-4oo"}, "'gpt-4oo' has no price; close: openai/gpt-4o"),
        ({"prod": "staging", "staging": "gpt-4o"}, "'staging' is an alias, too"),
        ({"azure/a": "azure:b", "azure/b": "gpt-4o"}, "'azure:b' is an alias, too"),
        ({"prod": "prod"}, "is an alias, too"),
        ({"gpt-5-pro": "gpt-5-nano"}, "it is the id of openai/gpt-5-pro, which has a price"),
        ({"openai/gpt-5-pro": "gpt-5-nano"}, "it is the id of openai/gpt-5-pro"),
        ({"my-model": "gpt-4o"}, "it is the id of my-model, which has a price"),
        ({"azure:my-prod": "azure/gpt-4o"}, "write it as 'azure/my-prod'"),
        ({"": "gpt-4o"}, "text of 1 to 256 bytes"),
        ({"prod": ""}, "text of 1 to 256 bytes"),
        ({"prod": 5}, "text of 1 to 256 bytes"),
        ({"x" * 257: "gpt-4o"}, "text of 1 to 256 bytes"),
    ],
)
def test_a_bad_alias_is_refused_at_once(aliases: Any, said: str) -> None:
    """No chain, no unknown target, and no way to call a dear model at the price of a cheap one."""
    with pytest.raises(ConfigError) as caught:
        PricingEngine({"my-model": PRICE}, aliases=aliases)
    assert said in str(caught.value)
    assert caught.value.field == "model_aliases"


def test_an_alias_of_what_it_means_already_is_no_harm() -> None:
    """The same model under its own name."""
    assert PricingEngine(aliases={"gpt-4o": "openai/gpt-4o"}).canonical("gpt-4o") == "openai/gpt-4o"


def test_an_unknown_name_close_to_an_alias_names_it() -> None:
    """A misspelt deployment is the likeliest mistake."""
    with pytest.raises(UnknownModelError, match="azure/my-prod"):
        PricingEngine(aliases=PROD).card("azure/my-prd")


@pytest.mark.parametrize(
    ("answered", "reserved"),
    [
        ("gpt-4o-2024-08-06", "azure/my-prod"),
        ("my-prod", "azure/my-prod"),
        ("azure/my-prod", "azure/gpt-4o"),
        ("acme-llama", "groq/openai/gpt-oss-120b"),
    ],
)
def test_an_answer_may_name_an_alias_or_its_model(answered: str, reserved: str) -> None:
    """Either way it is the one model."""
    engine = PricingEngine(aliases={**PROD, "acme-llama": "groq/openai/gpt-oss-120b"})
    assert engine.same_model(answered, reserved)
    assert engine.card(engine.priced_model(answered, reserved)) == engine.card(reserved)


def test_a_deployment_s_answer_of_another_model_has_that_model_s_price() -> None:
    """The alias says what was deployed; the answer, what ran."""
    engine = PricingEngine(aliases=PROD)
    assert engine.priced_model("gpt-4o-mini-2024-07-18", "azure/my-prod") == "azure/gpt-4o-mini-2024-07-18"


def test_a_budget_by_model_holds_under_every_alias(tmp_path: Path) -> None:
    """The limits file may name the model or the alias, the call either: one account."""
    for line, called in (("azure/gpt-4o", "azure/my-prod"), ("azure/my-prod", "azure/gpt-4o-2024-08-06")):
        limits = tmp_path / "limits.yaml"
        limits.write_text(f"limits: [{{scope: model/{line}, window: day, usd: 1}}]\n")
        config = BudgetConfig(ledger_url="memory://", limits_file=limits, model_aliases=PROD)
        budget = BudgetManager(config)
        budget.record_spend("u", 1, model=called)
        with pytest.raises(BudgetExceededError, match="azure/gpt-4o"):
            budget.check_availability("u", model="azure:my-prod")
