"""One count changed: refused, or the same cost, or itself a valid usage of its family. Never in silence."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from coreason_budget.errors import BudgetError
from coreason_budget.pricing import PricingEngine
from tests.pricing.usage.cases import CASES, Case

ENGINE = PricingEngine()
Path = tuple[Any, ...]


def counts_of(value: Any, path: Path = ()) -> Iterator[Path]:
    """Give the path of every count other than 0."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        if isinstance(inner, int) and not isinstance(inner, bool) and inner:
            yield (*path, name)
        else:
            yield from counts_of(inner, (*path, name))


def level_of(usage: Any, path: Path) -> Any:
    """Give what holds the count."""
    for name in path[:-1]:
        usage = usage[name]
    return usage


def cost(usage: Any, case: Case) -> int | None:
    """Give the cost, None if the usage is refused."""
    try:
        return ENGINE.cost_of(usage, case.model).cost_nanos
    except BudgetError:
        return None


COUNTS = [(case, path) for case in CASES for path in counts_of(case.usage)]
IDS = [f"{case.name}: {'.'.join(map(str, path))}" for case, path in COUNTS]


@pytest.mark.parametrize(("case", "path"), COUNTS, ids=IDS)
def test_a_renamed_count_is_refused_or_costs_the_same(case: Case, path: Path) -> None:
    """A count under a name that the reader does not know is money."""
    usage = copy.deepcopy(case.usage)
    level = level_of(usage, path)
    level[f"{path[-1]}_renamed"] = level.pop(path[-1])
    assert cost(usage, case) in (None, cost(case.usage, case))


@pytest.mark.parametrize(("case", "path"), COUNTS, ids=IDS)
def test_a_count_on_another_level_is_refused_or_costs_the_same(case: Case, path: Path) -> None:
    """Moved under a new level, and up by one."""
    right = cost(case.usage, case)
    down, up = copy.deepcopy(case.usage), copy.deepcopy(case.usage)
    level = level_of(down, path)
    level["moved"] = {path[-1]: level.pop(path[-1])}
    assert cost(down, case) in (None, right)
    if len(path) > 1 and isinstance(above := level_of(up, path[:-1]), dict) and path[-1] not in above:
        above[path[-1]] = level_of(up, path).pop(path[-1])
        assert cost(up, case) in (None, right)


def _is_part(name: Any) -> bool:
    """Tell a share of a count, which may be any up to its whole."""
    return any(part in str(name).lower() for part in ("cache", "reasoning", "thought"))


@pytest.mark.parametrize(("case", "path"), COUNTS, ids=IDS)
def test_a_total_that_is_no_sum_is_refused(case: Case, path: Path) -> None:
    """Where the usage tells a total, a doubled count shows, and so does a doubled total."""
    usage = copy.deepcopy(case.usage)
    level = level_of(usage, path)
    if ("xai" in case.name or case.name == "strands, gemini") and "total" in str(path[-1]).lower():
        pytest.skip("itself a usage of xAI's, whose reasoning only the total tells")
    if not any("total" in str(name).lower() for name in level) or "details" in str(path[:-1]) or _is_part(path[-1]):
        pytest.skip("nothing to hold it against")
    level[path[-1]] *= 2
    assert cost(usage, case) in (None, cost(case.usage, case))
