"""Which names a model has, and which it has not."""

import pickle
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from coreason_budget.errors import UnknownModelError
from coreason_budget.pricing import PricingEngine, bundled
from coreason_budget.pricing.table import load_bundled

ENGINE = PricingEngine()
TABLE = bundled.Bundled()


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
    "name", ["my-model", "azure/my-deployment", "GPT-4o", "claude-sonnet-4-5-20251399", "gpt-4o-20240806"]
)
def test_unknown_id_is_its_own_canonical_id(name: str) -> None:
    """canonical never raises for an id; card does."""
    assert ENGINE.canonical(name) == name
    with pytest.raises(UnknownModelError) as caught:
        ENGINE.card(name)
    assert caught.value.model == name
    assert pickle.loads(pickle.dumps(caught.value)).model == name


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("GPT-4o", "openai/gpt-4o"),
        (" gpt_4o ", "openai/gpt-4o"),
        ("OpenAI:GPT-4o", "openai/gpt-4o"),
        ("gpt-4o-20240806", "openai/gpt-4o"),
        ("claude-sonnet-4.5", "anthropic/claude-sonnet-4-5"),
        ("Azure/GPT-4o", "azure/gpt-4o"),
        ("together_ai/meta-llama/llama-3.3-70b-instruct-turbo", "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("MY-PROD", "azure/gpt-4o"),
        ("gpt-4oo", "gpt-4oo"),
        ("gpt-4o-latest", "gpt-4o-latest"),
        ("my-model", "my-model"),
        ("OPENROUTER/anthropic/claude-sonnet-4.5:online", "OPENROUTER/anthropic/claude-sonnet-4.5:online"),
    ],
)
def test_a_budget_is_the_models_in_other_case_and_with_other_separators(name: str, means: str) -> None:
    """Who tells a cost needs no price, and spends of that model's budget; another letter is another model."""
    engine = PricingEngine(aliases={"my-prod": "azure/gpt-4o"})
    assert engine.budget_id(name) == means


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


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        (
            "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("aws/amazon.nova-pro-v1:0", "bedrock/amazon.nova-pro-v1:0"),
        ("azure/gpt-4o-2024-11-20", "azure/gpt-4o"),
        ("azure/eu/gpt-4o-2024-11-20", "azure/eu/gpt-4o"),
        ("vertex_ai/gemini-2.5-pro", "vertex_ai/gemini-2.5-pro"),
        ("vertex/claude-sonnet-4-5@20250929", "vertex_ai/claude-sonnet-4-5"),
        ("vertex_ai/openai/gpt-oss-120b-maas", "vertex_ai/openai/gpt-oss-120b-maas"),
        ("groq/openai/gpt-oss-120b", "groq/openai/gpt-oss-120b"),
        ("together/Qwen/Qwen3.7-Max", "together_ai/Qwen/Qwen3.7-Max"),
        ("openrouter/anthropic/claude-sonnet-4.5", "openrouter/anthropic/claude-sonnet-4.5"),
        ("grok-4.5", "xai/grok-4.5"),
        ("x-ai/grok-latest", "xai/grok-4.5"),
        ("GLM-5.3", "zai/glm-5.3"),
        ("rerank-v3.5", "cohere/rerank-v3.5"),
    ],
)
def test_hosts_and_makers_are_found_by_their_prefix(name: str, canonical: str) -> None:
    """A host's id needs the host's name, and is a price of its own; a maker's needs none."""
    assert ENGINE.canonical(name) == canonical
    assert ENGINE.calculate(name, 1000) > 0


