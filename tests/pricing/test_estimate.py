"""Estimates are upper bounds: never below a cost that the call can have."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coreason_budget.errors import InvalidAmountError, UnknownModelError
from coreason_budget.pricing import PricingEngine, Usage, bound
from coreason_budget.pricing.table import load_bundled

ENGINE = PricingEngine()
CARDS = [entry for file in load_bundled() for entry in file.models]


@settings(max_examples=300)
@given(st.data())
def test_estimate_is_never_below_a_cost_that_can_be_reached(data: st.DataObject) -> None:
    """Any split of the prompt over fresh, cached, written and audio, any answer within the limit."""
    entry = data.draw(st.sampled_from(CARDS))
    service = data.draw(st.sampled_from(sorted(entry.prices)))
    bound = data.draw(st.integers(1, 400_000))
    limit = data.draw(st.integers(0, 50_000)) if entry.mode == "chat" else 0
    n = data.draw(st.integers(1, 3))
    estimate = ENGINE.estimate_nanos(entry.canonical, input_tokens=bound, max_output_tokens=limit, n=n, service=service)
    cuts = sorted(data.draw(st.lists(st.integers(0, bound), min_size=7, max_size=7)))
    parts = [high - low for low, high in zip([0, *cuts], cuts, strict=False)]
    thinking = data.draw(st.integers(0, limit * n))
    usage = Usage(
        **dict(
            zip(
                (
                    "input",
                    "cache_read",
                    "cache_write",
                    "cache_write_1h",
                    "input_audio",
                    "input_image",
                    "cache_read_audio",
                ),
                parts,
                strict=True,
            )
        ),
        output=data.draw(st.integers(0, limit * n - thinking)),
        reasoning=thinking,
        service=service,
    )
    assert ENGINE.cost_of(usage, entry.canonical).cost_nanos <= estimate


def test_estimate_by_hand() -> None:
    """1000 tokens at the dearest input price and 100 at the output's."""
    # an hour's cache write is Claude's dearest: 1000 x 6 + 100 x 15
    assert ENGINE.estimate("claude-sonnet-4-5", input_tokens=1000, max_output_tokens=100) == Decimal("0.0075")
    # the tier is reached by the bound's last token: 100001 x 1.00 + 10 x 2.50
    assert ENGINE.estimate("claude-haiku-5-5", input_tokens=100_001, max_output_tokens=10) == Decimal("0.100026")
    assert ENGINE.estimate("gpt-4o", input_tokens=1000, max_output_tokens=100, n=3) == Decimal("0.0055")
    # without a limit, the model's: 16384 x 10
    assert ENGINE.estimate("gpt-4o", input_tokens=0) == Decimal("0.16384")
    assert ENGINE.estimate("text-embedding-3-small", input_tokens=1000) == Decimal("0.00002")


def test_bare_tokens_may_be_audio_but_text_is_text() -> None:
    """gemini-2.5-flash hears at 1.00 and reads at 0.30."""
    assert ENGINE.estimate("gemini-2.5-flash", input_tokens=100, max_output_tokens=0) == Decimal("0.0001")
    text = ENGINE.estimate("gemini-2.5-flash", text="x" * 76, max_output_tokens=0)
    assert text == Decimal("0.00003")


def test_estimate_covers_tomorrows_price(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call admitted before midnight may be billed at the next day's price."""
    costs = {}
    now = Mock()
    monkeypatch.setattr(bound, "datetime", now)
    for month, day in ((11, 29), (11, 30), (12, 1)):
        now.now.return_value = datetime(2026, month, day, tzinfo=UTC)
        costs[day] = ENGINE.estimate("gemini-4-argon", input_tokens=10**6, max_output_tokens=0)
    assert costs == {29: 2, 30: 4, 1: 4}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "input_tokens"),
        ({"input_tokens": 1, "text": "x"}, "input_tokens"),
        ({"input_tokens": -1}, "input_tokens"),
        ({"input_tokens": True}, "input_tokens"),
        ({"text": 5}, "text"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [5]}, "messages"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": None}]}]}, "messages"),
        ({"messages": [{"role": object()}]}, "messages"),
        ({"messages": [{"role": "user", "parts": [{"file_data": {}}]}]}, "messages"),
        ({"messages": [{"type": "item_reference", "id": "msg_1"}]}, "messages"),
        ({"messages": [{"type": "function_call_output", "call_id": "c", "output": [{}]}]}, "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "image"}]}]}]},
            "messages",
        ),
        ({"input_tokens": 1, "n": -1}, "n"),
        ({"input_tokens": 1, "n": 0}, "n"),
        ({"input_tokens": 1, "max_output_tokens": 1.5}, "max_output_tokens"),
    ],
)
def test_what_has_no_bound_is_refused_by_name(arguments: dict[str, Any], field: str) -> None:
    """An image's tokens cannot be told from its bytes; two inputs cannot both be the input."""
    with pytest.raises(InvalidAmountError) as caught:
        ENGINE.estimate("gpt-4o", **arguments)
    assert caught.value.field == field


