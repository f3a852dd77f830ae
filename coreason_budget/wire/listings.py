"""What an operator is told, as JSON values."""

from __future__ import annotations

from collections.abc import Iterable

from coreason_budget.books.values import Difference, HeldReservation, Report, Standing, WaitingSpend
from coreason_budget.wire.answers import Json, in_unit, moment, money, usd


def reservations(found: Iterable[HeldReservation]) -> Json:
    """Those that are open, and those that lapsed."""
    return {"reservations": [_reservation(one) for one in found]}


def _reservation(one: HeldReservation) -> Json:
    return {
        "reservation_id": one.reservation_id,
        "state": one.state,
        "lapses_at": moment(one.lapses_at),
        "on_lapse": one.on_lapse,
        "reserved_usd": usd(one.reserved_usd),
        "tokens": one.tokens,
        "price": one.price,
        "reference": one.reference or None,
        "scopes": list(one.scopes),
    }


def standing(found: Standing) -> Json:
    """How the ledger stands."""
    return {
        "ledger": found.ledger,
        "url": found.url,
        "namespace": found.namespace,
        "status": "halted" if found.trouble else "healthy",
        "trouble": found.trouble,
        "epoch": found.epoch,
        "since": moment(found.since),
        "open_reservations": found.open_reservations,
        "sequence": found.sequence,
        "kept": dict(found.kept),
    }


def audited(report: Report) -> Json:
    """What an audit found."""
    return {
        "status": "different" if report.differences else "balanced",
        "entries": report.entries,
        "since": moment(report.since),
        "is_complete": report.is_complete,
        "accounts": report.accounts,
        "not_covered": report.not_covered,
        "differences": [_difference(one) for one in report.differences],
    }


def _difference(one: Difference) -> Json:
    return {"account": one.name, **in_unit(one.unit, **one.figures), "problem": one.problem or None}


def waiting(found: Iterable[WaitingSpend]) -> Json:
    """The spend that has not reached the ledger."""
    return {"entries": [waiting_spend(one) for one in found]}


def waiting_spend(one: WaitingSpend) -> Json:
    """One of them."""
    return {
        "id": one.id,
        "state": one.state,
        "verb": one.verb,
        "cost_usd": money(one.cost_usd),
        "tokens": one.tokens,
        "scopes": None if one.scopes is None else list(one.scopes),
        "op_id": one.op_id,
        "reservation_id": one.reservation_id,
        "queued_at": moment(one.queued_at),
        "maybe_sent_at": moment(one.sent_at),
        "reason": one.reason,
    }
