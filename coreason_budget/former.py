"""The names of coreason-budget 0.4.1, each with what stands for it now."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

_PAGE = "coreason_budget/README.rst, 'Coming from 0.4.1', lists what has another name"

IMPORTED = {"CoreasonBudgetConfig": "BudgetConfig", "RedisConnectionError": "LedgerUnavailableError"}
"""What was imported from the package -> what to import."""

ASKED = {
    "check_availability_sync": "check_availability",
    "record_spend_sync": "record_spend",
    "sync_guard": "guard",
}
"""What a manager had -> what it has."""


def refuse_import(name: str) -> NoReturn:
    """Raise for a name that the package does not have.

    Raises:
        ImportError: It had it once; says what to import.
        AttributeError: It never had it.
    """
    if name in IMPORTED:
        raise ImportError(f"coreason_budget has no {name} any more; import {IMPORTED[name]} ({_PAGE})", name=name)
    raise AttributeError(f"module 'coreason_budget' has no attribute {name!r}")


class FormerNames:
    """A manager that is asked for what it had once says what it has now."""

    if not TYPE_CHECKING:  # A checker would take every misspelt name for one that is there.

        def __getattr__(self, name):
            hint = f"; it has {ASKED[name]} now ({_PAGE})" if name in ASKED else ""
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}", name=name, obj=self)
