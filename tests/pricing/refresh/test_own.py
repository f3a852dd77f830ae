"""A user's prices between releases: what is new and what changed, by the gates of the table, whole or not at all."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from coreason_budget.errors import ConfigError
from coreason_budget.pricing import PricingEngine
from coreason_budget.pricing.refresh.own import MARK, own_update, write_whole

TODAY = date(2026, 12, 1)
CHAT = {"litellm_provider": "openai", "mode": "chat"}
GPT_5 = {
    **CHAT,
    "input_cost_per_token": 1.25e-06,
    "cache_read_input_token_cost": 1.25e-07,
    "output_cost_per_token": 1e-05,
}
BY_HAND = """\
# Prices of the house.
schema: 1
provider: house
models:
  small: {price: {input: 1, output: 2}}  # by contract
"""


def update(folder: Path, models: dict[str, Any], *, by_hand: str | None = None, day: date = TODAY) -> Any:
    """Bring `own.yaml` up to date from a table of litellm's kind."""
    source, target = folder / "newer.json", folder / "own.yaml"
    source.write_text(json.dumps(models))
    if by_hand is not None:
        target.write_text(by_hand)
    found = own_update(source, target, day)
    if found.is_new:
        write_whole(target, found.text)
    return found.report.found


def engine(folder: Path) -> PricingEngine:
    return PricingEngine(prices_file=folder / "own.yaml")


def test_a_changed_price_holds_from_its_day_on(tmp_path: Path) -> None:
    """For the model under every name of it, which keeps its canonical id; yesterday keeps the old price."""
    found = update(tmp_path, {"gpt-5": {**GPT_5, "input_cost_per_token": 1.5e-06}})
    assert found["changed"] == {"openai/gpt-5": "standard input 1.25 -> 1.50"}
    own = engine(tmp_path)
    for name in ("gpt-5", "openai/gpt-5", "gpt-5-2025-08-07"):
        assert own.canonical(name) == "openai/gpt-5"
        assert own.calculate_nanos(name, 10**6, at=TODAY) == 1_500_000_000
        assert own.calculate_nanos(name, 10**6, at=date(2026, 11, 30)) == 1_250_000_000
    assert (
        own.calculate_nanos("gpt-5", 10**6, cached_tokens=10**6, file_searches=1, at=TODAY) == 125_000_000 + 2_500_000
    )
    assert own.card("gpt-5").source == "newer.json"


def test_a_new_model_is_priced_and_a_hosts_only_by_its_host(tmp_path: Path) -> None:
    """A bare id is the maker's."""
    azure = {**GPT_5, "litellm_provider": "azure", "output_cost_per_token": 2e-05}
    found = update(tmp_path, {"gpt-99": {**GPT_5, "max_output_tokens": 100}, "azure/gpt-5": azure})
    assert found["added"] == {"openai/gpt-99": "input 1.25, cache_read 0.125, output 10.00"}
    own = engine(tmp_path)
    assert own.card("gpt-99").max_output == 100
    assert own.calculate("azure/gpt-5", 0, 10**6, at=TODAY) == 20
    assert own.calculate("gpt-5", 0, 10**6, at=TODAY) == 10
    with pytest.raises(LookupError):
        own.calculate("azure/gpt-99", 1)


def test_what_holds_already_is_not_written(tmp_path: Path) -> None:
    """Nothing is made, and the same update writes the same."""
    assert update(tmp_path, {"gpt-5": GPT_5})["changed"] == {}
    assert not (tmp_path / "own.yaml").exists()
    update(tmp_path, {"gpt-5": {**GPT_5, "input_cost_per_token": 1.5e-06}})
    text = (tmp_path / "own.yaml").read_text()
    assert own_update(tmp_path / "newer.json", tmp_path / "own.yaml", TODAY).text == text


def test_silence_lowers_no_price(tmp_path: Path) -> None:
    """A meter or a tier that one source leaves out stays as it is; of an id and its snapshot the dearer counts."""
    plain = {key: GPT_5[key] for key in (*CHAT, "input_cost_per_token", "output_cost_per_token")}
    sonnet = {**CHAT, "litellm_provider": "xai", "input_cost_per_token": 1.25e-06, "output_cost_per_token": 2.5e-06}
    assert update(tmp_path, {"gpt-5": plain, "xai/grok-4.3": sonnet})["changed"] == {}
    dated = {
        "gpt-5": {**GPT_5, "input_cost_per_token": 1e-06},
        "gpt-5-2025-08-07": {**GPT_5, "input_cost_per_token": 2e-06},
    }
    assert update(tmp_path, dated)["changed"] == {"openai/gpt-5": "standard input 1.25 -> 2.00"}


