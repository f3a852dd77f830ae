"""The commands on prices and tokenizers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coreason_budget.pricing import PricingEngine, ranks
from tests.cli.test_commands import answer, run
from tests.pricing.test_ranks import cache, server

__all__ = ["cache", "server"]

CHECKED = str(PricingEngine().card("gpt-4o").checked)
PRICES = """\
schema: 1
provider: house
source: https://house.example/prices
checked: 2026-11-20
models:
  small:
    snapshots: [v1]
    max_output: 100
    price:
      - {input: 1.00, output: 2.00, per_second: 0.0001}
      - {from: 2999-01-01, input: 3.00, output: 4.00, per_second: 0.0001}
    service:
      batch: {input: 0.50, output: 1.00, tiers: [{above: 1000, input: 5.00, output: 6.00}]}
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices of one's own, in a file and as an override."""
    Path(tmp_path, "house.yaml").write_text(PRICES)
    monkeypatch.setenv("COREASON_BUDGET_PRICES_FILE", str(tmp_path / "house.yaml"))
    override = {"house-mini": {"input_cost_per_token": "0.000001", "output_cost_per_token": "0.000002"}}
    monkeypatch.setenv("COREASON_BUDGET_MODEL_PRICE_OVERRIDES", json.dumps(override))


def test_price_explains_itself() -> None:
    """Every bucket, its price, and where that was read."""
    shown = run("price", "gpt-4o", "--input", "1000", "--cached", "400", "--searches", "2", "--explain").stdout
    assert shown.splitlines() == [
        "0.022 USD",
        f"openai/gpt-4o, standard, price of {CHECKED}",
        "source: https://developers.openai.com/api/docs/pricing",
        "  input: 600 x 2.5 USD a million tokens = 0.0015 USD",
        "  cache_read: 400 x 1.25 USD a million tokens = 0.0005 USD",
        "  web_search: 2 x 10 USD a thousand = 0.02 USD",
        "  cost: 0.022 USD",
    ]
    lines = answer("price", "gpt-4o", "--input", "1000", "--cached", "400")["lines"]
    assert lines[1] == {
        "bucket": "cache_read",
        "count": 400,
        "meter": "cache_read",
        "rate_usd": "1.25",
        "unit": "million tokens",
        "amount_usd": "0.0005",
    }


def test_price_takes_seconds_as_they_are_written(house: None) -> None:
    """Exactly, and refuses what is no number."""
    assert run("price", "small", "--seconds", "0.00001").stdout == "0.000000001 USD\n"
    assert answer("price", "small", "--seconds", "2.5")["lines"][0]["count"] == "2.5"
    assert run("price", "small", "--seconds", "two").exit_code == 2
    assert run("price", "small", "--seconds", "nan").exit_code == 2
    untold = run("price", "small", "--input", "5")
    assert (untold.exit_code, "billed by the second" in untold.stderr) == (2, True)


@pytest.mark.slow
def test_prices_lists_and_searches(house: None) -> None:
    """Every word counts, in any case; the user's own models are there too, at today's price."""
    lines = run("prices", "HOUSE").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["MODEL", "INPUT", "CACHED", "OUTPUT", "SERVICES", "CHECKED"],
        ["house-mini", "1", "2", "standard"],
        ["house/small", "1", "2", "standard,batch", "2026-11-20"],
    ]
    models = answer("prices")["models"]
    assert len(models) > 100
    assert [model["model"] for model in models] == sorted(model["model"] for model in models)
    assert {
        "model": "openai/gpt-4o",
        "mode": "chat",
        "input": "2.5",
        "cache_read": "1.25",
        "output": "10",
        "checked": CHECKED,
    } in answer("prices", "4O openai")["models"]


@pytest.mark.slow
def test_override_replaces_the_tables_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """One model is one line, at the price that counts."""
    override = {"gpt-4o": {"input_cost_per_token": "0.000009", "output_cost_per_token": "0.000009"}}
    monkeypatch.setenv("COREASON_BUDGET_MODEL_PRICE_OVERRIDES", json.dumps(override))
    found = {model["model"]: model["input"] for model in answer("prices", "gpt-4o")["models"]}
    assert found["openai/gpt-4o"] == "9"
    assert "gpt-4o" not in found


