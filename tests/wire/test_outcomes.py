"""The table of outcomes: one row for each way to end, and what follows from it."""

from __future__ import annotations

from collections import Counter

import pytest

from coreason_budget.errors import (
    BudgetError,
    BudgetExceededError,
    ConfigError,
    InvalidAmountError,
    LedgerCorruptError,
    LedgerUnavailableError,
    OutcomeUnknownError,
    ReservationError,
)
from coreason_budget.wire import outcomes
from coreason_budget.wire.outcomes import KINDS, REFUSED, UNAVAILABLE, WRONG, Kind, kind_named, kind_of


def test_the_table_is_whole() -> None:
    """Every kind of the module stands in it once, under a type of its own."""
    found = [kind for kind in vars(outcomes).values() if isinstance(kind, Kind)]
    assert Counter(map(id, KINDS)) == Counter(map(id, found))
    assert len({kind.type for kind in KINDS}) == len({kind.title for kind in KINDS}) == len(KINDS)
    assert all(kind_named(kind.type) is kind for kind in KINDS)
    assert kind_named("about:blank") is None


@pytest.mark.parametrize(
    ("error", "status", "exit_status"),
    [
        (BudgetExceededError("text"), 429, REFUSED),
        (InvalidAmountError("text"), 400, WRONG),
        (ReservationError("text", reason="unknown"), 404, WRONG),
        (ReservationError("text", reason="settled"), 409, WRONG),
        (ConfigError("text"), 503, WRONG),
        (LedgerUnavailableError("text"), 503, UNAVAILABLE),
        (OutcomeUnknownError("text", op_id="k"), 503, UNAVAILABLE),
        (LedgerCorruptError("text"), 503, UNAVAILABLE),
        (BudgetError("text"), 500, WRONG),
    ],
)
def test_an_error_has_a_status_for_http_and_one_for_a_shell(error: BudgetError, status: int, exit_status: int) -> None:
    """A program can tell no from not now, whichever way it asks."""
    assert (kind_of(error).status, kind_of(error).exit) == (status, exit_status)


def test_only_a_refusal_looks_like_one() -> None:
    """No other row may tell a script or a client that the budget was asked and said no."""
    assert [kind for kind in KINDS if kind.exit == REFUSED or kind.status == 429] == [outcomes.BUDGET_EXCEEDED]
