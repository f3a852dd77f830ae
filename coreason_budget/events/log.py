"""The log as a hook: one structured event for each booking, and one for each refusal."""

from __future__ import annotations

import logging
from decimal import Decimal

from coreason_budget.errors import BudgetExceededError
from coreason_budget.events.hooks import Hooks
from coreason_budget.model import Subject, named
from coreason_budget.standing import Receipt

_log = logging.getLogger("coreason_budget")


class EventLog(Hooks):
    """Writes ``finops.spend.total`` and ``finops.budget.refused`` at INFO, their data as attributes of the record."""

    def after_booked(self, receipt: Receipt) -> None:
        """What was booked, on whom, and under which key."""
        if _log.isEnabledFor(logging.INFO):
            _log.info(
                "finops.spend.total",
                extra={
                    **named([balance.account.scope for balance in receipt.balances]),
                    "cost_usd": f"{receipt.cost_usd:f}",
                    "difference_usd": None if receipt.difference_usd is None else _text(receipt.difference_usd),
                    "tokens": receipt.amounts.tokens,
                    "status": receipt.status,
                    "op_id": receipt.op_id,
                    "reservation_id": receipt.reservation_id,
                    "reference": receipt.reference,
                    "replayed": receipt.replayed,
                    "late": receipt.late,
                },
            )

    def after_refused(
        self, subject: Subject, refusal: BudgetExceededError, verb: str, idempotency_key: str | None
    ) -> None:
        """Who was refused, by which budget, and why."""
        if _log.isEnabledFor(logging.INFO):
            _log.info(
                "finops.budget.refused",
                extra={
                    **named(subject.scopes),
                    "verb": verb,
                    "idempotency_key": idempotency_key,
                    "scope": refusal.scope,
                    "window": refusal.window,
                    "unit": refusal.unit,
                    "reason": refusal.reason,
                    "limit": _text(refusal.limit),
                    "spent": _text(refusal.spent),
                    "reserved": _text(refusal.reserved),
                    "requested": _text(refusal.requested),
                    "retry_after_s": refusal.retry_after_s,
                },
            )


def _text(amount: Decimal | int) -> str:
    return f"{amount:f}" if isinstance(amount, Decimal) else str(amount)
