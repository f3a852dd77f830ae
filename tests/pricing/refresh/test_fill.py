"""What sources leave out or mistake is filled or left out so that no call becomes cheaper, and the entry says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from coreason_budget.pricing.bundled import HOSTS, PRICES
from coreason_budget.pricing.price import ModelPrice
from coreason_budget.pricing.refresh.fill import Makers, from_siblings, without_cheap_writes, writes_on_top
from coreason_budget.pricing.table import load_file, parse

MAKER = "claude-opus-9: {date_suffix: true, price: {input: 5, cache_write: 6.25, cache_write_1h: 10, output: 25}}"
TALKER = "gpt-audio: {price: {input: 2, output: 8, input_audio: 30, output_audio: 60}}"


def read(provider: str, *models: str) -> list[ModelPrice]:
    """Entries as a file of the table says them, gates left out."""
    text = "".join(f"  {model}\n" for model in models)
    return list(parse(f"schema: 1\nprovider: {provider}\nmodels:\n{text}".encode(), "p.yaml").models)


TABLE = Makers([entry for file in PRICES.glob("*.yaml") for entry in load_file(file, bundled=True).models])
MAKERS = Makers(read("anthropic", MAKER) + read("openai", TALKER))


def usd(entry: ModelPrice, service: str = "standard", row: int = 0) -> dict[str, float]:
    return {meter: rate / 10**9 for meter, rate in entry.prices[service][-1].rows[row].meters.items()}


@pytest.mark.parametrize(
    "model",
    [
        "anthropic/claude-opus-9",
        "us.anthropic.claude-opus-9-20260101-v1:0",
        "claude-opus-9@20260101",
        "anthropic/claude-opus-9-latest",
        "databricks-claude-opus-9",
    ],
)
def test_a_host_bills_an_hours_write_in_proportion_to_the_maker(model: str) -> None:
    """At its own price of text, in every service and tier; what it states itself stays."""
    tier = "{above: 9, input: 20, cache_write: 25, output: 90}"
    price = f"price: {{input: 10, cache_write: 12, output: 50, tiers: [{tier}]}}"
    (entry,) = read("host", f"{model}: {{{price}, service: {{batch: {{input: 5, cache_write: 6, output: 25}}}}}}")
    filled, notes = MAKERS.fill(entry)
    assert usd(filled) == {"input": 10, "cache_write": 12, "output": 50, "cache_write_1h": 20}
    assert usd(filled, row=1)["cache_write_1h"] == 40
    assert usd(filled, "batch")["cache_write_1h"] == 10
    assert notes == ["cache_write_1h: not published, in proportion to anthropic/claude-opus-9"]
    assert MAKERS.fill(filled) == (filled, [])


def test_sounds_at_a_host_cost_no_less_than_in_proportion() -> None:
    """A gateway that lists text alone would give them away at a tenth."""
    (entry,) = read("host", "openai/gpt-audio: {price: {input: 1, output: 4}}")
    filled, _ = MAKERS.fill(entry)
    assert usd(filled) == {"input": 1, "output": 4, "input_audio": 15, "output_audio": 30}


@pytest.mark.parametrize("model", ["claude-opus-8", "my-claude-opus-9", "claude-opus-9-fast", "gpt-audio-mini"])
def test_another_model_is_not_filled(model: str) -> None:
    """One that is only written alike has prices of its own."""
    (entry,) = read("host", f"{model}: {{price: {{input: 10, output: 50}}}}")
    assert MAKERS.fill(entry) == (entry, [])


def test_a_sibling_fills_what_would_be_cheaper_without_it() -> None:
    """Sounds of the alias as of its snapshot; a discount of one is not taken for the other."""
    entries = read(
        "p",
        "m: {price: {input: 1, output: 2}}",
        "m-2026-01-02: {price: {input: 1, cache_read: 0.5, output: 2, input_audio: 3, web_search: 5}}",
    )
    ((filled, notes),) = from_siblings(entries)
    assert filled.rates_usd() == {"input": 1, "output": 2, "input_audio": 3, "web_search": 5}
    assert notes == ["input_audio: not published, as m-2026-01-02", "web_search: not published, as m-2026-01-02"]


def test_a_cheap_write_is_left_out_row_by_row() -> None:
    """It is mostly the price of reading, and the input's price is the safer one."""
    (entry,) = read(
        "p",
        "m: {price: {input: 2, cache_write: 2.5, output: 8,"
        " tiers: [{above: 9, input: 4, cache_write: 0.4, output: 9}]},"
        " service: {batch: {input: 1, cache_write: 0.5, output: 4}}}",
    )
    kept, notes = without_cheap_writes(entry)
    assert usd(kept)["cache_write"] == 2.5
    assert "cache_write" not in {*usd(kept, row=1), *usd(kept, "batch")}
    assert notes == ["above 9 cache_write left out: cheaper than input", "cache_write left out: cheaper than input"]
    assert without_cheap_writes(kept) == (kept, [])


def test_storage_comes_on_top_of_the_input() -> None:
    """A whole price of a write stays as it is."""
    storage, whole = read(
        "p",
        "a: {price: {input: 0.30, cache_write: 0.08, output: 1}}",
        "b: {price: {input: 0.30, cache_write: 0.38, output: 1}}",
    )
    assert usd(writes_on_top(storage))["cache_write"] == 0.38
    assert writes_on_top(whole) == whole


@pytest.mark.parametrize("path", sorted(HOSTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_host_of_the_table_sells_below_its_fill(path: Path) -> None:
    """Nothing is left to fill: neither from makers nor from siblings."""
    entries = load_file(path, bundled=True).models
    assert {entry.model: notes for entry in entries if (notes := TABLE.fill(entry)[1])} == {}
    assert list(from_siblings(entries)) == []