def test_a_region_is_a_price_of_its_own() -> None:
    """Azure's data zones and Bedrock's region prefixes cost about a tenth more."""
    assert ENGINE.calculate("azure/eu/gpt-4o-2024-11-20", 10**6) == Decimal("2.75")
    assert ENGINE.calculate("azure/gpt-4o-2024-11-20", 10**6) == Decimal("2.50")
    assert ENGINE.calculate("bedrock/us.anthropic.claude-sonnet-5", 10**6) == Decimal("2.20")
    assert ENGINE.calculate("bedrock/global.anthropic.claude-sonnet-5", 10**6) == Decimal("2.00")


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("bedrock/us.anthropic.claude-sonet-5", "bedrock/us.anthropic.claude-sonnet-5"),
        ("azure/gpt-4o-2024-11-21", "azure/gpt-4o"),
        ("azur/gpt-4o-2024-11-20", "azure/gpt-4o"),
        ("openrouter/anthropic/claude-sonet-4.5", "openrouter/anthropic/claude-sonnet-4.5"),
        ("groq/gpt-oss-120b", "groq/openai/gpt-oss-120b"),
        ("mistral-large-latst", "mistral/mistral-large-latest"),
    ],
)
def test_near_miss_of_a_host_names_that_hosts_ids(name: str, close: str) -> None:
    """With the prefix named, what may have been meant is looked for there."""
    with pytest.raises(UnknownModelError) as caught:
        ENGINE.calculate(name, 1)
    assert close in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "ollama/llama2",  # 0 in litellm's table
        "bedrock/us-east-1/1-month-commitment/anthropic.claude-v2:1",  # rented by the hour
        "openrouter/auto",
        "claude-sonnet-4-5-20250929-v1:0",  # a host's id without the host and the maker
        "openai/gpt-5-1",  # a spelling that OpenAI does not have
        "bedrock/",
        "/gpt-4o",
        "azure//gpt-4o",
        "openai/azure/gpt-4o",
    ],
)
def test_what_has_no_sure_price_is_not_free(name: str) -> None:
    """Zeros and slips of the sources, rented capacity, near misses: an error each, whatever is asked."""
    for counts in ((0, 0), (1, 0), (1000, 1000)):
        with pytest.raises(UnknownModelError):
            ENGINE.calculate(name, *counts)


def test_no_letter_of_an_id_may_be_changed() -> None:
    """One letter less, more or other than an id of the makers is no id, or one that is listed."""
    listed = {name for file in load_bundled() for entry in file.models for name in entry.ids()}
    for name in sorted(listed)[::7]:
        for near in (name[:-1], f"{name}x", f"x{name}", name.swapcase()):
            if near not in listed:
                assert TABLE.find(near) is None


def test_an_unknown_bare_id_reads_no_hosts_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The long tail is read only when its prefix is named, and then only that file."""
    read: list[str] = []
    scan = bundled.Sheet
    monkeypatch.setattr(bundled, "Sheet", lambda path: (read.append(path.name), scan(path))[1])
    table = bundled.Bundled()
    assert table.find("no-such-model") is None
    assert table.find("gpt-4o") is not None
    table.close_to("no-such-model")
    assert read == sorted(path.name for path in bundled.PRICES.glob("*.yaml"))
    read.clear()
    assert table.find("groq/no-such-model") is None
    assert table.find("groq/openai/gpt-oss-120b") is not None
    assert read == ["groq.yaml"]


@pytest.mark.parametrize(("age_days", "warned"), [(45, False), (46, True), (400, True)])
def test_an_old_table_is_said_once(
    age_days: int, warned: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """More than 45 days after it was checked, in the log, one time in a process."""
    monkeypatch.setattr(bundled, "_said", [])
    checked = date(2026, 11, 24)
    with caplog.at_level("WARNING", "coreason_budget"):
        for _ in range(3):
            bundled.say_if_old(checked, checked + timedelta(days=age_days))
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == warned
    assert all(str(checked) in line and f"{age_days} days" in line for line in said)


def test_an_override_under_another_name_of_a_model_is_that_models(tmp_path: Path) -> None:
    """GLM-5.3 and glm-5.3 are one model: the user's price of one is the price of both."""
    price = {"input_cost_per_token": "0.000009", "output_cost_per_token": "0.000009"}
    engine = PricingEngine({"GLM-5.3": price})
    assert engine.calculate("GLM-5.3", 10**6) == 9
    assert engine.calculate("zai/GLM-5.3", 10**6) == 9
    assert engine.canonical("GLM-5.3") == "zai/glm-5.3"
