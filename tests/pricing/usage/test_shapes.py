"""Usage of the many who are not OpenAI, Anthropic or Gemini, and what whole answers add to it."""

from contextlib import suppress
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing import PricingEngine, Usage
from coreason_budget.pricing.usage import read_usage
from tests.pricing.usage.test_buckets import CHAT, GEMINI, MESSAGE, RESPONSE, as_objects, changed

LITELLM = {
    "prompt_tokens": 2750,
    "completion_tokens": 300,
    "total_tokens": 3050,
    "cache_creation_input_tokens": 700,
    "cache_read_input_tokens": 2000,
    "prompt_tokens_details": {
        "cached_tokens": 2000,
        "cache_creation_tokens": 700,
        "cache_creation_token_details": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
        "audio_tokens": None,
        "text_tokens": 50,
    },
    "completion_tokens_details": None,
    "server_tool_use": {"web_search_requests": 2},
    "cost": None,
}
CONVERSE = {
    "usage": {
        "inputTokens": 50,
        "outputTokens": 300,
        "totalTokens": 3050,
        "cacheReadInputTokens": 2000,
        "cacheWriteInputTokens": 700,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 200}, {"ttl": "5m", "inputTokens": 500}],
    },
    "serviceTier": {"type": "default"},
    "performanceConfig": {"latency": "standard"},
}
COHERE = {
    "billed_units": {"input_tokens": 100.0, "output_tokens": 20.0},
    "tokens": {"input_tokens": 170.0, "output_tokens": 22.0},
}
XAI = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1300,
    "prompt_tokens_details": {"text_tokens": 900, "audio_tokens": 0, "image_tokens": 100, "cached_tokens": 600},
    "completion_tokens_details": {"reasoning_tokens": 200, "audio_tokens": 0},
    "server_side_tool_usage_details": {"web_search_calls": 2, "x_search_calls": 1},
    "cost_in_usd_ticks": 37_756_001,
}
PERPLEXITY = {
    "prompt_tokens": 33,
    "completion_tokens": 7163,
    "total_tokens": 7196,
    "citation_tokens": 20016,
    "num_search_queries": 18,
    "reasoning_tokens": 73997,
    "cost": {"input_tokens_cost": 0.001, "total_cost": 0.5},
}
MISTRAL = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "prompt_audio_seconds": 7}
BOTH = Usage(input=50, cache_read=2000, cache_write=500, cache_write_1h=200, output=300)

READ = [
    (LITELLM, Usage(input=50, cache_read=2000, cache_write=500, cache_write_1h=200, output=300, web_search=2)),
    (CONVERSE, BOTH),
    (changed(CONVERSE, "usage.totalTokens", 350), BOTH),
    ({"inputTokens": 5, "outputTokens": 2}, Usage(input=5, output=2)),
    ({"usage": COHERE}, Usage(input=100, output=20)),
    ({"meta": COHERE, "text": "hello"}, Usage(input=100, output=20)),
    ({"usage": {"tokens": {"input_tokens": 17, "output_tokens": 2}}}, Usage(input=17, output=2)),
    ({"meta": {"billed_units": {"search_units": 2}}}, Usage(per_request=2)),
    ({"meta": {"billed_units": {"input_tokens": 9, "images": 3}}}, Usage(input=9, per_image=3)),
    ({"meta": {"billed_units": {"image_tokens": 900, "images": 3}}}, Usage(input_image=900)),
    (
        XAI,
        Usage(
            input=300,
            cache_read=600,
            input_image=100,
            output=100,
            reasoning=200,
            web_search=3,
            reported_nanos=3_775_601,
        ),
    ),
    (
        PERPLEXITY,
        Usage(input=20049, output=7163, reasoning=73997, web_search=18, reported_nanos=500_000_000),
    ),
    (MISTRAL, Usage(input=100, output=20, per_second=7)),
    ({**MISTRAL, "prompt_audio_seconds": None}, Usage(input=100, output=20, per_second=0)),
    (
        {**MISTRAL, "total_tokens": 420, "connector_tokens": 300, "connectors": {"web_search": 2}},
        Usage(input=400, output=20, per_second=7, web_search=2),
    ),
    # DeepSeek
    (
        {"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 3},
        Usage(input=3, cache_read=6, output=1),
    ),
    ({"usage": {"type": "duration", "seconds": 3.25}}, Usage(per_second=Decimal("3.25"))),
    # a realtime answer tells its cached audio apart
    (
        {
            "input_tokens": 100,
            "output_tokens": 30,
            "input_token_details": {
                "cached_tokens": 50,
                "audio_tokens": 60,
                "cached_tokens_details": {"text_tokens": 30, "audio_tokens": 20},
            },
            "output_token_details": {"audio_tokens": 10},
        },
        Usage(input=10, cache_read=30, input_audio=40, cache_read_audio=20, output=20, output_audio=10),
    ),
]


@pytest.mark.parametrize("form", [lambda usage: usage, as_objects], ids=["mapping", "object"])
@pytest.mark.parametrize(("usage", "expected"), READ)
def test_usage_is_read_into_disjoint_buckets(usage: Any, expected: Usage, form: Any) -> None:
    """Whoever counts, no token is lost and none is counted twice."""
    assert read_usage(form(usage)) == expected


def test_one_call_is_the_same_usage_in_three_languages() -> None:
    """Anthropic's own count, Bedrock's and LiteLLM's of the same call."""
    searches = {"server_tool_use": {"web_search_requests": 0}}
    messages = read_usage({**MESSAGE, **searches})
    assert messages == read_usage(CONVERSE) == read_usage({**LITELLM, **searches})


@pytest.mark.parametrize(
    ("usage", "path", "value", "field"),
    [
        (LITELLM, "prompt_tokens_details.cached_tokens", 2051, "cached_tokens"),
        (LITELLM, "prompt_tokens_details.cache_creation_tokens", 2751, "cache_creation_tokens"),
        (
            LITELLM,
            "prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens",
            701,
            "cache_creation_tokens",
        ),
        (CONVERSE, "usage.inputTokens", None, "usage"),
        (CONVERSE, "usage.outputTokens", None, "outputTokens"),
        (CONVERSE, "usage.totalTokens", 349, "totalTokens"),
        (CONVERSE, "usage.totalTokens", 3051, "totalTokens"),
        (CONVERSE, "usage.cacheWriteInputTokens", 701, "cacheWriteInputTokens"),
        (CONVERSE, "usage.cacheReadInputTokens", -1, "cacheReadInputTokens"),
        (CONVERSE, "usage.cacheDetails", [{"ttl": "1d", "inputTokens": 5}], "cacheDetails"),
        (CONVERSE, "usage.cacheDetails", "none", "cacheDetails"),
        (COHERE, "billed_units.input_tokens", 1.5, "input_tokens"),
        (COHERE, "billed_units.output_tokens", -1.0, "output_tokens"),
        (COHERE, "billed_units", {"search_units": True}, "search_units"),
        ({"usage": {"tokens": {"output_tokens": 5}}}, "usage.billed_units", None, "input_tokens"),
        (XAI, "prompt_tokens_details.image_tokens", 1001, "image_tokens"),
        (XAI, "completion_tokens_details.reasoning_tokens", 199, "total_tokens"),
        (XAI, "cost_in_usd_ticks", 1.5, "cost_in_usd_ticks"),
        (XAI, "cost_in_usd_ticks", -1, "cost_in_usd_ticks"),
        (PERPLEXITY, "cost.total_cost", "much", "cost.total_cost"),
        (MISTRAL, "prompt_audio_seconds", "7", "prompt_audio_seconds"),
        ({"type": "duration"}, "seconds", -1, "seconds"),
        ({"type": "duration"}, "seconds", float("nan"), "seconds"),
    ],
)
def test_usage_that_does_not_add_up_is_refused_by_field(
    usage: dict[str, Any], path: str, value: Any, field: str
) -> None:
    """A part above its whole, a negative, a fraction of a token: an error that names the field."""
    with pytest.raises(InvalidAmountError) as caught:
        read_usage(changed(usage, path, value))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("answer", "service"),
    [
        ({**CONVERSE, "serviceTier": {"type": "priority"}}, "priority"),
        ({**CONVERSE, "performanceConfig": {"latency": "optimized"}}, "optimized"),
        ({"service_tier": "on_demand", "usage": CHAT}, "standard"),
    ],
)
def test_granted_service_is_read(answer: dict[str, Any], service: str) -> None:
    """Where it stands differs; that it counts does not."""
    assert read_usage(answer).service == service


