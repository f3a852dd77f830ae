"""Usage objects of the providers, as their interfaces document them, become disjoint buckets."""

from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import fields

from coreason_budget.errors import InvalidAmountError, UnknownModelError
from coreason_budget.pricing import PricingEngine, Usage
from coreason_budget.pricing.usage import read_usage

CHAT = {
    "prompt_tokens": 1000,
    "completion_tokens": 300,
    "total_tokens": 1300,
    "prompt_tokens_details": {"cached_tokens": 600, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 200,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
RESPONSE = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 100},
    "output_tokens": 300,
    "output_tokens_details": {"reasoning_tokens": 200},
    "total_tokens": 1300,
}
MESSAGE = {
    "input_tokens": 50,
    "cache_creation_input_tokens": 700,
    "cache_read_input_tokens": 2000,
    "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
    "output_tokens": 300,
    "server_tool_use": {"web_search_requests": 2},
    "service_tier": "standard",
    "inference_geo": "global",
}
GEMINI = {
    "prompt_token_count": 1000,
    "cached_content_token_count": 600,
    "candidates_token_count": 100,
    "thoughts_token_count": 200,
    "tool_use_prompt_token_count": 40,
    "total_token_count": 1340,
    "prompt_tokens_details": [
        {"modality": "TEXT", "token_count": 700},
        {"modality": "AUDIO", "token_count": 300},
    ],
    "cache_tokens_details": [{"modality": "AUDIO", "token_count": 100}, {"modality": "TEXT", "token_count": 500}],
}
GEMINI_JSON = {
    "promptTokenCount": 1000,
    "candidatesTokenCount": 100,
    "totalTokenCount": 1300,
    "thoughtsTokenCount": 200,
    "trafficType": "ON_DEMAND_PRIORITY",
}
READ = [
    (CHAT, Usage(input=400, cache_read=600, output=100, reasoning=200)),
    (RESPONSE, Usage(input=300, cache_read=600, cache_write=100, output=100, reasoning=200)),
    (
        MESSAGE,
        Usage(input=50, cache_read=2000, cache_write=500, cache_write_1h=200, output=300, web_search=2),
    ),
    (
        GEMINI,
        Usage(input=240, cache_read=500, input_audio=200, cache_read_audio=100, output=100, reasoning=200),
    ),
    (GEMINI_JSON, Usage(input=1000, output=100, reasoning=200, service="priority")),
    ({"prompt_tokens": 8, "total_tokens": 8}, Usage(input=8)),
    ({"input_tokens": 8, "output_tokens": 2}, Usage(input=8, output=2)),
    # no split: all writes are of 5 minutes
    (
        {"input_tokens": 8, "output_tokens": 2, "cache_creation_input_tokens": 5, "cache_read_input_tokens": None},
        Usage(input=8, output=2, cache_write=5),
    ),
    # reasoning beside the completion: the total tells
    (
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 35,
            "completion_tokens_details": {"reasoning_tokens": 20},
        },
        Usage(input=10, output=5, reasoning=20),
    ),
    # tokens that only the total has are never lost
    ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 35}, Usage(input=10, output=5, reasoning=20)),
    (
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "prompt_tokens_details": {"audio_tokens": 60, "cached_tokens": 80},
            "completion_tokens_details": {"audio_tokens": 30},
        },
        Usage(input_audio=60, cache_read=40, output=20, output_audio=30),
    ),
    ({**MESSAGE, "service_tier": "batch"}, "batch"),
    ({**MESSAGE, "speed": "fast"}, "fast"),
    ({**MESSAGE, "speed": "standard"}, "standard"),
    ({**MESSAGE, "inference_geo": "us"}, "us"),
    ({**MESSAGE, "service_tier": "batch", "inference_geo": "us"}, "batch_us"),
    ({"service_tier": "flex", "usage": CHAT}, "flex"),
    ({"service_tier": "default", "usage": RESPONSE}, "standard"),
    ({"usage_metadata": {**GEMINI_JSON, "trafficType": "ON_DEMAND"}}, "standard"),
]


