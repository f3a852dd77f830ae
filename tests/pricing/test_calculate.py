"""Exact costs, computed by hand, on both sides of every edge."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreason_budget.errors import InvalidAmountError, InvalidIdError, UnknownModelError
from coreason_budget.pricing import PricingEngine, Usage

ENGINE = PricingEngine()


@pytest.mark.parametrize(
    ("model", "counts", "usd"),
    [
        # 1200 x 2.50 + 300 x 10.00 a million
        ("gpt-4o", {"input_tokens": 1200, "output_tokens": 300}, "0.006"),
        # 200 x 2.50 + 1000 x 1.25 + 300 x 10.00
        ("gpt-4o", {"input_tokens": 1200, "output_tokens": 300, "cached_tokens": 1000}, "0.00475"),
        # reasoning is part of the output: 1000 x 1.10 + 500 x 4.40
        ("o3-mini", {"input_tokens": 1000, "output_tokens": 500, "reasoning_tokens": 400}, "0.0033"),
        # the answer's thoughts are beside it: 1000 x 0.30 + (500 + 400) x 2.50
        ("gemini-2.5-flash", {"input_tokens": 1000, "output_tokens": 500, "reasoning_tokens": 400}, "0.00255"),
        # input beside the cache: 10 x 3 + 1000 x 0.30 + 2000 x 3.75 + 500 x 6 + 100 x 15
        (
            "claude-sonnet-4-5",
            {
                "input_tokens": 10,
                "cached_tokens": 1000,
                "cache_write_tokens": 2000,
                "cache_write_1h_tokens": 500,
                "output_tokens": 100,
            },
            "0.01233",
        ),
        # batch: 1000 x 1.25 + 100 x 5.00
        ("gpt-4o", {"input_tokens": 1000, "output_tokens": 100, "service": "batch"}, "0.00175"),
        # priority, and OpenAI's second name for it: 1000 x 4.25 + 100 x 17.00
        ("gpt-4o", {"input_tokens": 1000, "output_tokens": 100, "service": "priority"}, "0.00595"),
        ("gpt-4o", {"input_tokens": 1000, "output_tokens": 100, "service": "fast"}, "0.00595"),
        ("text-embedding-3-small", {"input_tokens": 1_000_000}, "0.02"),
        ("gpt-4o", {}, "0.00"),
    ],
)
def test_cost_is_what_the_price_list_says(model: str, counts: dict[str, object], usd: str) -> None:
    """Tokens times the price of their bucket, to the nano."""
    assert ENGINE.calculate(model, **counts) == Decimal(usd)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "prompt", "usd"),
    [
        # at the edge: the base price
        ("claude-haiku-5-5", 100_000, Decimal("0.10") * 100_000 / 10**6),
        # one token over it: the tier's price for all of them
        ("claude-haiku-5-5", 100_001, Decimal("0.50") * 100_001 / 10**6),
        ("gemini-2.5-pro", 200_000, Decimal("1.25") * 200_000 / 10**6),
        ("gemini-2.5-pro", 200_001, Decimal("2.50") * 200_001 / 10**6),
        ("gpt-5.4", 272_000, Decimal("2.50") * 272_000 / 10**6),
        ("gpt-5.4", 272_001, Decimal("5.00") * 272_001 / 10**6),
    ],
)
def test_tier_prices_every_token_of_the_call(model: str, prompt: int, usd: Decimal) -> None:
    """A tier begins strictly above its edge and then prices all tokens, not the marginal ones."""
    assert ENGINE.calculate(model, prompt) == usd


def test_tier_is_chosen_by_the_whole_prompt() -> None:
    """Cached tokens count towards the edge, also where the provider's input excludes them."""
    usd = ENGINE.calculate("claude-haiku-5-5", 1, 10, cached_tokens=100_000)
    assert usd == (Decimal("0.50") + 100_000 * Decimal("0.05") + 10 * Decimal("2.50")) / 10**6


def test_output_does_not_choose_the_tier() -> None:
    """A long answer to a short prompt is priced at the base row."""
    assert ENGINE.calculate("claude-haiku-5-5", 1, 128_000) == (Decimal("0.10") + 128_000 * Decimal("0.50")) / 10**6


