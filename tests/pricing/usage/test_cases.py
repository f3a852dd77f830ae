"""Every usage that real libraries hand out costs what the provider bills, as mapping and as object."""

from collections import ChainMap, UserDict, deque
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pytest

from coreason_budget.errors import InvalidAmountError
from coreason_budget.pricing import PricingEngine
from coreason_budget.pricing.usage import Report, read_report
from tests.pricing.usage.cases import CASES, Case
from tests.pricing.usage.edge_cases import REFUSED
from tests.pricing.usage.test_buckets import as_objects

ENGINE = PricingEngine()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_usage_costs_what_the_provider_bills(case: Case) -> None:
    """To the nano."""
    assert ENGINE.cost_of(case.usage, case.model).cost_usd == Decimal(case.usd)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_object_says_what_a_mapping_does(case: Case) -> None:
    """SDKs give either."""
    if "by model" not in case.name:
        assert ENGINE.cost_of(as_objects(case.usage), case.model).cost_usd == Decimal(case.usd)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_report_is_read_again_from_its_content(case: Case) -> None:
    """What was kept as JSON costs the same."""
    again = Report.from_content(read_report(case.usage).content())
    assert ENGINE.cost_of(again, case.model).cost_usd == Decimal(case.usd)


@pytest.mark.parametrize(
    ("usage", "named"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 1, "brand_new_tokens": 5}, "brand_new_tokens"),
        (
            {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"novel_tokens": 5}},
            "prompt_tokens_details.novel_tokens",
        ),
        ({"input_tokens": 9, "output_tokens": 1, "extra": {"deep": [{"tokens": 5}]}}, r"extra.deep\[0\].tokens"),
        ({"input_tokens": 9, "output_tokens": 1, "billed": "12"}, "billed"),
        (
            {"input_tokens": 9, "output_tokens": 1, "cache_read_input_tokens": 1, "iterations": [{"type": "muse"}]},
            "muse",
        ),
        (
            {
                "usage": {"input_tokens": 9, "output_tokens": 1},
                "output": [{"type": "quantum_call"}],
            },
            "quantum_call",
        ),
        (
            {
                "usage": {"input_tokens": 9, "output_tokens": 1},
                "tool_usage": {"image_gen": {"input_tokens": 50, "output_tokens": 4160}},
            },
            "image_gen",
        ),
        (
            {
                "input_tokens": 9,
                "output_tokens": 1,
                "input_tokens_details": {"cache_write_tokens": 5, "cache_write_tokens_details": {"ttl_12h_tokens": 5}},
            },
            "ttl_12h_tokens",
        ),
        # What is written to a cache stands in message_start by time, and in no later event.
        (
            {
                "type": "message_delta",
                "usage": {"input_tokens": 9, "output_tokens": 1, "cache_creation_input_tokens": 5},
            },
            "message_start",
        ),
        # Google's package answered a tool call by itself: two requests, of which one tells its usage.
        (
            {
                "usage_metadata": {"prompt_token_count": 9, "candidates_token_count": 1},
                "automatic_function_calling_history": [{"role": "user"}, {"role": "model"}],
            },
            "last request alone",
        ),
        (
            {
                "total_input_tokens": 9,
                "total_output_tokens": 1,
                "grounding_tool_count": [{"type": "retrieval", "count": 1}],
            },
            "retrieval",
        ),
        (
            {
                "promptTokens": 9,
                "promptTextTokens": 9,
                "completionTokens": 1,
                "serverSideToolsUsed": ["SERVER_SIDE_TOOL_IMAGE_GENERATION"],
            },
            "IMAGE_GENERATION",
        ),
        # xAI says how many tools ran, and not which.
        ({"input_tokens": 9, "output_tokens": 1, "num_server_side_tools_used": 3}, "num_server_side_tools_used: 3"),
        ({"x-amzn-bedrock-input-token-count": "9"}, "x-amzn-bedrock-output-token-count: missing"),
        ({"x-amzn-bedrock-input-token-count": "nine", "x-amzn-bedrock-output-token-count": "1"}, "whole number"),
        # Perplexity's fetch_url has a fee that the table lacks; a picture's SVG is another model's work.
        (
            {
                "input_tokens": 9,
                "output_tokens": 1,
                "tool_calls_details": {"fetch_url": {"invocation": 2}},
            },
            "fetch_url",
        ),
        (
            {
                "usage": {"input_tokens": 9, "output_tokens": 1},
                "svg_usage": {"model": "gpt-5", "input_tokens": 9, "output_tokens": 1},
            },
            "svg_usage",
        ),
        ({"total_tokens": 9}, "does not tell what was read from what was written"),
        ({"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}}, "final message"),
    ],
)
def test_a_count_that_nobody_understands_is_refused_by_name(usage: dict[str, Any], named: str) -> None:
    """It is money; the error says where it stands."""
    with pytest.raises(InvalidAmountError, match=named):
        ENGINE.cost_of(usage, "gpt-5")


@pytest.mark.parametrize(
    "count", [5, 0.5, "5", " 5 ", "0.5", "5e3", "1,000", "-5", b"5", {5}, deque([5]), Fraction(5), {"deep": (0, [5])}]
)
def test_a_count_is_one_however_it_is_written(count: object) -> None:
    """In a field that nobody knows; none of it, and what is no number, is none."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 100}
    with pytest.raises(InvalidAmountError, match="novel_tokens"):
        ENGINE.cost_of({**usage, "novel_tokens": count}, "gpt-4o")
    for none in (0, "0", "0.0", b"0", set(), Fraction(0), {"deep": ()}, "gpt-5", "2026-11-27", True):
        assert ENGINE.cost_of({**usage, "novel": none}, "gpt-4o") == ENGINE.cost_of(usage, "gpt-4o")


def test_a_mapping_of_any_class_is_a_usage() -> None:
    """Its keys are its fields, what its class keeps them in is not."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": UserDict(cached_tokens=600)}
    for whole in (usage, UserDict(usage), MappingProxyType(usage), ChainMap(usage), UserDict(usage=UserDict(usage))):
        assert ENGINE.cost_of(whole, "gpt-4o").cost_usd == Decimal("0.00275")


@pytest.mark.parametrize(("usage", "model", "named"), REFUSED)
def test_what_is_told_too_little_or_twice_is_refused_by_name(usage: Any, model: str, named: str) -> None:
    """Neither is a guess made, nor is half of it booked."""
    with pytest.raises(InvalidAmountError, match=named):
        ENGINE.cost_of(usage, model)


def test_a_sum_is_not_a_request() -> None:
    """Where a tier or a fee a request could have been met, the requests must be told."""
    run = {"prompt_tokens": 900_000, "completion_tokens": 1000}
    with pytest.raises(InvalidAmountError, match="settle each request"):
        ENGINE.cost_of({"gpt-5.5": run}, "gpt-5.5")
    with pytest.raises(InvalidAmountError, match="settle each request"):
        ENGINE.cost_of({"object": "batch", "usage": run}, "gpt-5.5")
    assert ENGINE.cost_of({"gpt-4o": run}, "gpt-4o").cost_usd == Decimal("2.26"), "the control: no tiers"
