"""Which names a model has, and which it has not."""

import pickle
from pathlib import Path

import pytest

from coreason_budget.errors import UnknownModelError
from coreason_budget.pricing import PricingEngine

ENGINE = PricingEngine()


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("gpt-4o", "openai/gpt-4o"),
        ("openai/gpt-4o", "openai/gpt-4o"),
        ("gpt-4o-2024-08-06", "openai/gpt-4o"),
        ("openai/gpt-4o-2024-11-20", "openai/gpt-4o"),
        ("gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13"),
        ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "anthropic/claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("google/gemini-2.5-pro", "gemini/gemini-2.5-pro"),
    ],
)
def test_every_name_of_a_model_has_one_canonical_id(name: str, canonical: str) -> None:
    """Alias, snapshot and date lead to the same id, so that they share a budget."""
    assert ENGINE.canonical(name) == canonical
    assert ENGINE.card(name).canonical == canonical


@pytest.mark.parametrize(
    "name", ["my-model", "azure/gpt-4o", "GPT-4o", "claude-sonnet-4-5-20251399", "gpt-4o-20240806"]
)
def test_unknown_id_is_its_own_canonical_id(name: str) -> None:
    """canonical never raises for an id; card does."""
    assert ENGINE.canonical(name) == name
    with pytest.raises(UnknownModelError) as caught:
        ENGINE.card(name)
    assert caught.value.model == name
    assert pickle.loads(pickle.dumps(caught.value)).model == name


@pytest.mark.parametrize(
    ("typo", "close"),
    [("gpt-4oo", "openai/gpt-4o"), ("claude-sonet-4-5", "anthropic/claude-sonnet-4-5"), ("GPT-4O", "openai/gpt-4")],
)
def test_unknown_model_names_the_closest_ids(typo: str, close: str) -> None:
    """The error says what may have been meant, and what else to do."""
    with pytest.raises(UnknownModelError, match=close) as caught:
        ENGINE.calculate(typo, 1)
    assert "MODEL_PRICE_OVERRIDES" in str(caught.value)


def test_a_price_is_named_by_model_service_and_date() -> None:
    """As the journal keeps it: enough to find the price again."""
    assert ENGINE.price_name("gpt-4o-2024-08-06") == f"openai/gpt-4o standard {ENGINE.card('gpt-4o').checked}"
    assert ENGINE.price_name("gpt-4o", "batch").startswith("openai/gpt-4o batch 20")
    own = PricingEngine({"gpt-4o": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}})
    assert own.price_name("gpt-4o") == "openai/gpt-4o standard model_price_overrides"
    for model, service in (("my-model", "standard"), ("gpt-4o", "no-such-service")):
        with pytest.raises(UnknownModelError):
            ENGINE.price_name(model, service)


FILE = """\
schema: 1
provider: house
aliases: [house, in-house]
models:
  gpt-4o: {price: {input: 1, output: 2}}
  small:
    snapshots: [v1]
    price: {input: 3, output: 4}
"""


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(FILE)
    return path


def test_users_file_wins_over_the_table(own_file: Path) -> None:
    """A bare id of the user's file is the user's; the provider's own form stays the provider's."""
    engine = PricingEngine(prices_file=own_file)
    assert engine.calculate("gpt-4o", 10**6) == 1
    assert engine.canonical("gpt-4o") == "house/gpt-4o"
    assert engine.calculate("openai/gpt-4o", 10**6) == 2.5
    assert engine.canonical("in-house/small-v1") == "house/small"


def test_users_price_of_a_model_is_its_snapshots_too(tmp_path: Path) -> None:
    """A file for provider openai replaces the bundled gpt-4o under every name."""
    path = tmp_path / "own.yaml"
    path.write_text(FILE.replace("house", "openai", 1).replace("aliases: [house, in-house]\n", ""))
    engine = PricingEngine(prices_file=path)
    for name in ("gpt-4o", "openai/gpt-4o", "gpt-4o-2024-08-06", "openai/gpt-4o-2024-11-20"):
        assert engine.calculate(name, 10**6) == 1
    assert engine.calculate("gpt-4.1", 10**6) == 2


def test_overrides_win_over_the_users_file(own_file: Path) -> None:
    """Overrides, then the file, then the table."""
    price = {"input_cost_per_token": "0.000009", "output_cost_per_token": "0.000009"}
    assert PricingEngine({"gpt-4o": price}, own_file).calculate("gpt-4o", 10**6) == 9


def test_bare_id_of_two_prices_is_refused_by_name(tmp_path: Path) -> None:
    """Nobody picks a provider for the caller; with its prefix the id is clear."""
    from coreason_budget.pricing.lookup import Index
    from coreason_budget.pricing.table import parse

    one = parse(b"schema: 1\nprovider: one\nmodels:\n  m: {price: {input: 1, output: 1}}", "one")
    two = parse(b"schema: 1\nprovider: two\nmodels:\n  m: {price: {input: 1, output: 2}}", "two")
    same = parse(b"schema: 1\nprovider: same\nmodels:\n  m: {price: {input: 1, output: 1}}", "same")
    with pytest.raises(UnknownModelError, match="one/m, two/m"):
        Index([one, two]).find("m")
    found = Index([one, two]).find("two/m")
    assert found is not None
    assert found.canonical == "two/m"
    agreed = Index([one, same]).find("m")
    assert agreed is not None
    assert agreed.canonical == "one/m"