@pytest.mark.parametrize(
    ("day", "usd"),
    [
        (date(2026, 11, 30), "2"),
        (date(2026, 12, 1), "4"),
        (datetime(2026, 11, 30, 23, 59, tzinfo=UTC), "2"),
        (datetime(2026, 12, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2"),
    ],
)
def test_price_is_that_of_the_day(day: date, usd: str) -> None:
    """A price holds from 00:00 UTC of its first day."""
    assert ENGINE.calculate("gemini-4-argon", 10**6, at=day) == Decimal(usd)


@pytest.fixture
def house(tmp_path: Path) -> PricingEngine:
    """Models of a house that bills by everything."""
    path = tmp_path / "house.yaml"
    path.write_text(HOUSE)
    return PricingEngine(prices_file=path)


HOUSE = """\
schema: 1
provider: house
models:
  all: {price: {input: 1.00, output: 2.00, per_second: 0.0001, per_image: 0.003, per_request: 0.005, web_search: 10.00}}
"""


def test_seconds_and_images_have_prices(house: PricingEngine) -> None:
    """2 seconds at 0.0001, 3 pictures at 0.003 and the request at 0.005."""
    cost = house.cost_of(Usage(per_second=2, per_image=3), "all")
    assert cost.cost_usd == Decimal("0.0002") + Decimal("0.009") + Decimal("0.005")


@pytest.mark.parametrize(
    ("model", "used", "usd"),
    [
        ("gpt-5", Usage(input=1000, output=100, file_search=1), "0.00475"),  # 2.50 a thousand
        ("gpt-5", Usage(input=1000, output=100, code_interpreter=2), "0.06225"),  # 0.03 a session
        ("grok-4", Usage(input=1000, web_search=2, x_search=1, code_execution=1), "0.023"),  # 5.00 a thousand each
        ("sonar", Usage(input=33, output=100), "0.012133"),  # not told: the dearest
        ("sonar", Usage(input=33, output=100, search_context="low"), "0.005133"),
        ("sonar", Usage(input=33, output=100, search_context="medium", per_request=3), "0.024133"),
        ("perplexity/openai/gpt-5", Usage(web_search=1), "0.005"),
    ],
)
def test_tools_cost_beside_their_tokens(model: str, used: Usage, usd: str) -> None:
    """The fee of a provider's tool holds for its models, and goes by the size of the search where it does."""
    assert ENGINE.cost_of(used, model).cost_usd == Decimal(usd)


@pytest.mark.parametrize(
    ("model", "used", "named"),
    [
        ("claude-sonnet-4-5", Usage(file_search=1), "file_search"),
        ("gpt-5", Usage(x_search=1), "x_search"),
        ("openrouter/openai/gpt-5", Usage(file_search=1), "file_search"),  # the maker's fee is not the host's
        ("sonar", Usage(input=1, search_context="huge"), "search_context 'huge'"),
    ],
)
def test_a_tool_without_a_price_is_never_free(model: str, used: Usage, named: str) -> None:
    """It is refused by name."""
    with pytest.raises(UnknownModelError, match=f"has no price for {named}"):
        ENGINE.cost_of(used, model)


def test_a_cached_price_is_not_one_of_a_write() -> None:
    """9,000 of 10,000 tokens read from the cache at 1.875 a million, whatever a source calls it."""
    usage = {
        "prompt_tokens": 10000,
        "completion_tokens": 0,
        "total_tokens": 10000,
        "prompt_tokens_details": {"cached_tokens": 9000},
    }
    assert ENGINE.cost_of(usage, "ft:gpt-4o-2024-11-20").cost_usd == Decimal("0.020625")
    written = ENGINE.calculate("azure/eu/gpt-4o", 10000, cache_write_tokens=9000)
    assert written == ENGINE.calculate("azure/eu/gpt-4o", 10000)


@pytest.mark.parametrize(
    ("prices", "cached"),
    [("", "0.10"), ("input_image: 0.80, ", "0.80"), ("input_image: 0.80, cache_read_image: 0.08, ", "0.08")],
)
def test_cached_images_cost_their_own_price_or_no_less_than_is_known(tmp_path: Path, prices: str, cached: str) -> None:
    """Where images have a price of their own, the cached price of text is none of theirs."""
    path = tmp_path / "house.yaml"
    path.write_text(
        f"schema: 1\nprovider: p\nmodels:\n  m: {{price: {{input: 1, cache_read: 0.10, {prices}output: 2}}}}\n"
    )
    engine = PricingEngine(prices_file=path)
    usd = engine.calculate("m", 10**6, cached_tokens=10**6, cached_image_tokens=10**6)
    assert usd == Decimal(cached)


@pytest.mark.parametrize(("tokens", "nanos"), [(1, 20), (3, 60)])
def test_one_rounding_up_to_a_nano(tokens: int, nanos: int) -> None:
    """text-embedding-3-small costs 20 nanos a token, exactly."""
    assert ENGINE.calculate_nanos("text-embedding-3-small", tokens) == nanos


def test_rounding_is_up_and_once() -> None:
    """A part of a nano counts as one; two parts of a call are added before."""
    engine = PricingEngine({"m": {"input_cost_per_token": "1e-15", "output_cost_per_token": "1e-15"}})
    assert engine.calculate_nanos("m", 1, 1) == 1
    assert engine.calculate_nanos("m", 500_000, 500_000) == 1
    assert engine.calculate_nanos("m", 500_000, 500_001) == 2


@pytest.mark.parametrize("bad", [-1, True, 1.0, "1", None, 10**12 + 1, Decimal(1)])
@pytest.mark.parametrize(
    "name",
    [
        "input_tokens",
        "output_tokens",
        "cached_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
        "reasoning_tokens",
    ],
)
def test_nonsense_counts_are_refused_by_name(name: str, bad: object) -> None:
    """A count is a whole number from 0 to 10**12; nothing else is taken for one."""
    with pytest.raises(InvalidAmountError, match=name) as caught:
        ENGINE.calculate("gpt-4o", **{name: bad})  # type: ignore[arg-type]
    assert caught.value.field == name


@pytest.mark.parametrize(
    ("model", "counts", "field"),
    [
        ("gpt-4o", {"input_tokens": 5, "cached_tokens": 6}, "cached_tokens"),
        ("gpt-5.6", {"input_tokens": 5, "cache_write_tokens": 6}, "cache_write_tokens"),
        ("gpt-4o", {"output_tokens": 5, "reasoning_tokens": 6}, "reasoning_tokens"),
    ],
)
def test_part_above_its_whole_is_refused(model: str, counts: dict[str, int], field: str) -> None:
    """Where the provider counts a part in the whole, it cannot be more."""
    with pytest.raises(InvalidAmountError) as caught:
        ENGINE.calculate(model, **counts)  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize("model", ["", "x" * 257, None, 5, b"gpt-4o"])
def test_model_is_text_of_1_to_256_bytes(model: object) -> None:
    """Anything else is no id."""
    with pytest.raises(InvalidIdError):
        ENGINE.calculate(model, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("service", ["fastest", "", None, 7, "Batch"])
def test_unknown_service_is_refused(service: object) -> None:
    """No price for a service is no reason to take another's; the error names the known ones."""
    with pytest.raises(UnknownModelError, match="standard, batch, priority"):
        ENGINE.calculate("gpt-4o", 1, service=service)  # type: ignore[arg-type]


def test_missing_meter_is_refused() -> None:
    """An embedding has no output price: output tokens are not free, they are an error."""
    with pytest.raises(UnknownModelError, match="no price for output"):
        ENGINE.calculate("text-embedding-3-small", 1, 1)


def test_day_must_be_a_day() -> None:
    """A text is not a date."""
    with pytest.raises(InvalidAmountError, match="at"):
        ENGINE.calculate("gpt-4o", 1, at="2026-11-23")  # type: ignore[arg-type]


COUNTS = st.integers(0, 10**7)
MODELS = st.sampled_from(["gpt-4o", "claude-haiku-5-5", "gemini-2.5-pro", "gpt-5.6", "o3"])


@given(MODELS, COUNTS, COUNTS, st.integers(0, 10**5))
def test_more_tokens_never_cost_less(model: str, prompt: int, output: int, more: int) -> None:
    """Cost is monotone in input and in output, across tiers too."""
    cost = ENGINE.calculate_nanos(model, prompt, output)
    assert ENGINE.calculate_nanos(model, prompt + more, output) >= cost
    assert ENGINE.calculate_nanos(model, prompt, output + more) >= cost


@given(st.integers(0, 10**5), st.integers(0, 10**5))
def test_costs_add_up(first: int, second: int) -> None:
    """Where a token is whole nanos, two calls cost what their tokens cost in one."""
    both = ENGINE.calculate_nanos("gpt-4o", first + second, first + second)
    assert both == ENGINE.calculate_nanos("gpt-4o", first, first) + ENGINE.calculate_nanos("gpt-4o", second, second)


@given(COUNTS, st.data())
def test_cache_reads_never_cost_more(prompt: int, data: st.DataObject) -> None:
    """Reading from a cache is a discount."""
    cached = data.draw(st.integers(0, prompt))
    assert ENGINE.calculate_nanos("gpt-5", prompt, cached_tokens=cached) <= ENGINE.calculate_nanos("gpt-5", prompt)
