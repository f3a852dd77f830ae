"""What stands in a budget beside what a provider billed."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from threading import Event

from coreason_budget import BudgetConfig, BudgetManager, background
from coreason_budget.events.hooks import Hooks
from tests.integrations.provider import Provider

USER = "alice"


def new_budget(limit_usd: object = "10", hooks: Iterable[Hooks] = ()) -> BudgetManager:
    """A budget in memory with one user's limit."""
    return BudgetManager(BudgetConfig(ledger_url="memory://", daily_user_limit_usd=limit_usd), hooks=hooks)


def standing(budget: BudgetManager) -> tuple[Decimal, Decimal]:
    """What is spent, and what is still held."""
    _finish()
    balance = next(one for one in budget.usage(USER) if one.scope == f"user/{USER}" and one.unit == "usd")
    return Decimal(balance.spent), Decimal(balance.reserved)


def check(budget: BudgetManager, provider: Provider) -> None:
    """The law: booked is what was billed, and nothing is left held."""
    assert standing(budget) == (provider.billed_usd, 0)
    assert provider.open_streams == 0


def _finish() -> None:
    """Wait for what is ended in the background."""
    done = Event()
    background.prepare()
    background.later(done.set)
    assert done.wait(10)
