"""The laws as pure functions: from what is known to what is to be done. No I/O, no clock.

Every backend asks these the same questions and carries out the same answers, atomically.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import evolve

from coreason_budget.errors import InvalidAmountError, LedgerCorruptError
from coreason_budget.ledger.base import Charge, End, Priced, Refused, Reserve
from coreason_budget.ledger.corrections import report
from coreason_budget.ledger.decisions import Change, Replay, check_same, ended_error, is_kept
from coreason_budget.ledger.journal import NOTHING, Movement
from coreason_budget.ledger.record import LAPSED, OPEN, RELEASED, SETTLED, Record
from coreason_budget.model import Amounts, Entry, Memo, Standings
from coreason_budget.money import MAX_ACCOUNT

# Lapses book past MAX_ACCOUNT where nothing limits an account. What is beyond this no count can be added to.
_MOST_USED = 2 * MAX_ACCOUNT
ENDED_BY = {"settle": SETTLED, "release": RELEASED, "lapse": LAPSED}


def reserve(
    request: Reserve, now_us: int, known: Record | None, entries: tuple[Entry, ...], standings: Standings
) -> Change | Replay | Refused:
    """Admit only if every limited account can hold the amount (laws 1, 3, 4)."""
    if known is not None:
        check_same("reserve", request.op_id, request.digest, known)
        if known.state != OPEN or known.is_due(now_us):
            raise ended_error(known.reservation_id, known.state if known.state != OPEN else LAPSED)
        return Replay(known)
    refused = refusal(entries, standings, now_us)
    if refused is not None:
        return refused
    record = Record(
        request.op_id,
        "reserve",
        request.digest,
        request.amounts,
        entries,
        request.keep_us,
        request.reservation_id,
        OPEN,
        now_us + request.ttl_us,
        request.on_lapse,
        memo=request.memo,
    )
    return Change(record, hold(record))


def refusal(entries: Iterable[Entry], standings: Standings, now_us: int) -> Refused | None:
    """The account that refuses, None if all fit. Of several, one that never fits, then the one that resets last."""
    refusing = []
    for entry in entries:
        used, reserved = standings.get(entry.account.key, (0, 0))
        limit = entry.limit_units
        if limit is not None and entry.amount and used + entry.amount > limit:
            refusing.append(Refused(entry, used, reserved, now_us))
    return max(refusing, key=_lasting, default=None)


def _lasting(refused: Refused) -> tuple[bool, float, bool]:
    end_s, reason = refused.entry.account.end_s, refused.reason
    return reason == "too_large", float("inf") if end_s is None else end_s, reason == "spent"


def charge(request: Charge, now_us: int, known: Record | None, entries: tuple[Entry, ...]) -> Change | Replay:
    """Book in full, whatever the limits say (laws 2, 4); of a cumulative one that is known, how much more it is."""
    if known is not None:
        check_same("charge", request.op_id, request.digest, known)
        return report(request, known, now_us) if request.cumulative else Replay(known)
    record = Record(
        request.op_id, "charge", request.digest, request.amounts, entries, request.keep_us, memo=request.memo
    )
    return Change(record, tuple([Movement(e.account, e.amount, 0) for e in entries if e.amount]))


def end(request: End, now_us: int, own: Record | None, record: Record | None) -> Change | Replay:
    """End a reservation at most once, or correct what its lapse assumed (laws 4 to 7).

    ``own`` is what is known of the request's own key, ``record`` the reservation's.
    """
    if own is not None:
        check_same(request.verb, own.op_id, request.digest, own)
        return Replay(own)
    if record is None or record.verb != "reserve" or record.reservation_id != request.reservation_id:
        raise ended_error(request.reservation_id, "unknown")
    if record.state != OPEN and record.ended_by == request.op_id and record.end_digest == request.digest:
        return Replay(record)
    if record.state in (SETTLED, RELEASED) or (record.state == LAPSED and request.verb == "lapse"):
        raise ended_error(request.reservation_id, record.state)
    return _close(request, now_us, record)


def _close(request: End, now_us: int, record: Record) -> Change:
    booked, memo = _booked(request, record)
    ended = record.ended(
        ENDED_BY[request.verb],
        booked,
        memo=memo,
        late=record.state == LAPSED or record.is_due(now_us),
        by=request.op_id,
        digest=request.digest,
    )
    marker = None
    if request.op_id is not None:
        marker = evolve(ended, op_id=request.op_id, verb=request.verb, digest=request.digest)
    return Change(ended, _ending(record, booked, now_us), marker)


def _booked(request: End, record: Record) -> tuple[Amounts, Memo]:
    """What an ending books, and what is kept beside it: what it does not say stays as the reserve said it."""
    if request.verb == "lapse":
        return _lapsed_amounts(record), request.memo.over(record.memo)
    if request.verb == "release":
        return NOTHING, request.memo.over(record.memo, price="")
    cost = request.cost(record.model)
    priced = cost if isinstance(cost, Priced) else Priced(cost)
    told = (priced.tokens, request.tokens, record.amounts.tokens)
    tokens = next(count for count in told if count is not None)
    return Amounts(priced.nanos, tokens, record.amounts.requests), request.memo.over(record.memo, price=priced.price)


def lapse(record: Record, now_us: int) -> Change:
    """End a reservation that nobody ended in time, as it was told to (law 7)."""
    booked = _lapsed_amounts(record)
    return Change(record.ended(LAPSED, booked, memo=record.memo), _ending(record, booked, now_us))


def _lapsed_amounts(record: Record) -> Amounts:
    return record.amounts if record.on_lapse == "charge" else NOTHING


def held(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that a reservation holds on: those that a limit bounds and that ask for something."""
    return [e for e in entries if e.limit is not None and e.amount]


