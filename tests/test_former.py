"""The names of 0.4.1: whoever uses one is told the new one, and where all of them stand."""

from __future__ import annotations

from pathlib import Path

import pytest

import coreason_budget
from coreason_budget import BudgetConfig, BudgetManager, former

PAGE = Path(coreason_budget.__file__).with_name("README.rst").read_text(encoding="utf-8")


@pytest.mark.parametrize(("old", "new"), former.IMPORTED.items())
def test_an_import_of_a_former_name_says_the_new_one(old: str, new: str) -> None:
    """And the new one is there."""
    with pytest.raises(ImportError, match=rf"{old}.*{new}.*Coming from 0\.4\.1"):
        exec(f"from coreason_budget import {old}")
    assert new in coreason_budget.__all__


def test_another_name_is_missing_as_in_any_module() -> None:
    """A misspelt name is no former one; `hasattr` and `getattr` with a default work."""
    with pytest.raises(ImportError, match="cannot import name 'BudgetManger'"):
        exec("from coreason_budget import BudgetManger")
    assert not hasattr(coreason_budget, "budgetmanager")


@pytest.mark.parametrize(("old", "new"), former.ASKED.items())
def test_a_former_method_says_the_new_one(old: str, new: str) -> None:
    """As an AttributeError, so that feature tests of callers say no."""
    budget = BudgetManager(BudgetConfig(ledger_url="memory://"))
    with pytest.raises(AttributeError, match=rf"{old}.*{new} .*Coming from 0\.4\.1"):
        getattr(budget, old)
    assert hasattr(budget, new)
    assert not hasattr(budget, old)
    with pytest.raises(AttributeError, match=r"no attribute 'recordspend'$"):
        _ = budget.recordspend  # type: ignore[attr-defined]


def test_the_page_has_every_former_name() -> None:
    """What the errors point to is there."""
    table = PAGE.split("Coming from 0.4.1\n", 1)[1]
    for old, new in {**former.IMPORTED, **former.ASKED}.items():
        assert old in table, old
        assert new in table, new
