"""Hooks: what runs after a decision, and can no longer change it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from coreason_budget.errors import BudgetExceededError
from coreason_budget.model import Subject
from coreason_budget.standing import Balance, Hold, Receipt

_log = logging.getLogger("coreason_budget")


class Hooks:
    """What an application may want to know. Override what you need, and pass it as ``BudgetManager(hooks=[...])``.

    A hook runs in the thread of the call, once the ledger has answered, so keep it short. What it raises
    is logged and changes nothing: the call is admitted, refused or booked all the same.
    """

    def after_admitted(self, hold: Hold) -> None:
        """A reserve was admitted; ``hold.replayed`` if it was before."""

    def after_refused(
        self, subject: Subject, refusal: BudgetExceededError, verb: str, idempotency_key: str | None
    ) -> None:
        """A ``check`` or a ``reserve`` was refused: whose call, by which budget, and why."""

    def after_booked(self, receipt: Receipt) -> None:
        """A charge, a settle, a lapse or a correction was booked; ``receipt.replayed`` if it was before."""

    def after_crossed(self, receipt: Receipt, balance: Balance) -> None:
        """This booking used an account's limit up. A late one, which only corrects a lapse, is not looked at."""


class Chain:
    """Several hooks as one; only what a hook overrides costs anything."""

    def __init__(self, hooks: Iterable[Hooks]) -> None:
        found = tuple(hooks)
        for hook in found:
            if not isinstance(hook, Hooks):
                raise TypeError(f"hooks: must be instances of coreason_budget.events.Hooks, not {hook!r}")
        self._admitted = _overridden(found, "after_admitted")
        self._refused = _overridden(found, "after_refused")
        self._booked = _overridden(found, "after_booked")
        self._crossed = _overridden(found, "after_crossed")

    def admitted(self, hold: Hold) -> None:
        """Tell of an admitted reserve."""
        _run(self._admitted, hold)

    def refused(self, subject: Subject, refusal: BudgetExceededError, verb: str, key: str | None = None) -> None:
        """Tell of a refusal."""
        _run(self._refused, subject, refusal, verb, key)

    def booked(self, receipt: Receipt) -> None:
        """Tell of a booking, and of every limit that it used up."""
        _run(self._booked, receipt)
        if self._crossed:
            for balance in crossed(receipt):
                _run(self._crossed, receipt, balance)


def crossed(receipt: Receipt) -> list[Balance]:
    """The accounts whose limit this booking used up: there was something left before it, and nothing is after it."""
    if receipt.replayed or receipt.late:
        return []
    return [balance for balance in receipt.balances if _is_crossed(balance, receipt.added.of(balance.unit))]


def _is_crossed(balance: Balance, booked: int) -> bool:
    spent = balance.used_units - balance.reserved_units
    return balance.limit_units is not None and spent - booked < balance.limit_units <= spent


def _overridden(hooks: Iterable[Hooks], name: str) -> list[Callable[..., object]]:
    return [getattr(hook, name) for hook in hooks if getattr(type(hook), name) is not getattr(Hooks, name)]


def _run(hooks: list[Callable[..., object]], *told: Any) -> None:
    for hook in hooks:
        try:
            hook(*told)
        except Exception:  # Whatever it is: the booking stands, and its caller must learn that.
            _log.exception("a hook failed; what it was told of stands: %s", getattr(hook, "__qualname__", hook))
