"""What the library answers, as JSON values: money is text in plain USD, moments are ISO 8601."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from coreason_budget.model import Balance, Receipt, Verdict
from coreason_budget.reservation import Reservation

Json = dict[str, Any]


def money(amount: Decimal | int | None) -> str | int | None:
    """An amount of any unit: USD as text without exponent, counts as they are."""
    return format(amount, "f") if isinstance(amount, Decimal) else amount


def moment(at: datetime | None) -> str | None:
    """A moment as ISO 8601, None where there is none."""
    return None if at is None else at.isoformat()


def in_unit(unit: str, **amounts: Decimal | int | None) -> Json:
    """Amounts under names that tell their unit: ``limit_usd``, but ``limit`` of tokens and requests."""
    suffix = "_usd" if unit == "usd" else ""
    return {f"{name}{suffix}": money(amount) for name, amount in amounts.items()}


def account(balance: Balance) -> Json:
    """Where one account stands."""
    return {
        "scope": balance.scope,
        "window": balance.window,
        "unit": balance.unit,
        **in_unit(
            balance.unit,
            limit=balance.limit,
            spent=balance.spent,
            reserved=balance.reserved,
            remaining=balance.remaining,
        ),
        "resets_at": moment(balance.resets_at),
    }


def allowed(verdict: Verdict) -> Json:
    """A check that admits: what the call may cost at most, and the account that says so."""
    binding = verdict.binding
    return {
        "status": "allowed",
        "remaining_usd": money(verdict.remaining_usd),
        "binding": None if binding is None else account(binding),
    }


def reserved(reservation: Reservation) -> Json:
    """A reservation that was admitted."""
    return {
        "status": "reserved",
        "reservation_id": reservation.id,
        "reserved_usd": money(reservation.reserved_usd),
        "lapses_at": moment(reservation.lapses_at),
        "op_id": reservation.op_id,
        "replayed": reservation.replayed,
    }


def recorded(receipt: Receipt) -> Json:
    """A charge that was booked."""
    return {
        "status": receipt.status,
        "cost_usd": money(receipt.cost_usd),
        "op_id": receipt.op_id,
        "replayed": receipt.replayed,
    }


def ended(receipt: Receipt) -> Json:
    """A reservation that was settled or released."""
    return {
        "status": receipt.status,
        "reservation_id": receipt.reservation_id,
        "cost_usd": money(receipt.cost_usd),
        "late": receipt.late,
        "op_id": receipt.op_id,
        "replayed": receipt.replayed,
    }


def accounts(balances: tuple[Balance, ...]) -> Json:
    """Where all accounts stand."""
    return {"accounts": [account(balance) for balance in balances]}