@pytest.mark.parametrize("model", ["gpt-4.1", "mistral/mistral-large-latest"])
def test_one_source_does_not_lower_what_two_differ_about(model: str, tmp_path: Path) -> None:
    """The table has the dearer of two, and says so at the entry."""
    provider, _, _ = model.rpartition("/")
    cheap = {
        **CHAT,
        "litellm_provider": provider or "openai",
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 2e-06,
    }
    found = update(tmp_path, {model: cheap})
    assert found["changed"] == {}
    assert "two sources differ" in found["held"][model if provider else f"openai/{model}"]


def test_what_the_user_wrote_stays_to_the_letter(tmp_path: Path) -> None:
    """Comments too; the file gets a second provider below a mark, and what is below is replaced by the next update."""
    for usd in (1.5e-06, 1.75e-06):
        update(tmp_path, {"gpt-5": {**GPT_5, "input_cost_per_token": usd}}, by_hand=BY_HAND if usd == 1.5e-06 else None)
        by_hand, mark, ours = (tmp_path / "own.yaml").read_text().partition(MARK)
        assert mark
        for line in BY_HAND.splitlines():
            assert line in by_hand
        assert "small" not in ours
        assert engine(tmp_path).calculate("small", 10**6) == 1
        assert engine(tmp_path).calculate_nanos("gpt-5", 10**6, at=TODAY) == usd * 10**15


def test_the_users_own_price_is_never_updated(tmp_path: Path) -> None:
    """A contract beats a list."""
    own = "schema: 1\nprovider: openai\nmodels:\n  gpt-5: {price: {input: 9, output: 9}}\n"
    found = update(tmp_path, {"gpt-5": {**GPT_5, "input_cost_per_token": 1.5e-06}}, by_hand=own)
    assert found["held"]["openai/gpt-5"] == "your own price"
    assert engine(tmp_path).calculate("gpt-5", 10**6) == 9


def test_an_updated_price_keeps_its_first_day(tmp_path: Path) -> None:
    """A later update of the same table neither moves nor repeats it."""
    newer = {"gpt-5": {**GPT_5, "input_cost_per_token": 1.5e-06}}
    update(tmp_path, newer)
    text = (tmp_path / "own.yaml").read_text()
    assert update(tmp_path, newer, day=date(2026, 12, 9))["changed"] == {}
    again = (tmp_path / "own.yaml").read_text()
    assert again.replace("checked: 2026-12-09", "checked: 2026-12-01") == text


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"input_cost_per_token": 0.0032}, "outrageous"),
        ({"output_cost_per_token": 0}, "no price for input or output"),
        ({"cache_read_input_token_cost": 2e-06}, "cache_read is dearer than input"),
        ({"output_cost_per_token": "1e-6"}, "no price for input or output"),
        ({"output_cost_per_token": -1e-06}, "no price for input or output"),
    ],
)
def test_what_fails_a_gate_is_refused_by_name(said: dict[str, Any], why: str, tmp_path: Path) -> None:
    """With what is wrong; nothing of it is written."""
    found = update(tmp_path, {"gpt-99": {**GPT_5, **said}})
    assert why in found["refused"]["openai/gpt-99"]
    assert found["added"] == {}


NEWER = """\
schema: 1
provider: openai
source: https://openai.example/prices
checked: 2026-12-01
models:
  gpt-5: {price: {input: 1.50, cache_read: 0.125, output: 10.00}}
  gpt-99: {price: {input: 1.00, output: 2.00}}
"""


def test_a_file_in_the_tables_own_format_is_understood(tmp_path: Path) -> None:
    """Of one provider, or of several; by the same gates, with file and line."""
    source, target = tmp_path / "newer.yaml", tmp_path / "own.yaml"
    source.write_text(NEWER)
    found = own_update(source, target, TODAY).report.found
    assert found["changed"] == {"openai/gpt-5": "standard input 1.25 -> 1.50"}
    assert list(found["added"]) == ["openai/gpt-99"]
    source.write_text("schema: 1\nfiles:\n" + "  - " + NEWER.partition("\n")[2].rstrip().replace("\n", "\n    ") + "\n")
    assert own_update(source, target, TODAY).report.found == found
    source.write_text(NEWER.replace("cache_read: 0.125", "cache_read: 12"))
    with pytest.raises(ConfigError, match=r"newer\.yaml:6: gpt-5: price: cache_read is dearer than input"):
        own_update(source, target, TODAY)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a": {"b": 1}}', "{", "schema: 1\nprovider: p\nmodels: {}\n"])
def test_what_is_no_table_is_refused_and_changes_nothing(text: str, tmp_path: Path) -> None:
    """The file is named."""
    source = tmp_path / "newer.file"
    source.write_text(text)
    with pytest.raises(ConfigError, match=r"newer\.file"):
        own_update(source, tmp_path / "own.yaml", TODAY)


def test_a_file_that_cannot_be_replaced_is_left_as_it_was(tmp_path: Path) -> None:
    """No half of it, and nothing beside it."""
    (tmp_path / "own.yaml").mkdir()
    with pytest.raises(ConfigError, match=r"own\.yaml: cannot be written"):
        write_whole(tmp_path / "own.yaml", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["own.yaml"]
