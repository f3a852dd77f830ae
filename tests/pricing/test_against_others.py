"""Against litellm and genai-prices, on everything that both hold: `tox -e prices`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

import attrs
import pytest
import yaml

from coreason_budget.pricing.bundled import PRICES
from coreason_budget.pricing.refresh.__main__ import refresh
from coreason_budget.pricing.refresh.choices import read_choices
from coreason_budget.pricing.refresh.genai import read_genai
from coreason_budget.pricing.refresh.group import Sources
from coreason_budget.pricing.refresh.litellm import read_litellm
from coreason_budget.pricing.table import load_bundled
from tests.pricing.others import CALLS, Row, rows

pytestmark = [
    pytest.mark.skipif(
        find_spec("litellm") is None or find_spec("genai_prices") is None,
        reason="litellm and genai-prices are not installed; tox -e prices has them",
    ),
    pytest.mark.filterwarnings("ignore"),
]
DIFFERENCES = yaml.safe_load(Path(__file__).with_name("differences.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def compared() -> list[Row]:
    """Every text model of either, on the day that the table was checked."""
    checked = load_bundled()[0].models[0].checked
    assert checked is not None
    return list(rows(checked))


@attrs.frozen
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
    """A refresh from the installed packages, on the day of the table, changes nothing."""
    sources = Sources(read_litellm(None), read_genai(None))
    checked = load_bundled()[0].models[0].checked
    assert checked is not None
    report = refresh(sources, read_choices(), PRICES, checked, write=False)
    assert report.found["added"] == {}
    assert report.found["changed"] == {}
    assert report.found["gone"] == {}
