"""Which price a call has whose answer names a model: its own, the reserved one's by another name, or none."""

from itertools import pairwise

import pytest

from coreason_budget.errors import UnknownModelError
from coreason_budget.pricing import PricingEngine
from coreason_budget.pricing.price import ModelPrice

ENGINE = PricingEngine()


@pytest.mark.parametrize(
    ("reserved", "answered"),
    [
        ("azure/gpt-4o", "gpt-4o-2024-08-06"),
        ("azure/gpt-4o-2024-05-13", "gpt-4o"),
        ("gpt-4o", "gpt-4o-2027-08-06"),
        ("gpt-5.6-sol", "gpt-5.6-sol-2026-07-09"),
        ("openai:gpt-4o", "gpt-4o-2024-11-20"),
        ("gpt-5", "GPT-5"),
        ("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929"),
        ("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("us.anthropic.claude-opus-5", "claude-opus-5-20260723"),
        ("bedrock/us.deepseek.v3.2", "deepseek.v3.2"),
        ("bedrock/us-gov-west-1/anthropic.claude-sonnet-5", "claude-sonnet-5"),
        ("vertex_ai/gemini-2.5-pro", "gemini-2.5-pro"),
        ("vertex_ai/gemini-2.5-pro", "models/gemini-2.5-pro"),
        ("vertex_ai/claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        ("gemini-2.0-flash", "gemini-2.0-flash-001"),
        ("openrouter/anthropic/claude-sonnet-4.5:nitro", "anthropic/claude-4.5-sonnet-20250929"),
        ("groq/openai/gpt-oss-120b", "openai/gpt-oss-120b"),
        ("cerebras/gpt-oss-120b", "openai/gpt-oss-120b"),
        ("together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("fireworks_ai/accounts/fireworks/models/gpt-oss-120b", "accounts/fireworks/models/gpt-oss-120b"),
        ("huggingface/groq/Qwen/Qwen3-32B", "Qwen/Qwen3-32B"),
        ("databricks/databricks-claude-sonnet-4-5", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("azure_ai/claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        ("azure/gpt-35-turbo", "gpt-3.5-turbo-0125"),
        ("databricks/databricks-gpt-oss-120b", "gpt-oss-120b-080525"),
        ("databricks/databricks-meta-llama-3-3-70b-instruct", "meta-llama-3.3-70b-instruct-121024"),
        ("oci/openai.gpt-5-nano", "gpt-5-nano"),
        ("azure_ai/deepseek-r1", "DeepSeek-R1"),
        ("vercel_ai_gateway/openai/gpt-4o", "gpt-4o-2024-08-06"),
        ("mistral-large-latest", "mistral-large-2712"),
        ("ft:gpt-4o-mini-2024-07-18:acme::BZx1AbCd", "gpt-4o-mini-2024-07-18"),
    ],
)
def test_an_answer_may_name_the_reserved_model_otherwise(reserved: str, answered: str) -> None:
    """A snapshot of it, its maker's own name, less or more of its path: the reserved model's price."""
    assert ENGINE.same_model(answered, reserved)
    assert ENGINE.card(ENGINE.priced_model(answered, reserved)) == ENGINE.card(reserved)


@pytest.mark.parametrize(
    ("reserved", "answered", "priced"),
    [
        ("azure/gpt-4o", "gpt-4o-mini-2024-07-18", "azure/gpt-4o-mini"),
        ("azure/gpt-4o", "gpt-4o-2024-05-13", "azure/gpt-4o-2024-05-13"),
        ("azure/eu/gpt-4o", "gpt-4o-mini-2024-07-18", "azure/eu/gpt-4o-mini"),
        ("gpt-4o", "gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini"),
        ("gpt-4o", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"),
        ("gpt-4o", "azure/eu/gpt-4o", "azure/eu/gpt-4o"),
        ("gpt-4o-mini", "ft:gpt-4o-mini-2024-07-18:acme::BZx1AbCd", "openai/ft:gpt-4o-mini-2024-07-18"),
        ("mistral-large-latest", "mistral-large-2512", "mistral/mistral-large-2512"),
        (
            "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "claude-haiku-4-5-20251001",
            "bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0",
        ),
        ("bedrock/us.openai.gpt-5.4", "gpt-5.5", "bedrock/us.openai.gpt-5.5"),
        ("bedrock/anthropic.claude-opus-4-7", "us.anthropic.claude-opus-4-7", "bedrock/us.anthropic.claude-opus-4-7"),
        ("vertex_ai/claude-sonnet-4-5@20250929", "claude-opus-4-5-20251101", "vertex_ai/claude-opus-4-5"),
        ("groq/openai/gpt-oss-120b", "openai/gpt-oss-20b", "groq/openai/gpt-oss-20b"),
        ("moonshot/kimi-k2-0905-preview", "kimi-k2", "moonshot/kimi-k2"),
        ("openrouter/auto", "anthropic/claude-sonnet-4.5", "openrouter/anthropic/claude-sonnet-4.5"),
        ("my-router", "gpt-4o", "openai/gpt-4o"),
    ],
)
def test_another_model_has_its_own_price_where_it_was_called(reserved: str, answered: str, priced: str) -> None:
    """At the host and in the region that was called; from a router, wherever it is known."""
    assert not ENGINE.same_model(answered, reserved)
    assert ENGINE.canonical(ENGINE.priced_model(answered, reserved)) == priced


@pytest.mark.parametrize(
    ("reserved", "answered"),
    [
        ("gpt-4o", "gpt-4o-mini-2027-08-06"),
        ("gpt-4o-2024-08-06", "gpt-4o-2027-08-06"),
        ("databricks/databricks-gpt-oss-120b", "gpt-oss-20x-080525"),
        ("azure/gpt-35-turbo-instruct", "gpt-3.5-turbo-0125"),
        ("azure/eu/gpt-4o", "gpt-9"),
        ("azure/eu/gpt-4o", "phi-4"),
        ("azure/my-prod", "some-model"),
        ("groq/llama-3.3-70b-versatile", "gpt-4o"),
        ("us.anthropic.claude-opus-5", "claude-sonnet-9"),
        ("bedrock/eu-west-2/meta.llama3-70b-instruct-v1:0", "meta.llama2-13b-chat-v1"),
        ("bedrock/arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3", "claude-sonnet-5"),
        ("openrouter/auto", "anthropic/claude-sonnet-99"),
        ("openrouter/anthropic/claude-sonnet-4.5:online", "anthropic/claude-sonnet-4.5"),
        ("fireworks_ai/accounts/fireworks/models/gpt-oss-120b", "accounts/acme/models/gpt-oss-120b"),
        ("xai/grok-4.5", "grok-4.5-build"),
        ("together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo", "meta-llama/Llama-3.3-70B-Instruct"),
    ],
)
def test_what_is_neither_is_refused_with_both_named(reserved: str, answered: str) -> None:
    """No price is taken from another host, another region or a model of a like name."""
    assert not ENGINE.same_model(answered, reserved)
    with pytest.raises(UnknownModelError) as caught:
        ENGINE.priced_model(answered, reserved)
    assert repr(reserved) in str(caught.value)
    assert repr(answered) in str(caught.value)
    assert caught.value.model == answered


def test_a_place_is_never_left_for_a_cheaper_one() -> None:
    """What Azure's data zone or Bedrock's profile has no price for is not had at the plain price."""
    for reserved, answered in (
        ("azure/eu/gpt-4o", "gpt-3.5-turbo"),
        ("us.anthropic.claude-opus-5", "amazon.rerank-v1:0"),
    ):
        host = reserved.partition("/")[0] if "/" in reserved else "bedrock"
        assert ENGINE.card(f"{host}/{answered}").provider == host
        with pytest.raises(UnknownModelError):
            ENGINE.priced_model(answered, reserved)


def test_every_model_answers_for_itself() -> None:
    """Whatever of its listed ids the answer names, with the provider or without: its own price."""
    for entry in ENGINE.models()[::5]:
        for name in entry.ids():
            for answered in (name, f"{entry.provider}/{name}"):
                found = ENGINE.card(ENGINE.priced_model(answered, entry.canonical))
                assert found.prices == ENGINE.card(entry.canonical).prices, (entry.canonical, answered)


def test_an_override_prices_whatever_answers_under_its_name() -> None:
    """The user gave a price to a name that nobody else knows; what stands behind it is theirs to say."""
    engine = PricingEngine({"my-prod": {"input_cost_per_token": "1e-6", "output_cost_per_token": "1e-6"}})
    assert engine.priced_model("gpt-4o-2024-08-06", "my-prod") == "my-prod"
    assert engine.priced_model("who-knows", "my-prod") == "my-prod"


def test_an_override_of_a_snapshot_prices_that_snapshots_answers() -> None:
    """Reserved by the model's name, answered by the snapshot's."""
    engine = PricingEngine({"gpt-4o-2024-08-06": {"input_cost_per_token": "9e-6", "output_cost_per_token": "9e-6"}})
    assert engine.calculate(engine.priced_model("gpt-4o-2024-08-06", "gpt-4o"), 10**6) == 9
    assert engine.calculate(engine.priced_model("gpt-4o-2024-11-20", "gpt-4o"), 10**6) == 2.5


def test_a_host_s_own_models_answer_at_its_price() -> None:
    """Of one host, any model may answer for any other, in that host's region or data zone and under its own id."""
    hosts: dict[str, list[ModelPrice]] = {}
    for entry in ENGINE.models():
        hosts.setdefault(entry.canonical[: -len(entry.model.rpartition("/")[2])], []).append(entry)
    found = 0
    for place, entries in hosts.items():
        for reserved, other in list(pairwise(entries))[::7]:
            answered = other.model.rpartition("/")[2]
            try:
                priced = ENGINE.priced_model(answered, reserved.canonical)
            except UnknownModelError:
                continue
            found += 1
            assert ENGINE.canonical(priced).startswith(place), (reserved.canonical, answered, priced)
    assert found > 400