def hold(record: Record) -> tuple[Movement, ...]:
    """What an admitted reservation takes: the amount, on every limited account."""
    return tuple([Movement(e.account, e.amount, e.amount) for e in held(record.entries)])


def undo(record: Record, now_us: int) -> tuple[Movement, ...]:
    """Take back `hold`: the reservation was never admitted."""
    return tuple([Movement(m.account, -m.used, -m.reserved) for m in hold(record) if is_kept(m.account, now_us)])


def _ending(record: Record, booked: Amounts, now_us: int) -> tuple[Movement, ...]:
    movements = []
    for entry in record.entries:
        before, reserved = _standing_part(record, entry)
        used = booked.of(entry.account.unit) - before
        if (used or reserved) and is_kept(entry.account, now_us):
            movements.append(Movement(entry.account, used, -reserved))
    return tuple(movements)


def _standing_part(record: Record, entry: Entry) -> tuple[int, int]:
    """What a reservation has put on an account so far: used, and reserved within it."""
    if record.state == OPEN:
        return (entry.amount, entry.amount) if entry.limit is not None else (0, 0)
    return (record.booked or NOTHING).of(entry.account.unit), 0


def overrun(record: Record, used: Sequence[int | None], now_us: int) -> Refused | None:
    """The verdict on a reservation that was written ahead of it: which account had no room?

    ``used`` is what each limited account stood at just after the hold, in the record's order;
    None where that is no longer kept, long after the window's end.
    """
    asked = held(record.entries)
    before = {
        entry.account.key: (value - entry.amount, 0)
        for entry, value in zip(asked, used, strict=True)
        if value is not None
    }
    return refusal([e for e in asked if e.account.key in before], before, now_us)


def check_room(movements: Iterable[Movement], standings: Standings) -> None:
    """Refuse what an account cannot count.

    Raises:
        InvalidAmountError: An account would pass 4*10**18.
    """
    for movement in movements:
        used = standings.get(movement.account.key, (0, 0))[0] + movement.used
        if movement.used > 0 and used > MAX_ACCOUNT:
            raise InvalidAmountError(
                f"cost: {movement.account.scope.label} would pass 4*10**18 {movement.account.unit} units", field="cost"
            )


def check_sound(key: str, used: int, reserved: int) -> tuple[int, int]:
    """Give a standing back if this library can have written it.

    Raises:
        LedgerCorruptError: It cannot.
    """
    if not 0 <= reserved <= used <= _MOST_USED:
        raise LedgerCorruptError(f"account {key!r} holds used={used}, reserved={reserved}; nothing was written")
    return used, reserved
