"""Against litellm, genai-prices and models.dev, on everything that they hold: `tox -e prices`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from attrs import frozen

from coreason_budget.pricing.bundled import PRICES
from coreason_budget.pricing.refresh.__main__ import refresh
from coreason_budget.pricing.refresh.choices import read_choices
from coreason_budget.pricing.refresh.genai import read_genai
from coreason_budget.pricing.refresh.group import Sources
from coreason_budget.pricing.refresh.litellm import read_litellm
from coreason_budget.pricing.table import load_bundled
from tests.pricing.others import CALLS, Row, rows, third_rows

pytestmark = [
    pytest.mark.skipif(
        any(find_spec(package) is None for package in ("litellm", "genai_prices", "model_prices")),
        reason="litellm, genai-prices and model-prices are not installed; tox -e prices has them",
    ),
    pytest.mark.filterwarnings("ignore"),
]
CHEAPER_THAN_MODELS_DEV = {
    "dashscope/deepseek-v4-flash-0731": "it has the price of another region",
    "dashscope/qwen3-coder-plus": "it has no price of cached tokens; litellm has",
    "deepseek/deepseek-v3.2": "it has a higher price; litellm and genai-prices have lower ones",
    "gemini/gemini-2.5-flash-preview-09-2025": "its cached price is that of before 2026",
    "mistral/devstral-*": "it has no price of cached tokens; litellm has",
    "mistral/magistral-medium-latest": "it has the price of the model before; litellm that of 2026",
    "mistral/mistral-large-2411": "it has no price of cached tokens; litellm has",
    "mistral/mistral-large-4*": "its table is of October; Mistral halved the price in November",
    "mistral/pixtral-large-latest": "it has no price of cached tokens; litellm has",
    "mistral/voxtral-small-*": "it has no price of cached tokens; litellm has",
    "moonshot/kimi-k2-turbo-preview": "it has the price of the highspeed model; genai-prices has Moonshot's list",
    "xai/grok-4.20-*": "it has the price of March; litellm a lower one of later",
}
DIFFERENCES = yaml.safe_load(Path(__file__).with_name("differences.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def compared() -> list[Row]:
    """Every text model of either, on the day that the table was checked."""
    checked = load_bundled()[0].models[0].checked
    assert checked is not None
    return list(rows(checked))


@frozen
class Share:
    """How many calls one side prices, and of these how many we price, and price alike."""

    calls: int
    found: int
    equal: int

    def __str__(self) -> str:
        return f"{self.calls:6} {self.found / self.calls:9.2%} {self.equal / self.calls:9.2%}" if self.calls else "-"


def share(some: Iterable[Row], theirs: Callable[[Row], int | None]) -> Share:
    priced = [row for row in some if theirs(row) is not None]
    found = [row for row in priced if row.ours is not None]
    return Share(len(priced), len(found), sum(row.is_ours(theirs(row)) for row in found))


def test_what_both_agree_on_is_found_and_equal(compared: list[Row]) -> None:
    """99 % and more, all in all; the table by provider is printed with -s."""
    by_provider: dict[str, list[Row]] = defaultdict(list)
    for row in compared:
        by_provider[row.provider].append(row)
    sides = (lambda row: row.agreed, lambda row: row.litellm, lambda row: row.genai)
    print(f"\n{'provider':20} {'both agree: calls, found, equal':>28} | {'litellm':>26} | {'genai-prices':>26}")
    for provider, some in sorted({**by_provider, "all": compared}.items(), key=lambda pair: pair[0]):
        print(f"{provider:20} " + " | ".join(f"{share(some, side)!s:>26}" for side in sides))
    agreed = share(compared, lambda row: row.agreed)
    assert agreed.calls > 700 * len(CALLS)
    assert agreed.found >= 0.99 * agreed.calls
    assert agreed.equal >= 0.99 * agreed.calls


def test_every_difference_has_its_reason(compared: list[Row]) -> None:
    """Ours is cheaper or dearer for a listed reason, or missing for one that the refresh reports; no reason is idle."""
    unpriced = _unpriced()
    used: set[int] = set()
    unexplained = []
    for row in compared:
        for who in ("litellm", "genai"):
            theirs = getattr(row, who)
            if theirs is None or row.is_ours(theirs):
                continue
            if row.ours is None:
                reasons = [why for model, why in unpriced.items() if model == row.model]
            else:
                reasons = [index for index, one in enumerate(DIFFERENCES) if _explains(one, row, who, theirs)]
                used.update(reasons)
            if not reasons:
                unexplained.append((who, row))
    assert [(who, row.model) for who, row in unexplained] == []
    assert [one for index, one in enumerate(DIFFERENCES) if index not in used] == []


def _explains(one: dict[str, str], row: Row, who: str, theirs: int) -> bool:
    assert row.ours is not None
    ours = "dearer" if row.ours > theirs else "cheaper"
    return fnmatchcase(who, one["who"]) and fnmatchcase(row.model, one["model"]) and ours == one["ours"]


def _unpriced() -> dict[str, str]:
    """What the refresh leaves out or refuses, with the reason."""
    sources = Sources(read_litellm(None), read_genai(None))
    checked = load_bundled()[0].models[0].checked
    assert checked is not None
    report = refresh(sources, read_choices(), PRICES, checked, write=False)
    return report.found["left out"] | report.found["refused"]


def test_the_table_is_what_the_sources_and_the_choices_give() -> None:
    """A refresh from the installed packages, on the day of the table, changes nothing; what both dropped stays."""
    sources = Sources(read_litellm(None), read_genai(None))
    checked = load_bundled()[0].models[0].checked
    assert checked is not None
    report = refresh(sources, read_choices(), PRICES, checked, write=False)
    assert report.found["added"] == {}
    assert report.found["changed"] == {}


def test_the_makers_prices_are_those_of_models_dev() -> None:
    """A third source, that nothing is taken from: model-prices carries models.dev, for the makers' own models.

    Ours is dearer where a source is, or where a request has a fee; and cheaper nowhere but for a listed reason.
    """
    checked = load_bundled()[0].models[0].checked
    assert checked is not None
    compared = list(third_rows(checked))
    alike = [row for row in compared if row.is_ours(row.models_dev)]
    cheaper = {row.model for row in compared if row.ours is not None and row.ours + 1 < row.models_dev}
    print(f"\nmodels.dev: {len(compared)} calls, alike {len(alike) / len(compared):.2%}, cheaper: {sorted(cheaper)}")
    assert len(compared) > 800
    assert len(alike) >= 0.87 * len(compared)
    unlisted = {model for model in cheaper if not any(fnmatchcase(model, one) for one in CHEAPER_THAN_MODELS_DEV)}
    assert unlisted == set()