def as_objects(value: Any) -> Any:
    """Give the same usage as the providers' packages do: by attribute, absent fields None."""
    if isinstance(value, dict):
        return SimpleNamespace(**{key: as_objects(item) for key, item in value.items()})
    return [as_objects(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("form", [lambda usage: usage, as_objects], ids=["mapping", "object"])
@pytest.mark.parametrize(("usage", "expected"), READ)
def test_usage_is_read_into_disjoint_buckets(usage: Any, expected: Any, form: Any) -> None:
    """No token is lost and none is counted twice, whatever the provider counts in what."""
    found = read_usage(form(usage))
    assert (found.service if isinstance(expected, str) else found) == expected


def test_enumerations_are_read_by_their_value() -> None:
    """Gemini's package gives modalities as an enumeration."""

    class Modality(Enum):
        AUDIO = "AUDIO"

    usage = {"prompt_token_count": 9, "prompt_tokens_details": [{"modality": Modality.AUDIO, "token_count": 4}]}
    assert read_usage(usage) == Usage(input=5, input_audio=4)


def changed(usage: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {**usage, first: changed(usage[first], rest, value) if rest else value}


@pytest.mark.parametrize(
    ("usage", "path", "value", "field"),
    [
        (CHAT, "prompt_tokens_details.cached_tokens", 1001, "cached_tokens"),
        (CHAT, "prompt_tokens_details.cached_tokens", True, "cached_tokens"),
        (CHAT, "completion_tokens_details.reasoning_tokens", 301, "reasoning_tokens"),
        (CHAT, "prompt_tokens", -1, "prompt_tokens"),
        (CHAT, "prompt_tokens", 1.5, "prompt_tokens"),
        (CHAT, "prompt_tokens", "1000", "prompt_tokens"),
        (CHAT, "prompt_tokens", 10**13, "prompt_tokens"),
        (CHAT, "completion_tokens", True, "completion_tokens"),
        (CHAT, "total_tokens", 1299, "total_tokens"),
        (CHAT, "total_tokens", 1400, "total_tokens"),
        (RESPONSE, "output_tokens", None, "total_tokens"),
        (RESPONSE, "input_tokens_details.cache_write_tokens", 500, "cached_tokens"),
        (MESSAGE, "cache_creation.ephemeral_1h_input_tokens", 201, "cache_creation_input_tokens"),
        (MESSAGE, "output_tokens", None, "output_tokens"),
        (MESSAGE, "cache_read_input_tokens", -5, "cache_read_input_tokens"),
        (MESSAGE, "input_tokens_details", {"cached_tokens": 1}, "input_tokens_details"),
        (MESSAGE, "service_tier", 5, "usage"),
        (GEMINI, "cached_content_token_count", 1001, "cached_content_token_count"),
        (GEMINI, "prompt_tokens_details", 5, "prompt_tokens_details"),
        (GEMINI, "total_token_count", 1341, "total_token_count"),
        (GEMINI, "thoughts_token_count", 1.0, "thoughts_token_count"),
    ],
)
def test_usage_that_does_not_add_up_is_refused_by_field(
    usage: dict[str, Any], path: str, value: Any, field: str
) -> None:
    """A part above its whole, a negative, a boolean, a missing count: an error that names it."""
    with pytest.raises(InvalidAmountError) as caught:
        read_usage(changed(usage, path, value))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "usage",
    [None, 5, "usage", [], {}, {"tokens": 5}, object(), {"usage": None}, {"completion_tokens": 5}, {"input_tokens": 0}],
)
def test_unknown_shape_is_refused(usage: object) -> None:
    """What is not known to be a usage is none."""
    with pytest.raises(InvalidAmountError):
        read_usage(usage)


_WORDS = ("service", "search_context")


@pytest.mark.parametrize("name", [field.name for field in fields(Usage) if field.name not in _WORDS])
def test_every_bucket_is_a_count(name: str) -> None:
    """A Usage cannot hold nonsense; only what may be untold is None, and only seconds have fractions."""
    nonsense: list[Any] = [-1, True, "1", -0.5, float("nan"), Decimal("inf"), Decimal("1e-41")]
    nonsense += [] if name in ("per_second", "per_request", "reported_nanos") else [None]
    nonsense += [] if name == "per_second" else [1.5, Decimal(1)]
    nonsense += [] if name == "reported_nanos" else [10**12 + 1]
    for bad in nonsense:
        with pytest.raises(InvalidAmountError, match=name):
            Usage(**{name: bad})


def test_cost_says_by_which_price() -> None:
    """A cost carries the tokens, the provider, the canonical id, the service and the price's date."""
    cost = PricingEngine().cost_of(MESSAGE, "claude-sonnet-4-5-20250929")
    # 50 x 3 + 2000 x 0.30 + 500 x 3.75 + 200 x 6 + 300 x 15 a million, and 2 searches at 10 a thousand
    assert cost.cost_nanos == 150_000 + 600_000 + 1_875_000 + 1_200_000 + 4_500_000 + 20_000_000
    assert (cost.input_tokens, cost.output_tokens) == (2750, 300)
    assert (cost.provider, cost.model, cost.service) == ("anthropic", "anthropic/claude-sonnet-4-5", "standard")
    assert cost.price_date == PricingEngine().card("claude-sonnet-4-5").checked
    assert cost.cost_usd * 10**9 == cost.cost_nanos


def test_audio_has_its_own_price() -> None:
    """gemini-2.5-flash: 240 x 0.30 + 500 x 0.03 + 200 x 1.00 + 100 x 0.10 + 300 x 2.50 a million."""
    cost = PricingEngine().cost_of(GEMINI, "gemini-2.5-flash")
    assert cost.cost_nanos == 72_000 + 15_000 + 200_000 + 10_000 + 750_000


@pytest.mark.parametrize("tier", ["scale", "ultra", "ultrafast"])
def test_service_without_a_price_is_refused(tier: str) -> None:
    """A tier that the table does not price is not billed as another."""
    with pytest.raises(UnknownModelError, match=tier):
        PricingEngine().cost_of({"service_tier": tier, "usage": CHAT}, "gpt-4o")


def test_search_without_a_price_is_refused() -> None:
    """A tool's use is never free by accident."""
    with pytest.raises(UnknownModelError, match="web_search"):
        PricingEngine().cost_of(MESSAGE, "o3-mini")
