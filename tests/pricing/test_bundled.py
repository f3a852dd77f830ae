"""The files that come with the package, and what loading them costs."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from datetime import date
from pathlib import Path
from timeit import repeat

import pytest

from coreason_budget.pricing import PricingEngine
from coreason_budget.pricing.bundled import HOSTS, PRICES, Bundled
from coreason_budget.pricing.price import TOKEN_METERS, ModelPrice
from coreason_budget.pricing.table import load_bundled, load_file

FILES = load_bundled()
TABLE = Bundled()
ENTRIES = [entry for file in FILES for entry in file.models]


def test_the_makers_are_there() -> None:
    """Every file passes the strict checks, and none shrank by accident."""
    counts = {file.provider: len(file.models) for file in FILES}
    assert counts["openai"] >= 110
    assert counts["anthropic"] >= 28
    assert counts["gemini"] >= 40
    for provider in ("mistral", "cohere", "deepseek", "xai", "perplexity", "moonshot", "dashscope", "zai", "minimax"):
        assert counts[provider] >= 7
    assert counts["voyage"] >= 20


@pytest.mark.parametrize("path", sorted(HOSTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_file_of_a_host_is_found_by_its_names(path: Path) -> None:
    """It passes the strict checks, and each name that it lists leads to each of its ids."""
    file = load_file(path, bundled=True)
    for alias in (file.provider, *file.aliases):
        for entry in file.models[:: max(1, len(file.models) // 10)]:
            found = TABLE.find(f"{alias}/{entry.model}")
            assert found is not None
            assert found.canonical == f"{file.provider}/{entry.model}"
            assert found.source == entry.source


def test_every_data_file_ships() -> None:
    """What is not Python is listed in setup.cfg, or the wheel would lack it."""
    package = PRICES.parent.parent
    setup = ConfigParser()
    setup.read(package.parent / "setup.cfg")
    listed = setup["options.package_data"]["coreason_budget"].split()
    shipped = {path for pattern in listed for path in package.glob(pattern)}
    assert set(package.rglob("*.yaml")) <= shipped


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.canonical)
def test_entry_is_sane(entry: ModelPrice) -> None:
    """Output is not cheaper than input, a tier not than the base, a discount is one, and a source is named."""
    assert entry.source is not None
    assert entry.source.startswith("https://")
    assert entry.checked is not None
    for service, history in entry.prices.items():
        for period in history:
            base = period.rows[0].meters
            for row in period.rows:
                assert row.meters.get("output", row.meters["input"]) >= row.meters["input"]
                assert row.meters.get("cache_read", 0) <= row.meters["input"]
                assert all(row.meters[meter] >= base[meter] for meter in base if meter in TOKEN_METERS)
            if service == "standard":
                continue
            standard = entry.period("standard", period.since or date.min).rows[0].meters
            cheap = service.startswith(("batch", "flex"))
            for meter in set(base) & set(standard) & set(TOKEN_METERS):
                dearer = base[meter] > standard[meter]
                assert not (cheap and dearer)
                assert cheap or base[meter] >= standard[meter]


def test_every_id_of_the_table_has_its_price() -> None:
    """No bare id of the bundled files is ambiguous."""
    engine = PricingEngine()
    for entry in ENTRIES:
        for name in entry.ids():
            assert engine.card(name).canonical == entry.canonical
            assert engine.calculate(name, 1000) > 0 or "gemma" in name


def test_rates_are_shown_as_they_are_written() -> None:
    """For people: USD for a million tokens."""
    rates = PricingEngine().card("gpt-4o").rates_usd("batch")
    assert {meter: str(rate) for meter, rate in rates.items()} == {
        "input": "1.25",
        "cache_read": "1.25",
        "output": "5",
        "web_search": "10",
        "file_search": "2.5",
        "code_interpreter": "0.03",
    }


def test_first_use_by_many_threads_is_safe() -> None:
    """Eight threads at first use all get the price."""
    engine = PricingEngine()
    with ThreadPoolExecutor(8) as pool:
        costs = set(pool.map(lambda _: engine.calculate_nanos("gpt-4o", 1200, 300), range(200)))
    assert costs == {6_000_000}


def test_import_loads_neither_yaml_nor_tiktoken() -> None:
    """Construction is cheap; files are read at the first use."""
    code = (
        "import sys\nfrom coreason_budget.pricing import PricingEngine\nPricingEngine()\n"
        "sys.exit(bool({'yaml', 'tiktoken'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_calculate_is_fast() -> None:
    """Far below anything a call would notice; the bound is loose for busy machines."""
    engine = PricingEngine()
    engine.calculate("gpt-4o", 1)
    best = min(repeat(lambda: engine.calculate("gpt-4o", 1200, 300), number=1000, repeat=5)) / 1000
    assert best < 50e-6
