"""Corrections as pure functions: what was booked is booked otherwise, by the difference, in the accounts it is in.

What is booked is a charge, or a reservation that was settled. Of any other the error says what to do instead.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve

from coreason_budget.ledger.base import Charge, Correct, Priced
from coreason_budget.ledger.decisions import Change, Replay, check_same, is_kept, not_booked_error
from coreason_budget.ledger.journal import Movement
from coreason_budget.ledger.record import LAPSED, SETTLED, Record, op_id_of
from coreason_budget.model import Amounts

Known = Mapping[str, Record | None]
"""Op id -> what is remembered of it."""
_BOOKINGS, _ENDS = ("charge", "reserve"), ("settle", "release", "lapse")


def named(request: Correct) -> tuple[str, ...]:
    """The op ids whose records say, or say where it stands, what a correction is of."""
    return tuple(dict.fromkeys((request.op_id, request.booking, op_id_of(request.booking))))


def place(booking: str, known: Known) -> str:
    """The op id of the record that a booking is kept in: named by that, by its end, or by its reservation."""
    found = known[booking]
    if found is None:
        return op_id_of(booking)
    return op_id_of(found.reservation_id) if found.verb in _ENDS else booking


def correct(request: Correct, now_us: int, known: Known) -> Change | Replay:
    """Book the difference, once for its op id. ``known`` has the records of `named` and of `place`."""
    own = known[request.op_id]
    if own is not None:
        check_same("correct", request.op_id, request.digest, own)
        return Replay(own, own.booked)
    record = _booked(request.booking, known, now_us)
    told, price = _told(request, record)
    before = record.total
    change = _corrected(record, _most(before, told) if request.only_up else told, price, now_us)
    memo = change.record.memo
    marker = evolve(
        change.record,
        op_id=request.op_id,
        verb="correct",
        digest=request.digest,
        keep_us=request.keep_us,
        booked=before,
        ended_by=None,
        end_digest="",
        memo=evolve(memo, reference=request.memo.reference or memo.reference),
    )
    return evolve(change, marker=marker)


def report(request: Charge, known: Record, now_us: int) -> Change | Replay:
    """Book how much more a cumulative charge has come to; nothing if it had come to that much before."""
    before = known.total
    total = _most(before, request.amounts)
    return Replay(known, before) if total == before else _corrected(known, total, request.memo.price, now_us)


def _booked(booking: str, known: Known, now_us: int) -> Record:
    """The record of what is booked under an id.

    Raises:
        ReservationError: Nothing is.
    """
    named, record = known[booking], known[place(booking, known)]
    if record is None or record.verb not in _BOOKINGS:
        raise not_booked_error(booking, "unknown")
    if record.op_id != booking and record.reservation_id != (named.reservation_id if named else booking):
        raise not_booked_error(booking, "unknown")
    if record.state not in ("", SETTLED):
        raise not_booked_error(booking, LAPSED if record.is_due(now_us) else record.state)
    return record


def _told(request: Correct, record: Record) -> tuple[Amounts, str]:
    """What a correction tells, and what priced it. What it does not tell stays as it is."""
    cost, total = request.cost(record.model), record.total
    priced = cost if isinstance(cost, Priced) else Priced(cost)
    tokens = next(count for count in (priced.tokens, request.tokens, total.tokens) if count is not None)
    requests = total.requests if request.requests is None else request.requests
    return Amounts(priced.nanos, tokens, requests), priced.price


def _most(one: Amounts, other: Amounts) -> Amounts:
    """The most of each unit, whichever comes first."""
    return Amounts(
        max(one.usd_nanos, other.usd_nanos), max(one.tokens, other.tokens), max(one.requests, other.requests)
    )


def _corrected(record: Record, total: Amounts, price: str, now_us: int) -> Change:
    before = record.total
    movements = tuple(
        [
            Movement(entry.account, units, 0)
            for entry in record.entries
            if (units := total.of(entry.account.unit) - before.of(entry.account.unit))
            and is_kept(entry.account, now_us)
        ]
    )
    memo = record.memo if total.usd_nanos == before.usd_nanos else evolve(record.memo, price=price)
    return Change(evolve(record, corrected=total, memo=memo), movements, before=before)
