"""The largest answer that still fits: exactly so, over any prices and tiers."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreason_budget.errors import InvalidAmountError, UnknownModelError
from coreason_budget.money import to_usd
from coreason_budget.pricing import PricingEngine
from coreason_budget.pricing.bound import Bound

ENGINE = PricingEngine()
NANOS = st.integers(0, 10**13)


@given(st.lists(st.tuples(st.integers(0, 10**18), st.integers(0, 10**12)), min_size=1), NANOS)
def test_affordable_is_the_edge_of_any_bound(rows: list[tuple[int, int]], nanos: int) -> None:
    """What is affordable fits and one more does not, whatever rows can be reached."""
    bound = Bound(tuple(rows), 1)
    found = bound.affordable(nanos)
    assert bound.cost(found) <= nanos or (found == 0 and bound.cost(0) > nanos)
    assert found == 10**12 or bound.cost(found + 1) > nanos


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> PricingEngine:
    """Models with tiers, a fee per request, and no known output limit."""
    path = tmp_path_factory.mktemp("prices") / "house.yaml"
    path.write_text(
        """\
schema: 1
provider: house
models:
  long: {price: {input: 1.10, cache_write: 1.30, output: 7.70, per_request: 0.0001,
    tiers: [{above: 1000, input: 2.20, cache_write: 2.60, output: 0.07}]}}
  short: {max_output: 500, price: {input: 1.00, output: 2.00, reasoning: 3.00}}
  gift: {free: true, price: {input: 0, output: 0}}
"""
    )
    return PricingEngine(prices_file=path)


@given(
    st.sampled_from(["long", "short"]), NANOS, st.integers(0, 2000), st.integers(1, 5), st.none() | st.integers(0, 2000)
)
def test_answer_fits_and_one_more_token_does_not(
    house: PricingEngine, model: str, nanos: int, prompt: int, n: int, wish: int | None
) -> None:
    """For each of n answers, unless the model's limit or the caller's wish is reached first."""
    request: dict[str, Any] = {"input_tokens": prompt, "n": n}
    found = house.affordable_output_tokens_for(model, nanos, **request, max_output_tokens=wish)
    limit = wish if wish is not None else house.card(model).max_output
    fits = house.estimate_nanos(model, **request, max_output_tokens=found) <= nanos
    assert fits or found == 0
    more = found + 1
    assert found == limit or house.estimate_nanos(model, **request, max_output_tokens=more) > nanos


def test_affordable_by_hand() -> None:
    """gpt-4o: 1000 tokens cost 0.0025, and 0.0075 pay for 750 tokens at 10 a million."""
    assert ENGINE.affordable_output_tokens("gpt-4o", "0.01", input_tokens=1000) == 750
    assert ENGINE.affordable_output_tokens("gpt-4o", Decimal("0.01"), input_tokens=1000, n=2) == 375
    assert ENGINE.affordable_output_tokens("gpt-4o", 1, input_tokens=1000) == 16384
    assert ENGINE.affordable_output_tokens("gpt-4o", 1, input_tokens=1000, max_output_tokens=9) == 9
    assert ENGINE.affordable_output_tokens("gpt-4o", "0.0025", input_tokens=1000) == 0
    assert ENGINE.affordable_output_tokens("gpt-4o", 0, input_tokens=1000) == 0
    assert ENGINE.affordable_output_tokens("gpt-4o", "0.01", input_tokens=1000, service="batch") == 1750
    assert ENGINE.affordable_output_tokens("text-embedding-3-small", 1, input_tokens=1000) == 0
    messages = [{"role": "user", "content": "hello"}]
    assert ENGINE.affordable_output_tokens("gpt-4o", "0.01", messages=messages) > 750


def test_unknown_output_limit_is_what_remains(house: PricingEngine) -> None:
    """Money is a limit too; only what costs nothing has none at all."""
    assert house.affordable_output_tokens("long", 1, input_tokens=0) == 129857
    assert house.affordable_output_tokens("gift", 0, input_tokens=10) == 10**12


@pytest.mark.parametrize("remaining", [-1, "nan", None, True])
def test_remainder_is_an_amount(remaining: Any) -> None:
    """Nonsense is refused by name."""
    with pytest.raises(InvalidAmountError) as caught:
        ENGINE.affordable_output_tokens("gpt-4o", remaining, input_tokens=1)
    assert caught.value.field == "remaining"


def test_bad_requests_are_those_of_an_estimate() -> None:
    """Same words, same errors."""
    with pytest.raises(UnknownModelError):
        ENGINE.affordable_output_tokens("gpt-4oo", 1, input_tokens=1)
    with pytest.raises(InvalidAmountError, match="n: at least 1"):
        ENGINE.affordable_output_tokens("gpt-4o", 1, input_tokens=1, n=0)
    assert to_usd(ENGINE.estimate_nanos("gpt-4o", input_tokens=0, max_output_tokens=1)) == Decimal("0.00001")
