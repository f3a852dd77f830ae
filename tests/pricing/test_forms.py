"""Ids as consoles, answers, SDKs and routers write them: each form found exactly, and nothing by likeness."""

import re
from decimal import Decimal

import pytest

from coreason_budget.errors import UnknownModelError
from coreason_budget.pricing import PricingEngine, bundled
from coreason_budget.pricing.catalog import Catalog
from coreason_budget.pricing.forms import FORMS, Form
from coreason_budget.pricing.hidden import HIDDEN, Hidden, why_hidden
from coreason_budget.pricing.names import readings
from coreason_budget.pricing.prefixes import SDKS, SLASHED

ENGINE = PricingEngine()
CATALOG = Catalog({}, None)
A_REGION = re.compile(r"bedrock(?:_mantle)?/[a-z]{2}(?:-gov)?-[a-z]+-[0-9]/")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.example)
def test_a_form_means_its_model(form: Form) -> None:
    """The example goes by the canonical id that the row names, at that id's price, and only by its form."""
    assert ENGINE.canonical(form.example) == form.means
    assert ENGINE.card(form.example) == ENGINE.card(form.means)
    assert form.first or CATALOG.listed(form.example) is None


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.unknown)
def test_a_form_of_an_unknown_model_stays_unknown(form: Form) -> None:
    """A form says what an id means; it never makes an id known that the table has not."""
    assert ENGINE.canonical(form.unknown) == form.unknown
    with pytest.raises(UnknownModelError):
        ENGINE.calculate(form.unknown, 1, 1)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.example)
def test_a_form_is_written_exactly(form: Form) -> None:
    """One letter more in front of the form, or another case, is no form."""
    for near in (f"x{form.example}", form.example.upper(), f"{form.example}\n"):
        if near != form.example:
            with pytest.raises(UnknownModelError):
                ENGINE.calculate(near, 1, 1)


@pytest.mark.parametrize("hidden", HIDDEN, ids=lambda hidden: hidden.example)
def test_an_id_that_hides_its_model_says_so(hidden: Hidden) -> None:
    """Unknown with the reason; it is its own canonical id."""
    assert why_hidden(hidden.example) == hidden.why
    assert ENGINE.canonical(hidden.example) == hidden.example
    with pytest.raises(UnknownModelError, match=re.escape(hidden.why)):
        ENGINE.calculate(hidden.example, 1, 1)


@pytest.mark.parametrize("hidden", HIDDEN, ids=lambda hidden: hidden.example)
def test_what_is_hidden_is_so_inside_another_form(hidden: Hidden) -> None:
    """A framework's prefix before it changes nothing."""
    for prefix in ("litellm/", "bedrock:", "google-vertex:", "fireworks:", "openrouter:"):
        with pytest.raises(UnknownModelError):
            ENGINE.calculate(prefix + hidden.example, 1, 1)


@pytest.mark.parametrize(("provider", "names", "model"), SDKS, ids=lambda value: str(value)[:20])
def test_every_name_of_a_provider_before_a_colon(provider: str, names: str, model: str) -> None:
    """As pydantic-ai, LangChain, agno and aisuite write it."""
    for name in names.split():
        assert ENGINE.canonical(f"{name}:{model}") == ENGINE.canonical(f"{provider}/{model}")
        assert ENGINE.card(f"{name}:{model}").provider == provider


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("ft:gpt-4o-mini-2024-07-18:acme:support:BZx1AbCd", "openai/ft:gpt-4o-mini-2024-07-18"),
        ("ft:gpt-3.5-turbo-0125:acme:support:BZx1AbCd:ckpt-step-90", "openai/ft:gpt-3.5-turbo-0125"),
        ("openai:ft:gpt-4.1-2025-04-14:acme::BZx1AbCd", "openai/ft:gpt-4.1-2025-04-14"),
        ("openai:gpt-4o-2024-08-06", "openai/gpt-4o"),
        (
            "bedrock_converse/converse/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (
            "bedrock/converse/arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-5",
            "bedrock/eu.anthropic.claude-opus-5",
        ),
        (
            "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/anthropic.claude-opus-5",
            "bedrock/us-gov-west-1/anthropic.claude-opus-5",
        ),
        ("bedrock/us-gov-west-1/amazon.nova-pro-v1:0", "bedrock/us-gov-west-1/amazon.nova-pro-v1:0"),
        (
            "projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929",
            "vertex_ai/claude-sonnet-4-5",
        ),
        ("vertex_ai/publishers/google/models/gemini-2.5-pro", "vertex_ai/gemini-2.5-pro"),
        ("google-genai:models/gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("openrouter:anthropic/claude-sonnet-4.5:floor", "openrouter/anthropic/claude-sonnet-4.5"),
        ("fireworks:gpt-oss-20b", "fireworks_ai/accounts/fireworks/models/gpt-oss-20b"),
        ("huggingface:Qwen/Qwen3-32B:groq", "huggingface/groq/Qwen/Qwen3-32B"),
        ("us.anthropic.claude-opus-4-6-v1[1m]", "bedrock/us.anthropic.claude-opus-4-6-v1"),
    ],
)
def test_forms_stand_in_forms(written: str, canonical: str) -> None:
    """A framework's prefix, a router's suffix and the provider's own form at once."""
    assert ENGINE.canonical(written) == canonical