def test_card_shows_every_price_with_its_source(house: None) -> None:
    """By service, day and tier; under any name of the model."""
    shown = run("prices", "house/small-v1", "--card").stdout
    assert [line.split() for line in shown.splitlines()] == [
        ["house/small"],
        ["mode", "chat"],
        ["encoding", "not", "public"],
        ["output", "limit", "100", "tokens"],
        ["also", "small-v1"],
        ["source", "https://house.example/prices"],
        ["checked", "2026-11-20"],
        [],
        ["SERVICE", "FROM", "PROMPT", "ABOVE", "INPUT", "OUTPUT", "PER_SECOND"],
        ["standard", "1", "2", "0.0001"],
        ["standard", "2999-01-01", "3", "4", "0.0001"],
        ["batch", "0.5", "1", "0.0001"],
        ["batch", "1000", "5", "6", "0.0001"],
        ["USD", "a", "million", "tokens;", "per_second", "a", "second"],
    ]
    card = answer("prices", "small", "--card")
    assert card["prices"][3] == {
        "service": "batch",
        "from": None,
        "above": 1000,
        "usd": {"input": "5", "output": "6", "per_second": "0.0001"},
    }
    assert card["units"] == {"input": "million tokens", "output": "million tokens", "per_second": "second"}


@pytest.mark.parametrize(
    "arguments", [("prices", "gpt-4oo"), ("prices", "gpt-4oo", "--card"), ("prices", "--card"), ("prices", "no\nsuch")]
)
def test_unknown_models_are_2(arguments: tuple[str, ...]) -> None:
    """Nothing found is no success; a typo is told what it may have meant."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "gpt-4oo" not in arguments or "Close: openai/gpt-4o" in result.stderr


def test_tokens_fetch_downloads_once(server: str, cache: Path) -> None:
    """The path is on stdout, the progress is not; a second time nothing is downloaded."""
    first = run("tokens", "fetch", "o200k_base", "--url", f"{server}/good")
    path = ranks.on_disk("o200k_base")
    assert (first.exit_code, first.stdout) == (0, f"o200k_base: {path}\n")
    again = run("tokens", "fetch", "o200k_base", "o200k_base", "--url", f"{server}/gone")
    assert (again.exit_code, again.stdout) == (0, f"o200k_base: {path} (was there)\n")
    assert answer("tokens", "fetch", "o200k_base") == {
        "encodings": [{"encoding": "o200k_base", "path": str(path), "downloaded": False}]
    }


@pytest.mark.parametrize(("encoding", "kind"), [("o200k_base", "gone"), ("o200k_base", "wrong"), ("nonsense", "good")])
def test_tokens_fetch_fails_in_one_sentence(server: str, cache: Path, encoding: str, kind: str) -> None:
    """And leaves nothing behind."""
    result = run("tokens", "fetch", encoding, "--url", f"{server}/{kind}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
    assert "coreason-budget: tokens: " in result.stderr
    assert not cache.exists()


def test_price_takes_tools_and_the_size_of_a_search() -> None:
    """33 and 100 tokens of sonar at a low context; a file search and a session of gpt-5."""
    assert (
        run("price", "sonar", "--input", "33", "--output", "100", "--search-context", "low").stdout == "0.005133 USD\n"
    )
    assert run("price", "gpt-5", "--file-searches", "1", "--code-sessions", "1").stdout == "0.0325 USD\n"
    assert "no price for x_search" in run("price", "gpt-5", "--x-searches", "1").stderr


def test_prices_update_tells_and_writes_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run writes nothing; without a target it is refused; PRICES_FILE is one."""
    newer, own = tmp_path / "newer.json", tmp_path / "own.yaml"
    costs = {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}
    newer.write_text(json.dumps({"gpt-99": {"litellm_provider": "openai", "mode": "chat", **costs}}))
    dry = run("prices", "update", "--from", str(newer), "--to", str(own), "--dry-run").stdout
    assert dry.splitlines() == [
        "new openai/gpt-99: input 1.00, output 2.00",
        "1 new, 0 changed, 0 kept, 0 refused; nothing written",
    ]
    assert not own.exists()
    refused = run("prices", "update", "--from", str(newer))
    assert refused.exit_code == 2
    assert "prices_file: nowhere to write to: name a file with --to, or set PRICES_FILE" in refused.stderr
    assert answer("prices", "update", "--from", str(newer), "--to", str(own))["written"] == str(own)
    monkeypatch.setenv("COREASON_BUDGET_PRICES_FILE", str(own))
    assert run("price", "gpt-99", "--input", "1000").stdout == "0.001 USD\n"
    assert answer("prices", "update", "--from", str(newer))["new"] == {"openai/gpt-99": "input 1.00, output 2.00"}


def test_prices_lists_without_a_word_for_it(house: None) -> None:
    """`prices TEXT` is `prices show TEXT`; a command's name is the command's."""
    assert run("prices", "house").stdout == run("prices", "show", "house").stdout
    assert "update" in run("prices", "--help").stdout
