"""A refusal as its caller gets it: the figures for a program, and one sentence for a person."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from coreason_budget.errors import BudgetExceededError
from coreason_budget.ledger.base import Refused
from coreason_budget.model import Account, Amounts
from coreason_budget.money import usd_text
from coreason_budget.standing import Balance, balance_of

_BUSY_RETRY_S = 1

Fits: TypeAlias = Callable[[Balance], int]
"""The largest output limit of a call that an account in this state could admit, in tokens."""


def exceeded(refused: Refused, told: Amounts, fits: Fits | None = None) -> BudgetExceededError:
    """The error for a refusal of a call of which its caller told these amounts."""
    entry, account = refused.entry, refused.entry.account
    balance = balance_of(entry, refused.used, refused.reserved)
    affordable = None
    if fits is not None and refused.reason == "too_large" and account.unit != "requests":
        affordable = fits(balance_of(entry, 0, 0))
    return BudgetExceededError(
        _sentence(refused, told, affordable),
        scope=balance.scope,
        window=account.window,
        unit=account.unit,
        limit=balance.limit or 0,
        limit_source=balance.limit_source,
        spent=balance.spent,
        reserved=balance.reserved,
        requested=balance.shown(told.of(account.unit)),
        resets_at=account.resets_at,
        reason=refused.reason,
        retry_after_s=_retry_after_s(refused),
        affordable_output_tokens=affordable,
    )


def _sentence(refused: Refused, told: Amounts, affordable: int | None) -> str:
    entry, account = refused.entry, refused.entry.account
    balance = balance_of(entry, refused.used, refused.reserved)
    show = partial(amount_text, account.unit)
    asked = told.of(account.unit)
    requested = f"{show(asked)} requested, " if asked else ""
    period = "in total" if account.end_s is None else f"per {account.window}"
    said = f"; limit of {balance.limit_source}" if balance.limit_source else ""
    return (
        f"Budget exceeded for {account.scope.label}: {requested}"
        f"{show(balance.remaining_units or 0)} of {show(entry.limit_units or 0)} {period} left "
        f"({show(refused.used - refused.reserved)} spent, {show(refused.reserved)} reserved{said})"
        f"{_advice(refused, affordable)}"
    )


def _advice(refused: Refused, affordable: int | None) -> str:
    resets_at = refused.entry.account.resets_at
    if refused.reason == "busy":
        return "; open reservations hold the rest, try again soon"
    if refused.reason == "spent":
        return "" if resets_at is None else f"; resets at {resets_at.isoformat()}"
    if not refused.entry.limit_units:
        return "; nothing that counts fits a limit of 0"
    text = "; larger than the whole limit, so no reset makes it fit"
    if affordable is None:
        return text
    return (
        f"{text}; at most {affordable} output tokens would" if affordable else f"{text}; its input alone is too large"
    )


def _retry_after_s(refused: Refused) -> int | None:
    if refused.reason == "busy":
        return _BUSY_RETRY_S
    return _seconds_left(refused.entry.account, refused.now_us) if refused.reason == "spent" else None


def _seconds_left(account: Account, now_us: int) -> int | None:
    return None if account.end_s is None else max(1, math.ceil(account.end_s - now_us / 1_000_000))


def amount_text(unit: str, units: int) -> str:
    """An amount as a person reads it: ``1.00 USD``, ``60 requests``."""
    return f"{usd_text(units)} USD" if unit == "usd" else f"{units} {unit}"
