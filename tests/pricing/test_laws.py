"""What holds for every model of the table, every service and every mixture of tokens."""

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from coreason_budget.pricing import PricingEngine, Usage
from coreason_budget.pricing.price import BUCKETS, ModelPrice
from coreason_budget.pricing.table import load_bundled

ENGINE = PricingEngine()
CARDS = [entry for file in load_bundled() for entry in file.models]
PRICED = [
    entry for entry in CARDS if all(all(row.meters.values()) for p in entry.prices.values() for row in p[-1].rows)
]
PER_PROMPT = ("web_search", "maps_grounding")


@st.composite
def calls(draw: st.DrawFn, cards: list[ModelPrice] = CARDS) -> tuple[ModelPrice, str, list[str]]:
    """A model, one of its services, and the buckets that it has a price for."""
    entry = draw(st.sampled_from(cards))
    service = draw(st.sampled_from(sorted(entry.prices)))
    rates = entry.prices[service][-1].rows[0]
    return entry, service, [bucket for bucket in BUCKETS if rates.rate(bucket) is not None]


def mixture(data: st.DataObject, buckets: list[str], most: int = 400_000) -> dict[str, Any]:
    """Any count of each bucket."""
    return {bucket: data.draw(st.integers(0, most), label=bucket) for bucket in buckets}


def cost(entry: ModelPrice, service: str, counts: dict[str, Any]) -> int:
    """The cost of a mixture in nanos."""
    return ENGINE.cost_of(Usage(**counts, service=service), entry.canonical).cost_nanos


@settings(max_examples=300)
@given(calls(), st.data())
def test_more_of_anything_never_costs_less(call: tuple[ModelPrice, str, list[str]], data: st.DataObject) -> None:
    """Cost is monotone in every count, across every tier."""
    entry, service, buckets = call
    counts = mixture(data, buckets)
    bucket = data.draw(st.sampled_from(buckets))
    more = {**counts, bucket: counts[bucket] + data.draw(st.integers(0, 400_000))}
    assert cost(entry, service, more) >= cost(entry, service, counts)


@settings(max_examples=300)
@given(calls(), st.data())
def test_two_calls_cost_what_their_tokens_cost_in_one(
    call: tuple[ModelPrice, str, list[str]], data: st.DataObject
) -> None:
    """Cost is additive within a tier, a fee a prompt apart: exactly before the rounding, within a nano after it."""
    entry, service, buckets = call
    if entry.search_unit == "prompt":
        buckets = [bucket for bucket in buckets if bucket not in PER_PROMPT]
    one, two = mixture(data, buckets, 100_000), mixture(data, buckets, 100_000)
    both = {bucket: one[bucket] + two[bucket] for bucket in buckets}
    found = [ENGINE.cost_of(Usage(**counts, service=service), entry.canonical) for counts in (one, two, both)]
    assume(len({price.tier_above for price in found}) == 1)
    exact = [sum(line.amount_usd for line in price.lines) for price in found]
    assert exact[0] + exact[1] == exact[2]
    assert 0 <= found[0].cost_nanos + found[1].cost_nanos - found[2].cost_nanos <= 1


@settings(max_examples=300)
@given(calls(PRICED), st.data())
def test_nothing_that_was_used_is_free(call: tuple[ModelPrice, str, list[str]], data: st.DataObject) -> None:
    """A single token, search or second of a priced model costs at least a nano."""
    entry, service, buckets = call
    bucket = data.draw(st.sampled_from(buckets))
    assert cost(entry, service, {bucket: data.draw(st.integers(1, 10**6))}) >= 1


def test_the_table_has_priced_models_to_speak_of() -> None:
    """The law above is not about nothing."""
    assert len(PRICED) > 100
