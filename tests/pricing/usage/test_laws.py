"""One count changed: refused, or the same cost, or itself a valid usage of its family. Never in silence."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from coreason_budget.errors import BudgetError
from coreason_budget.pricing import PricingEngine
from tests.pricing.usage.cases import CASES, Case

pytestmark = pytest.mark.slow

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


EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@EACH
def test_a_renamed_count_is_refused_or_costs_the_same(case: Case) -> None:
    """A count under a name that the reader does not know is money."""
    right = cost(case.usage, case)
    for path in counts_of(case.usage):
        usage = copy.deepcopy(case.usage)
        level = level_of(usage, path)
        level[f"{path[-1]}_renamed"] = level.pop(path[-1])
        assert cost(usage, case) in (None, right), path


@EACH
def test_a_count_under_a_new_level_is_refused_or_costs_the_same(case: Case) -> None:
    """Also where the level is not known."""
    right = cost(case.usage, case)
    for path in counts_of(case.usage):
        usage = copy.deepcopy(case.usage)
        level = level_of(usage, path)
        level["moved"] = {path[-1]: level.pop(path[-1])}
        assert cost(usage, case) in (None, right), path


@EACH
def test_a_count_moved_up_is_refused_or_costs_the_same(case: Case) -> None:
    """Out of its level, to the one around it."""
    right = cost(case.usage, case)
    for path in counts_of(case.usage):
        usage = copy.deepcopy(case.usage)
        if len(path) > 1 and isinstance(above := level_of(usage, path[:-1]), dict) and path[-1] not in above:
            above[path[-1]] = level_of(usage, path).pop(path[-1])
            assert cost(usage, case) in (None, right), path


@EACH
def test_a_total_that_is_no_sum_is_refused(case: Case) -> None:
    """Where the usage tells a total, a doubled count shows, and so does a doubled total."""
    right = cost(case.usage, case)
    for path in filter(lambda path: is_held(case, path), counts_of(case.usage)):
        usage = copy.deepcopy(case.usage)
        level_of(usage, path)[path[-1]] *= 2
        assert cost(usage, case) in (None, right), path


# Their makers count reasoning beside the output, so that a greater total is itself a usage of theirs.
_MORE_IS_REASONING = ("xai", "strands, gemini")


def is_held(case: Case, path: Path) -> bool:
    """Tell whether a total holds a count: no share of another, which may be any up to its whole."""
    name = str(path[-1]).lower()
    if "total" in name and any(part in case.name for part in _MORE_IS_REASONING):
        return False
    if len(list(counts_of(level_of(case.usage, path)))) == 1:
        return False
    is_share = "details" in str(path[:-1]) or any(part in name for part in ("cache", "reasoning", "thought"))
    return not is_share and any("total" in str(other).lower() for other in level_of(case.usage, path))
