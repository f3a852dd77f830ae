"""A ledger with an outbox before it: what it cannot be told now is kept, counted, and told later."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from attrs import evolve

from coreason_budget.errors import (
    BudgetError,
    ConfigError,
    LedgerCorruptError,
    LedgerUnavailableError,
    OutcomeUnknownError,
)
from coreason_budget.ledger.base import Backend, Charge, Correct, End, Outcome, Reading, Refused, Reserve
from coreason_budget.ledger.record import KEEP_CALLERS_US, op_id_of
from coreason_budget.ledger.wrapped import WrappedBooks
from coreason_budget.model import Amounts, Entry, Plan, Standings
from coreason_budget.outbox.delivery import Outbox
from coreason_budget.outbox.spend import SETTLE, Kept
from coreason_budget.outbox.store import OutboxBrokenError

# A ledger that does not answer, may not be used, or cannot be read.
_UNREACHED = (LedgerUnavailableError, ConfigError, LedgerCorruptError)

_log = logging.getLogger("coreason_budget")
_Request = TypeVar("_Request", Charge, End)

Pending = Mapping[str, Amounts]


class OutboxLedger(WrappedBooks):
    """A `Ledger` that never loses a charge or a settle to an outage.

    A charge or settle is written to this host's disk before it is sent, and if its sender dies the
    others book it. One that the ledger did not take is kept for good before its caller gets the error,
    a `LedgerUnavailableError` which says so (``queued``). Every later call delivers first, for ``slice_s`` at most;
    nothing overtakes spend of its own op id or reservation. What still waits, or was set aside, counts
    as spent for whoever wants to be admitted. A release or a lapse is not kept: without it the
    reservation counts at its amount until it lapses, so nothing is lost. A correction is not kept either.

    Args:
        ledger: The ledger itself.
        outbox: The outbox before it.
        slice_s: How long one call delivers what others left.
    """

    def __init__(self, ledger: Backend, outbox: Outbox, slice_s: float) -> None:
        super().__init__(ledger)
        self._ledger = ledger
        self.outbox = outbox
        self._slice_s = slice_s

    @property
    def name(self) -> str:
        """See `Ledger.name`."""
        return self._ledger.name

    def reserve(self, request: Reserve) -> Outcome | Refused:
        """See `Ledger.reserve`. What waits in the outbox is taken as spent."""
        pending = self._pending(request.plan) if self._deliver_first(request.op_id) else {}
        if not pending:
            return self._ledger.reserve(request)
        answer = self._ledger.reserve(evolve(request, plan=_lowered(request.plan, pending)))
        if isinstance(answer, Refused):
            waiting = _of(pending, answer.entry)
            return evolve(answer, entry=_raised(answer.entry, pending), used=answer.used + waiting)
        if answer.replayed:
            return answer
        entries = tuple([_raised(e, pending) for e in answer.record.entries])
        standings = _counted(answer.standings, entries, pending)
        return Outcome(evolve(answer.record, entries=entries), standings)

    def charge(self, request: Charge) -> Outcome:
        """See `Ledger.charge`."""
        # Sent once more by an outbox, it must be known for as long as the outbox may hold it.
        request = evolve(request, keep_us=KEEP_CALLERS_US)
        return self._send(request, self._ledger.charge, request.op_id, "")

    def end(self, request: End) -> Outcome:
        """See `Ledger.end`."""
        op_id = request.op_id or op_id_of(request.reservation_id)
        return self._send(request, self._ledger.end, op_id, request.reservation_id)

    def correct(self, request: Correct) -> Outcome:
        """See `Ledger.correct`. It is not kept: who is told that the ledger does not answer has to ask again."""
        self._deliver_first(request.booking, request.booking)
        return self._ledger.correct(request)

    def read(self, plan: Plan) -> Reading:
        """See `Ledger.read`. What waits in the outbox is shown as spent."""
        # Before the ledger is read: what arrives in between is counted twice, and not missed.
        pending = self._pending(plan) if self._deliver_first("") else {}
        reading = self._ledger.read(plan)
        if not pending:
            return reading
        return evolve(reading, standings=_counted(reading.standings, reading.entries, pending))

    def ping(self) -> None:
        """See `Ledger.ping`."""
        self._ledger.ping()

    def close(self) -> None:
        """See `Ledger.close`."""
        self._ledger.close()
        self.outbox.store.close()

    def _send(self, request: _Request, send: Callable[[_Request], Outcome], op_id: str, reservation_id: str) -> Outcome:
        if not (isinstance(request, Charge) or request.verb == SETTLE):
            self._deliver_first(op_id, reservation_id)
            return send(request)
        now_us = self.outbox.now_us()
        spend = Kept.of(request, now_us)
        with self.outbox.underway.keep(spend, now_us):
            try:
                self._deliver_before(spend)
                return send(request)
            except _UNREACHED as error:
                raise self._keep(spend, now_us, error) from error

    def _deliver_before(self, spend: Kept) -> None:
        try:
            self._deliver_first(spend.op_id, spend.reservation_id)
        except OutboxBrokenError as error:
            # What was spent is to be booked all the same.
            _log.error("%s", error)

    def _deliver_first(self, op_id: str, reservation_id: str = "") -> bool:
        """Deliver what came before; tell if there was any. Nothing goes on while the ledger is out of reach."""
        if not self.outbox.has_any():
            return False
        try:
            self.outbox.deliver(time.monotonic() + self._slice_s)
        except OutcomeUnknownError as error:
            # Unknown is the outcome of what was delivered; of this call nothing was sent.
            raise LedgerUnavailableError(f"the ledger does not answer: {error}") from error
        if self.outbox.store.holds(op_id, reservation_id):
            raise LedgerUnavailableError("what this call repeats or ends waits in the outbox, and is booked first")
        return True

    def _pending(self, plan: Plan) -> Pending:
        return self.outbox.store.pending({str(e.account.scope) for e in plan(self.outbox.now_us())})

    def _keep(self, spend: Kept, began_us: int, error: BudgetError) -> LedgerUnavailableError:
        """Put spend into the outbox; the error as its caller gets it."""
        told = copy.copy(error) if isinstance(error, LedgerUnavailableError) else LedgerUnavailableError("")
        sent_us = began_us if isinstance(error, (OutcomeUnknownError, LedgerCorruptError)) else None
        try:
            self.outbox.store.add(spend, began_us, sent_us)
        except OutboxBrokenError as broken:
            _log.error("spend of op id %s is NOT in the outbox and may be lost: %s", spend.op_id, broken)
            how = f"it could NOT be put into the outbox either ({broken})"
        else:
            told.queued = True
            how = "it is kept in the outbox and will be booked once"
        told.op_id = spend.op_id
        told.args = (f"{error}; {how}. If you repeat the call, do it with idempotency_key={spend.op_id!r}",)
        return told


def _of(pending: Pending, entry: Entry) -> int:
    amounts = pending.get(str(entry.account.scope))
    return 0 if amounts is None else amounts.of(entry.account.unit)


def _lowered(plan: Plan, pending: Pending) -> Plan:
    """The plan with that much less to give."""

    def entries(now_us: int) -> tuple[Entry, ...]:
        return tuple([_shifted(e, -_of(pending, e)) for e in plan(now_us)])

    return entries


def _raised(entry: Entry, pending: Pending) -> Entry:
    return _shifted(entry, _of(pending, entry))


def _shifted(entry: Entry, units: int) -> Entry:
    limit = entry.limit
    if limit is None or limit.amount is None or not units:
        return entry
    return evolve(entry, limit=evolve(limit, amount=limit.amount + units))


def _counted(standings: Standings, entries: Iterable[Entry], pending: Pending) -> Standings:
    """The standings with what waits as spent."""
    counted = dict(standings)
    for entry in entries:
        used, reserved = counted.get(entry.account.key, (0, 0))
        counted[entry.account.key] = (used + _of(pending, entry), reserved)
    return counted
