"""Every cost carries its breakdown and the price it used."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreason_budget.errors import InvalidAmountError, UnknownModelError
from coreason_budget.money import ceil_div
from coreason_budget.pricing import PricingEngine, Usage
from coreason_budget.pricing.price import BUCKETS, METER_UNITS
from coreason_budget.pricing.table import load_bundled

ENGINE = PricingEngine()
CARDS = [entry for file in load_bundled() for entry in file.models]
HOUSE = """\
schema: 1
provider: house
source: https://house.example/prices
checked: 2026-11-20
models:
  timed: {price: {input: 1.00, output: 2.00, per_second: 0.0001}}
  asked: {price: {input: 1.00, output: 2.00, per_request: 0.005, per_image: 0.003, web_search: 10.00}}
  plain: {price: {input: 1.00, output: 2.00}}
"""


@pytest.fixture
def house(tmp_path: Path) -> PricingEngine:
    """A house that bills by everything."""
    path = tmp_path / "house.yaml"
    path.write_text(HOUSE)
    return PricingEngine(prices_file=path)


def test_explanation_names_meter_price_and_source() -> None:
    """A bucket without a price of its own says whose it has."""
    cost = ENGINE.explain("o3-mini", 1000, 500, cached_tokens=600, reasoning_tokens=400)
    assert [(line.bucket, line.count, line.meter, str(line.rate_usd), line.unit) for line in cost.lines] == [
        ("input", 400, "input", "1.1", "million tokens"),
        ("cache_read", 600, "cache_read", "0.55", "million tokens"),
        ("output", 100, "output", "4.4", "million tokens"),
        ("reasoning", 400, "output", "4.4", "million tokens"),
    ]
    assert [line.amount_usd for line in cost.lines] == [
        Decimal("0.00044"),
        Decimal("0.00033"),
        Decimal("0.00044"),
        Decimal("0.00176"),
    ]
    assert cost.explain() == (
        f"openai/o3-mini, standard, price of {ENGINE.card('o3-mini').checked}\n"
        "source: https://developers.openai.com/api/docs/pricing\n"
        "  input: 400 x 1.1 USD a million tokens = 0.00044 USD\n"
        "  cache_read: 600 x 0.55 USD a million tokens = 0.00033 USD\n"
        "  output: 100 x 4.4 USD a million tokens = 0.00044 USD\n"
        "  reasoning (as output): 400 x 4.4 USD a million tokens = 0.00176 USD\n"
        "  cost: 0.00297 USD"
    )


def test_explanation_names_the_tier() -> None:
    """The long-context tier that priced every token."""
    cost = ENGINE.explain("gemini-2.5-pro", 200_001, service="batch")
    assert (cost.tier_above, cost.service) == (200_000, "batch")
    assert "prompt above 200000 tokens" in cost.explain()
    assert ENGINE.explain("gemini-2.5-pro", 200_000).tier_above is None


@given(st.data())
def test_lines_add_up_to_the_cost(data: st.DataObject) -> None:
    """The exact amounts of all lines, rounded up once, are the cost, whatever was used."""
    entry = data.draw(st.sampled_from(CARDS))
    service = data.draw(st.sampled_from(sorted(entry.prices)))
    stated = entry.prices[service][-1].rows[0]
    counts = {name: data.draw(st.integers(0, 10**7)) for name in BUCKETS if stated.rate(name) is not None}
    cost = ENGINE.cost_of(Usage(**{**counts, "input": counts["input"] + 1}, service=service), entry.canonical)
    total = sum(line.amount_usd for line in cost.lines)
    assert cost.cost_nanos == ceil_div(int(total * 10**15), 10**6)
    assert total * 10**15 == int(total * 10**15)
    for line in cost.lines:
        assert line.amount_usd == line.count * line.rate_usd / {"million tokens": 10**6, "thousand": 1000}.get(
            line.unit, 1
        )
        assert line.unit == METER_UNITS[line.meter]


CALLS: list[dict[str, Any]] = [
    {},
    {"cached_tokens": 100},
    {"input_audio_tokens": 200, "output_audio_tokens": 50},
    {"input_image_tokens": 300, "output_image_tokens": 50},
    {"cached_tokens": 100, "cached_audio_tokens": 40, "input_audio_tokens": 10},
    {"reasoning_tokens": 30, "web_searches": 2},
    {"service": "batch"},
]


@pytest.mark.parametrize("call", CALLS)
def test_explain_costs_what_calculate_does(call: dict[str, Any]) -> None:
    """Two ways to the same cost."""
    assert ENGINE.explain("gemini-2.5-flash", 1000, 300, **call).cost_usd == ENGINE.calculate(
        "gemini-2.5-flash", 1000, 300, **call
    )


def test_every_meter_by_keyword() -> None:
    """gemini-2.5-flash, by hand: what is audio or an image is not text as well."""
    usd = ENGINE.calculate(
        "gemini-2.5-flash",
        1000,
        300,
        cached_tokens=100,
        cached_audio_tokens=40,
        input_audio_tokens=200,
        input_image_tokens=300,
        output_image_tokens=50,
        web_searches=2,
    )
    # 400 text and 300 image x 0.30, 60 x 0.03, 40 x 0.10, 200 x 1.00, 300 x 2.50 a million; 2 x 35 a thousand
    million = 700 * Decimal("0.30") + 60 * Decimal("0.03") + 40 * Decimal("0.10") + 200 + 300 * Decimal("2.50")
    assert usd == (million / 10**6 + Decimal("0.07")).quantize(Decimal("1e-9"))


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ({"input_audio_tokens": 1001}, "input_audio_tokens"),
        ({"input_audio_tokens": 600, "input_image_tokens": 401}, "input_image_tokens"),
        ({"output_audio_tokens": 301}, "output_audio_tokens"),
        ({"output_image_tokens": 301}, "output_image_tokens"),
        ({"cached_audio_tokens": 1}, "cached_audio_tokens"),
        ({"web_searches": -1}, "web_searches"),
        ({"cached_tokens": 5, "cached_image_tokens": 6}, "cached_image_tokens"),
        ({"file_searches": -1}, "file_searches"),
        ({"code_sessions": True}, "code_sessions"),
        ({"images": 1.0}, "images"),
        ({"requests": True}, "requests"),
        ({"requests": -1}, "requests"),
        ({"seconds": "3"}, "seconds"),
        ({"seconds": True}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"seconds": Decimal("NaN")}, "seconds"),
        ({"seconds": Decimal("-0.1")}, "seconds"),
        ({"seconds": Decimal("1e-999999")}, "seconds"),
        ({"seconds": 10**12 + 1}, "seconds"),
    ],
)
def test_nonsense_is_refused_by_argument(call: dict[str, Any], field: str) -> None:
    """A part above its whole, or no count at all."""
    for verb in (ENGINE.calculate, ENGINE.explain):
        with pytest.raises(InvalidAmountError) as caught:
            verb("gemini-2.5-flash", 1000, 300, **call)
        assert caught.value.field == field


def test_unknown_counts_are_a_type_error() -> None:
    """A misspelt keyword is not a count of nothing."""
    with pytest.raises(TypeError, match="cached_token"):
        ENGINE.calculate("gpt-4o", 1, cached_token=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [
        (2, 200_000),
        (0.5, 50_000),
        # 0.1 + 0.2 is 0.3
        (0.1 + 0.2, 30_000),
        (Decimal("0.00001"), 1),
        (Decimal("0.0000100000000000000000000000000000000001"), 2),
        (0, 0),
    ],
)
def test_seconds_are_exact_and_rounded_up_once(house: PricingEngine, seconds: Any, nanos: int) -> None:
    """Fractions of a second are not rounded before the price is."""
    assert house.calculate_nanos("timed", seconds=seconds) == nanos
    assert house.explain("timed", seconds=seconds).cost_nanos == nanos
    # 1 token is 1000 nanos, and the two are added before they are rounded
    assert house.calculate_nanos("timed", 1, seconds=seconds) == nanos + 1000


def test_seconds_that_nobody_told_are_not_free(house: PricingEngine) -> None:
    """A model billed by the second has no cost without them; 0 must be said."""
    for ask in (
        lambda: house.calculate("timed", 1000),
        lambda: house.explain("timed", 1000),
        lambda: house.cost_of({"prompt_tokens": 5, "completion_tokens": 1}, "timed"),
        lambda: house.estimate("timed", input_tokens=5, max_output_tokens=1),
    ):
        with pytest.raises(InvalidAmountError, match="billed by the second") as caught:
            ask()
        assert caught.value.field == "seconds"
    assert house.calculate("timed", 1000, seconds=0) == Decimal("0.001")
    heard = {"prompt_tokens": 5, "completion_tokens": 1, "prompt_audio_seconds": 3}
    assert house.cost_of(heard, "timed").cost_nanos == 5_000 + 2_000 + 300_000


@pytest.mark.parametrize("call", [{"seconds": 1}, {"images": 1}, {"web_searches": 1}, {"requests": 2}])
def test_what_has_no_price_is_refused(house: PricingEngine, call: dict[str, Any]) -> None:
    """Nothing that was used is free because nobody priced it."""
    with pytest.raises(UnknownModelError, match="house/plain has no price for"):
        house.calculate("plain", 1, **call)


def test_requests_are_one_unless_told(house: PricingEngine) -> None:
    """A fee per request is due once; Cohere's search units are counted as requests."""
    assert house.calculate("asked", 1000) == Decimal("0.006")
    assert house.calculate("asked", 1000, requests=3) == Decimal("0.016")
    assert house.calculate("asked", 1000, requests=0) == Decimal("0.001")
    assert house.cost_of({"meta": {"billed_units": {"search_units": 2}}}, "asked").cost_usd == Decimal("0.01")
    assert [line.bucket for line in house.explain("asked", images=2).lines] == ["per_image", "per_request"]
    with pytest.raises(UnknownModelError, match="per_request"):
        house.cost_of({"meta": {"billed_units": {"search_units": 1}}}, "plain")
