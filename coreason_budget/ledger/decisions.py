"""What a rule decides: a `Change` to write, the `Replay` of one that was made, or the error that says why neither."""

from __future__ import annotations

from attrs import evolve, frozen

from coreason_budget.errors import IdempotencyConflictError, ReservationError
from coreason_budget.ledger.journal import JournalEntry, Movement, entry_of
from coreason_budget.ledger.record import HOUR_US, LAPSED, OPEN, RELEASED, SETTLED, Record
from coreason_budget.model import Account, Amounts


@frozen
class Change:
    """What to write, all or nothing: records and movements.

    ``marker`` is the second record of an ending or a correction that had a key of its own. ``before`` is what
    stood booked until a correction, None of any other change.
    """

    record: Record
    movements: tuple[Movement, ...]
    marker: Record | None = None
    before: Amounts | None = None

    @property
    def answer(self) -> Record:
        """The record that its caller is told of: of a correction its own, where it has one."""
        return self.record if self.before is None else self.marker or self.record

    def entry(self, now_us: int) -> JournalEntry:
        """What the journal says of it."""
        entry = entry_of(self.answer, self.movements, now_us, (self.marker or self.record).op_id)
        if self.before is None:
            return entry
        total, corrects = self.record.total, self.record.op_id
        reserved_as = corrects if self.record.state else ""
        return evolve(
            entry, kind="correct", amounts=total, before=self.before, corrects=corrects, reserved_as=reserved_as
        )


@frozen
class Replay:
    """The call was applied before; this is its record. ``before`` as in `Change`."""

    record: Record
    before: Amounts | None = None


def is_kept(account: Account, now_us: int) -> bool:
    """Whether an account may still be written: it has more than an hour to live."""
    # An account about to expire is left alone: a movement after that would make it again, without its past.
    return account.expires_us is None or now_us < account.expires_us - HOUR_US


def check_same(verb: str, op_id: str, digest: str, known: Record) -> None:
    """See that a call is the one that its op id stands for.

    Raises:
        IdempotencyConflictError: It is another.
    """
    if known.verb != verb or known.digest != digest:
        raise IdempotencyConflictError(
            f"idempotency key {op_id!r} was used before for another {known.verb}; "
            "use a new key for a new call, and repeat a call unchanged",
            idempotency_key=op_id,
        )


_HOW_ENDED = {
    "unknown": "is not known here: it never was made, or it ended more than 24 h ago",
    SETTLED: "is already settled",
    RELEASED: "is already released",
    LAPSED: "has lapsed",
}
_NOT_BOOKED = {
    "unknown": "is no booking that is known here: it never was made, or so long ago that it is forgotten",
    OPEN: "is a reservation that is open: settle it",
    RELEASED: "is a reservation that was released and booked nothing: book the call anew",
    LAPSED: "is a reservation that has lapsed: settle it late, which corrects what the lapse assumed",
}


def ended_error(reservation_id: str, reason: str) -> ReservationError:
    """The error for a reservation that cannot be ended or replayed."""
    return ReservationError(
        f"reservation {reservation_id!r} {_HOW_ENDED[reason]}", reservation_id=reservation_id, reason=reason
    )


def not_booked_error(booking: str, reason: str) -> ReservationError:
    """The error for what cannot be corrected."""
    return ReservationError(f"{booking!r} {_NOT_BOOKED[reason]}", reservation_id=booking, reason=reason)