def test_unknown_output_limit_is_refused_with_what_to_pass() -> None:
    """Without any limit there is no upper bound."""
    assert ENGINE.card("claude-fable-5-2").max_output is None
    with pytest.raises(InvalidAmountError, match="max_output_tokens: pass it"):
        ENGINE.estimate("claude-fable-5-2", input_tokens=1)
    assert ENGINE.estimate("claude-fable-5-2", input_tokens=0, max_output_tokens=10**6) == 40


def test_unknown_model_has_no_estimate() -> None:
    """An unknown model is an error here too."""
    with pytest.raises(UnknownModelError):
        ENGINE.estimate("gpt-4oo", input_tokens=1, max_output_tokens=1)


TOOL = {"type": "function", "function": {"name": "größe", "parameters": {"type": "object"}}}


def test_tools_are_part_of_the_input() -> None:
    """The bytes of their JSON, escaped or not, and the instructions that come with them."""
    inputs: list[dict[str, Any]] = [{"text": "hello"}, {"messages": [{"role": "user", "content": "hello"}]}]
    for request in inputs:
        bare = ENGINE.estimate("gpt-4o", **request, max_output_tokens=0)
        whole = ENGINE.estimate("gpt-4o", **request, tools=[TOOL], max_output_tokens=0)
        assert (whole - bare) * 10**6 == Decimal("2.5") * (600 + len(json.dumps([TOOL])))


@pytest.mark.parametrize("tools", [[object()], {1, 2}, float])
def test_tools_are_json(tools: object) -> None:
    """What is not JSON cannot be sent, and has no bound."""
    with pytest.raises(InvalidAmountError) as caught:
        ENGINE.estimate("gpt-4o", text="x", tools=tools)
    assert caught.value.field == "tools"


def test_input_tokens_contain_the_tools() -> None:
    """Whoever counted the input counted them too: twice would be no bound but a mistake."""
    with pytest.raises(InvalidAmountError, match="tools: input_tokens must contain them"):
        ENGINE.estimate("gpt-4o", input_tokens=1, tools=[])


def test_what_a_call_may_use_besides_is_named(tmp_path: Path) -> None:
    """Searches, images, seconds and requests, at their prices in the dearest row."""
    path = tmp_path / "house.yaml"
    path.write_text(
        "schema: 1\nprovider: house\nmodels:\n"
        "  m: {price: {input: 1, output: 2, web_search: 10, per_image: 0.01, per_second: 0.0001, per_request: 0.005}}\n"
    )
    engine = PricingEngine(prices_file=path)
    request: dict[str, Any] = {"input_tokens": 1000, "max_output_tokens": 100}
    assert engine.estimate("m", **request, seconds=0) == Decimal("0.0062")
    extras: dict[str, Any] = {"web_searches": 3, "images": 2, "seconds": 0.5, "requests": 2}
    assert engine.estimate("m", **request, **extras) == Decimal("0.0012") + Decimal("0.03") + Decimal("0.03005")
    used = Usage(input=1000, output=100, web_search=3, per_image=2, per_second=Decimal("0.5"), per_request=2)
    assert engine.cost_of(used, "m").cost_usd == engine.estimate("m", **request, **extras)
    with pytest.raises(UnknownModelError, match="no price for per_image"):
        ENGINE.estimate("gpt-4o", **request, images=1)
    assert ENGINE.estimate("gpt-5", **request, file_searches=2, code_sessions=1) - ENGINE.estimate(
        "gpt-5", **request
    ) == Decimal("0.035")
