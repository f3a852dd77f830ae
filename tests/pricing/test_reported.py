"""What a provider says that a call cost: kept beside ours, and taken where the user says so."""

from typing import Any

import pytest

from coreason_budget.errors import InvalidAmountError, UnknownModelError
from coreason_budget.pricing import PricingEngine, Usage

ENGINE = PricingEngine()
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
OURS = 3_500_000


def test_reported_cost_is_kept_beside_ours() -> None:
    """Unless it is preferred, ours is billed."""
    cost = ENGINE.cost_of({**USAGE, "cost": 0.004}, "gpt-4o")
    assert (cost.cost_nanos, cost.reported_nanos, cost.is_reported) == (OURS, 4_000_000, False)
    assert "the provider reports 0.004 USD (not taken)" in cost.explain()
    assert ENGINE.cost_of(USAGE, "gpt-4o").reported_usd is None


def test_reported_cost_is_taken_where_it_is_preferred() -> None:
    """The breakdown still says what ours would have been."""
    cost = ENGINE.cost_of({**USAGE, "cost": 0.004}, "gpt-4o", prefer_reported=True)
    assert (cost.cost_nanos, cost.reported_nanos, cost.is_reported) == (4_000_000, 4_000_000, True)
    assert len(cost.lines) == 2
    assert cost.price_name == "openai/gpt-4o reported"
    assert "the provider reports 0.004 USD (taken)" in cost.explain()
    assert ENGINE.cost_of(USAGE, "gpt-4o", prefer_reported=True).cost_nanos == OURS


@pytest.mark.parametrize(
    ("reported", "nanos"),
    [
        # OpenRouter
        ({"cost": 0.95, "cost_details": {"upstream_inference_cost": 0.9}}, 950_000_000),
        ({"cost": 0.95, "is_byok": False, "cost_details": {"upstream_inference_cost": 19}}, 950_000_000),
        # on a key of one's own the provider's bill comes on top of the fee
        ({"cost": 0.95, "is_byok": True, "cost_details": {"upstream_inference_cost": 19}}, 19_950_000_000),
        ({"cost": 0.95, "is_byok": True}, None),
        # xAI: 1 tick is 1e-10 USD, rounded up to a nano
        ({"cost_in_usd_ticks": 37_756_000}, 3_775_600),
        ({"cost_in_usd_ticks": 1}, 1),
        # Perplexity
        ({"cost": {"total_cost": 0.006, "request_cost": 0.005}}, 6_000_000),
        ({"cost": {"currency": "USD"}}, None),
        ({"cost": None}, None),
    ],
)
def test_every_way_to_report(reported: dict[str, Any], nanos: int | None) -> None:
    """Each provider has its own."""
    assert ENGINE.cost_of({**USAGE, **reported}, "gpt-4o").reported_nanos == nanos


def test_reported_nothing_is_not_free() -> None:
    """A reported 0 of a priced call is not taken: nothing is free by accident."""
    cost = ENGINE.cost_of({**USAGE, "cost": 0}, "gpt-4o", prefer_reported=True)
    assert (cost.cost_nanos, cost.reported_nanos, cost.is_reported) == (OURS, 0, False)


def test_reported_cost_stands_in_for_a_missing_price() -> None:
    """A model that the table lacks is billed as reported, and only where that is preferred."""
    answer = {**USAGE, "cost": "0.25"}
    cost = ENGINE.cost_of(answer, "openrouter/new-model", prefer_reported=True)
    assert (cost.cost_nanos, cost.provider, cost.model, cost.lines) == (250_000_000, None, "openrouter/new-model", ())
    for given, prefer in ((answer, False), (USAGE, True), ({**USAGE, "cost": 0}, True)):
        with pytest.raises(UnknownModelError):
            ENGINE.cost_of(given, "openrouter/new-model", prefer_reported=prefer)


@pytest.mark.parametrize("cost", [-1, float("nan"), "free", True, 10**8])
def test_report_that_is_no_amount_is_refused(cost: object) -> None:
    """Nobody bills what is not an amount."""
    with pytest.raises(InvalidAmountError) as caught:
        ENGINE.cost_of({**USAGE, "cost": cost}, "gpt-4o")
    assert caught.value.field == "cost"


def test_usage_of_ones_own_may_report() -> None:
    """A Usage carries it too."""
    assert ENGINE.cost_of(Usage(input=5, reported_nanos=7), "gpt-4o").reported_nanos == 7