@pytest.mark.parametrize(
    "written",
    [
        "ft:gpt-4o-mini:acme::BZx1AbCd",  # no such base is priced
        "ft:gpt-4o-mini-2024-07-18:acme",
        "gpt-4o-mini-2024-07-18:acme::BZx1AbCd",
        "bedrock/eu-west-2/amazon.nova-pro-v1:0",  # dearer there, and nobody knows by how much
        "arn:aws:bedrock:eu-west-2::foundation-model/meta.llama3-1-8b-instruct-v1:0",
        "bedrock/anthropic.claude-3-sonnet-20240229-v1:0:200k",  # rented by the hour
        "publishers/openai/models/gpt-4o",
        "openrouter/anthropic/claude-sonnet-4.5:exacto",
        "openrouter/anthropic/claude-sonnet-4.5:extended",
        "openrouter/anthropic/claude-sonnet-4.5:free",
        "anthropic/claude-sonnet-4.5:nitro",
        "openai/gpt-oss-120b:cheapest",
        "openai:azure/gpt-4o",
        "gateway/openai:gpt-4o",
        "ollama:llama3.2",
        "github:openai/gpt-4o",
    ],
)
def test_what_only_looks_like_a_form_is_unknown(written: str) -> None:
    """Forms that cost otherwise, whose host is not in the table, or that nobody writes."""
    with pytest.raises(UnknownModelError):
        ENGINE.calculate(written, 1, 1)


def test_a_form_never_chooses_another_price_for_a_fine_tune() -> None:
    """Twice the plain model's."""
    assert ENGINE.calculate("ft:gpt-4o-mini-2024-07-18:acme::BZx1AbCd", 10**6) == ENGINE.calculate(
        "ft:gpt-4o-mini-2024-07-18", 10**6
    )
    assert ENGINE.calculate("ft:gpt-4o-mini-2024-07-18:acme::BZx1AbCd", 10**6) == 2 * ENGINE.calculate(
        "gpt-4o-mini-2024-07-18", 10**6
    )


@pytest.mark.slow
def test_every_spelling_of_every_model_has_one_canonical_id() -> None:
    """Over the table and the forms: what an id of the table means in any form is that model.

    A region of Bedrock in the id is a price of its own, and so a model of its own.
    """
    prefixes: dict[str, list[str]] = {}
    for provider, names, _ in SDKS:
        prefixes.setdefault(provider, []).extend(f"{name}:" for name in names.split())
    for name, provider, _ in SLASHED:
        prefixes.setdefault(provider, []).append(f"{name}/")
    for entry in bundled.shared().entries():
        for model in (id for id in entry.ids() if not A_REGION.match(f"{entry.provider}/{id}")):
            whole = f"{entry.provider}/{model}"
            canonical = ENGINE.canonical(whole)
            spellings = [f"{prefix}{model}" for prefix in prefixes.get(entry.provider, [])]
            for written in (f"litellm/{whole}", *spellings):
                assert ENGINE.canonical(written) == canonical, written
            for meant in readings(whole):
                if (other := CATALOG.resolve(meant)) is not None:
                    assert other[1].canonical == canonical, (whole, meant)


def test_a_known_id_is_looked_up_once() -> None:
    """Forms are read when the table has no such id; but those of Bedrock and Fireworks that stand first."""
    for model in ("gpt-4o", "openai/gpt-4o", "claude-sonnet-4-5-20250929", "azure/gpt-4o", "groq/openai/gpt-oss-120b"):
        assert next(readings(model)) == model


def test_a_misspelt_form_names_the_closest_ids_of_its_host() -> None:
    """The hint is looked for where the form leads."""
    for written, close in (
        ("us.anthropic.claude-sonet-5", "bedrock/us.anthropic.claude-sonnet-5"),
        ("models/gemini-2.5-pto", "gemini/gemini-2.5-pro"),
        ("groq:gpt-oss-120b", "groq/openai/gpt-oss-120b"),
    ):
        with pytest.raises(UnknownModelError, match=re.escape(close)):
            ENGINE.card(written)


def test_an_override_under_a_form_is_of_the_model() -> None:
    """As under any other name."""
    price = {"input_cost_per_token": "0.000009", "output_cost_per_token": "0.000009"}
    engine = PricingEngine({"openai:gpt-4o": price, "azure/my-prod": price})
    for name in ("gpt-4o", "openai/gpt-4o", "openai:gpt-4o", "azure:my-prod"):
        assert engine.calculate(name, 10**6) == 9
    assert engine.canonical("openai:gpt-4o") == "openai/gpt-4o"
    assert engine.canonical("azure:my-prod") == "azure/my-prod"
    regional = PricingEngine({"bedrock/us-east-1/anthropic.claude-sonnet-4-5-20250929-v1:0": price})
    assert regional.calculate("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 10**6) == 9
    assert regional.calculate("global.anthropic.claude-sonnet-4-5-20250929-v1:0", 10**5) == Decimal("0.30")