def test_service_of_the_caller_counts_only_where_none_is_reported() -> None:
    """An OpenAI batch does not say that it is one; a tier that was granted is the one to bill."""
    assert read_usage(CHAT, "batch").service == "batch"
    assert read_usage({"usage": CHAT}, "batch").service == "batch"
    assert read_usage({"usage": CHAT, "service_tier": "default"}, "priority").service == "standard"
    assert PricingEngine().cost_of(CHAT, "gpt-4o", service="batch").service == "batch"


def test_searches_that_a_response_lists_are_counted() -> None:
    """The usage of OpenAI's responses does not tell them; opening a page is not one."""
    output = [
        {"type": "reasoning"},
        {"type": "web_search_call", "action": {"type": "search", "query": "x"}},
        {"type": "web_search_call", "action": {"type": "open_page", "url": "x"}},
        {"type": "web_search_call"},
    ]
    answer = {"usage": RESPONSE, "output": output}
    assert read_usage(answer).web_search == 2
    assert read_usage(as_objects(answer)).web_search == 2
    assert read_usage({"usage": RESPONSE, "output": {"text": "x"}}).web_search == 0


def test_absent_fields_of_mistrals_package_are_absent() -> None:
    """It has an object of its own for them."""
    unset = type("Unset", (), {"__bool__": lambda self: False})()
    usage = SimpleNamespace(
        prompt_tokens=5, completion_tokens=2, total_tokens=7, prompt_audio_seconds=unset, num_cached_tokens=unset
    )
    assert read_usage(usage) == Usage(input=5, output=2, per_second=0)


def names_of(value: Any) -> set[str]:
    """Every field name in the examples."""
    if isinstance(value, dict):
        return set(value).union(*map(names_of, value.values()))
    return set().union(*map(names_of, value)) if isinstance(value, list) else set()


EXAMPLES = [usage for usage, _ in READ] + [CHAT, RESPONSE, MESSAGE, GEMINI]
NAMES = sorted(names_of(EXAMPLES) | {"usage", "usage_metadata", "meta", "output", "is_byok", "serviceTier", "type"})
NUMBERS = st.integers() | st.floats() | st.decimals() | st.sampled_from([0, 5, Decimal("1e999999")])
NUMBERS |= st.just(5000).map(lambda digits: 10**digits)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)


@pytest.mark.slow
@settings(max_examples=500)
@given(ANYTHING, st.sampled_from(EXAMPLES), st.data())
def test_any_usage_is_read_or_refused(garbage: Any, example: Any, data: st.DataObject) -> None:
    """Whatever stands in a usage, there is no other error: no provider can crash who settles."""
    field = data.draw(st.sampled_from(sorted(example)))
    for usage in (garbage, {**example, field: garbage}, as_objects({**example, field: garbage})):
        with suppress(InvalidAmountError):
            assert any(read_usage(usage).counts)
