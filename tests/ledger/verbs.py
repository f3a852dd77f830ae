"""What can be asked of any ledger, and what one that forgot answers to all of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coreason_budget.errors import LedgerUnavailableError
from coreason_budget.guard import BudgetGuard
from coreason_budget.model import Amounts
from coreason_budget.testing.kit import ALICE

VERBS: dict[str, Callable[[BudgetGuard], object]] = {
    "reserve": lambda g: g.reserve(ALICE, Amounts(1)),
    "charge": lambda g: g.charge(ALICE, Amounts(1)),
    "check": lambda g: g.check(ALICE, Amounts(1)),
    "usage": lambda g: g.usage(ALICE),
    "settle": lambda g: g.settle("x", 1),
    "release": lambda g: g.release("x"),
    "ping": lambda g: g.ledger.ping(),
    "page": lambda g: g.ledger.page(),
}
every_verb = pytest.mark.parametrize("verb", list(VERBS))


def why(act: Callable[[], object]) -> str:
    """The reason that an act is refused for: the ledger's, and no budget's."""
    with pytest.raises(LedgerUnavailableError) as caught:
        act()
    return str(caught.value)


def assert_halted(guard: BudgetGuard) -> None:
    """No verb gets through, and each says what to do."""
    for verb in VERBS.values():
        text = why(lambda verb=verb: verb(guard))  # type: ignore[misc]
        assert "ledger is halted" in text
        assert "ledger accept" in text
    assert guard.ledger.status().trouble
