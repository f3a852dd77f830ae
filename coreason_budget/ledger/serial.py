"""The verbs for a ledger whose transactions run one after another: memory and SQLite."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from coreason_budget.errors import LedgerUnavailableError
from coreason_budget.ledger import corrections, rules
from coreason_budget.ledger.base import Charge, Correct, End, Outcome, Reading, Refused, Reserve
from coreason_budget.ledger.decisions import Change, Replay
from coreason_budget.ledger.journal import PAGE, JournalEntry, Movement, Page, read_pages
from coreason_budget.ledger.record import Record, op_id_of
from coreason_budget.model import Account, Entry, Plan, Standings

_REAP_BATCH = 100


class Transaction(Protocol):
    """One transaction: what it reads is one state, what it writes happens whole or not at all."""

    now_us: int

    def record(self, op_id: str) -> Record | None:
        """What is remembered of an op id."""

    def save(self, record: Record) -> None:
        """Remember a record, for as long as it says."""

    def standings(self, accounts: Iterable[Account]) -> Standings:
        """Where accounts stand."""

    def move(self, movements: Iterable[Movement]) -> None:
        """Apply movements to accounts."""

    def due(self, most: int) -> list[Record]:
        """Open reservations whose time has passed, the oldest first."""

    def note(self, entry: JournalEntry) -> None:
        """Add an entry to the journal, if one is kept; the oldest may go."""

    def notes(self, after: int, most: int) -> list[tuple[int, JournalEntry]]:
        """Entries with their numbers, from the first above ``after`` that is kept. Numbers have no gaps."""

    def standing(self, key: str) -> tuple[int, int]:
        """How one account stands."""


class SerialLedger(ABC):
    """Reserve, charge, end, correct and read, on nothing but transactions."""

    _timeout_s = math.inf
    """How long one operation may end what has lapsed, over all its transactions."""

    @abstractmethod
    def _write(self, op_id: str) -> AbstractContextManager[Transaction]:
        """Begin a transaction that may write; leaving it normally commits."""

    @abstractmethod
    def _read(self) -> AbstractContextManager[Transaction]:
        """Begin a transaction that only reads."""

    def reserve(self, request: Reserve) -> Outcome | Refused:
        """See `Ledger.reserve`."""
        deadline_s = time.monotonic() + self._timeout_s
        while True:
            with self._write(request.op_id) as transaction:
                decision = _decide_reserve(transaction, request)
                if not isinstance(decision, Refused):
                    return _apply(transaction, decision)
                if not _reap_batch(transaction):
                    return decision
            _check_in_time(deadline_s)

    def charge(self, request: Charge) -> Outcome:
        """See `Ledger.charge`."""
        with self._write(request.op_id) as transaction:
            known, entries = transaction.record(request.op_id), request.plan(transaction.now_us)
            return _book(transaction, rules.charge(request, transaction.now_us, known, entries))

    def end(self, request: End) -> Outcome:
        """See `Ledger.end`."""
        reserved_as = op_id_of(request.reservation_id)
        with self._write(request.op_id or reserved_as) as transaction:
            own = None if request.op_id is None else transaction.record(request.op_id)
            return _book(transaction, rules.end(request, transaction.now_us, own, transaction.record(reserved_as)))

    def correct(self, request: Correct) -> Outcome:
        """See `Ledger.correct`."""
        with self._write(request.op_id) as transaction:
            known = {op_id: transaction.record(op_id) for op_id in corrections.named(request)}
            place = corrections.place(request.booking, known)
            known[place] = transaction.record(place)
            return _book(transaction, corrections.correct(request, transaction.now_us, known))

    def read(self, plan: Plan) -> Reading:
        """See `Ledger.read`."""
        with self._read() as transaction:
            if not transaction.due(1):
                return _reading(transaction, plan(transaction.now_us))
        deadline_s = time.monotonic() + self._timeout_s
        while True:
            with self._write("") as transaction:
                if _reap_batch(transaction) < _REAP_BATCH:
                    return _reading(transaction, plan(transaction.now_us))
            _check_in_time(deadline_s)

    def journal(self, since_us: int = 0) -> Iterator[JournalEntry]:
        """See `Books.journal`."""
        return read_pages(self.page, since_us)

    def page(self, after: str = "", keys: Sequence[str] = ()) -> Page:
        """See `Books.page`."""
        last = int(after or 0)
        with self._read() as transaction:
            found = transaction.notes(last, PAGE)
            standings = {key: transaction.standing(key) for key in keys}
            now_us = transaction.now_us
        entries = tuple([entry for _, entry in found])
        is_whole = not after or not found or found[0][0] == last + 1
        return Page(now_us, entries, str(found[-1][0] if found else last), len(found) < PAGE, is_whole, standings)


def _decide_reserve(transaction: Transaction, request: Reserve) -> Change | Replay | Refused:
    entries = request.plan(transaction.now_us)
    known = transaction.record(request.op_id)
    standings = transaction.standings(e.account for e in entries if e.limit is not None)
    return rules.reserve(request, transaction.now_us, known, entries, standings)


def _book(transaction: Transaction, decision: Change | Replay) -> Outcome:
    if isinstance(decision, Change):
        rules.check_room(decision.movements, transaction.standings(m.account for m in decision.movements))
    return _apply(transaction, decision)


def _apply(transaction: Transaction, decision: Change | Replay) -> Outcome:
    if isinstance(decision, Change):
        _write(transaction, decision)
        _reap_batch(transaction)
    record = decision.answer if isinstance(decision, Change) else decision.record
    standings = transaction.standings(e.account for e in record.entries)
    return Outcome(record, standings, isinstance(decision, Replay), decision.before)


def _write(transaction: Transaction, change: Change) -> None:
    transaction.move(change.movements)
    transaction.save(change.record)
    if change.marker is not None:
        transaction.save(change.marker)
    transaction.note(change.entry(transaction.now_us))


def _check_in_time(deadline_s: float) -> None:
    if time.monotonic() >= deadline_s:
        raise LedgerUnavailableError("so many reservations have lapsed that ending them takes longer; try again")


def _reap_batch(transaction: Transaction) -> int:
    """End some of what has lapsed; tell how many. One batch a transaction, so that others get in between."""
    due = transaction.due(_REAP_BATCH)
    for record in due:
        _write(transaction, rules.lapse(record, transaction.now_us))
    return len(due)


def _reading(transaction: Transaction, entries: tuple[Entry, ...]) -> Reading:
    standings = transaction.standings(e.account for e in entries)
    return Reading(transaction.now_us, entries, standings)
