"""A refusal as its caller gets it: the figures for a program, and one sentence for a person."""

from __future__ import annotations

import math
from functools import partial

from coreason_budget.errors import BudgetExceededError
from coreason_budget.ledger.base import Refused
from coreason_budget.model import Account, balance_of
from coreason_budget.money import usd_text

_BUSY_RETRY_S = 1


def exceeded(refused: Refused) -> BudgetExceededError:
    """The error for a refusal."""
    entry, account = refused.entry, refused.entry.account
    balance = balance_of(entry, refused.used, refused.reserved)
    spent = refused.reason == "spent"
    return BudgetExceededError(
        _sentence(refused),
        scope=balance.scope,
        window=account.window,
        unit=account.unit,
        limit=balance.limit or 0,
        limit_source=balance.limit_source,
        spent=balance.spent,
        reserved=balance.reserved,
        requested=balance.shown(entry.amount),
        resets_at=account.resets_at,
        reason=refused.reason,
        retry_after_s=_seconds_left(account, refused.now_us) if spent else _BUSY_RETRY_S,
    )


def _sentence(refused: Refused) -> str:
    entry, account = refused.entry, refused.entry.account
    balance = balance_of(entry, refused.used, refused.reserved)
    show = partial(amount_text, account.unit)
    period = "in total" if account.end_s is None else f"per {account.window}"
    said = f"; limit of {balance.limit_source}" if balance.limit_source else ""
    text = (
        f"Budget exceeded for {account.scope.label}: {show(entry.amount)} requested, "
        f"{show(balance.remaining_units or 0)} of {show(entry.limit_units or 0)} {period} left "
        f"({show(refused.used - refused.reserved)} spent, {show(refused.reserved)} reserved{said})"
    )
    if refused.reason == "busy":
        return f"{text}; open reservations hold the rest, try again soon"
    return text if account.resets_at is None else f"{text}; resets at {account.resets_at.isoformat()}"


def _seconds_left(account: Account, now_us: int) -> int | None:
    return None if account.end_s is None else max(1, math.ceil(account.end_s - now_us / 1_000_000))


def amount_text(unit: str, units: int) -> str:
    """An amount as a person reads it: ``1.00 USD``, ``60 requests``."""
    return f"{usd_text(units)} USD" if unit == "usd" else f"{units} {unit}"
