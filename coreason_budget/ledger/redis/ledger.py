"""The verbs on Redis. WATCH what is private, INCR what is shared, and let copies be the verdict.

A mutation is two packets. The first watches the op's record and reads; the second is one
transaction that writes the record, counts, and copies each limited account as it stands just
after. Two callers may both pass the first: the copies tell, to anyone who looks, whether a
reservation had room, so that none counts as admitted without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from coreason_budget.errors import BudgetError, IdempotencyConflictError, ReservationError
from coreason_budget.ledger import corrections, rules
from coreason_budget.ledger.base import Charge, Clock, Correct, End, LedgerStatus, Outcome, Reading, Refused, Reserve
from coreason_budget.ledger.decisions import Change, Replay
from coreason_budget.ledger.journal import JOURNAL_LENGTH, JournalEntry, Page, read_pages
from coreason_budget.ledger.record import OPEN, Record, encode, op_id_of
from coreason_budget.ledger.redis import operator, reaper
from coreason_budget.ledger.redis.client import Client, Link, LinkLostError
from coreason_budget.ledger.redis.codec import Keys
from coreason_budget.ledger.redis.epoch import RedisEpoch
from coreason_budget.ledger.redis.history import History
from coreason_budget.ledger.redis.operation import Operation, Operations
from coreason_budget.ledger.redis.packets import Snapshot, Watcher, Writes, open_copies
from coreason_budget.model import Account, Entry, Plan

_T = TypeVar("_T")


class RedisLedger:
    """Budgets in Redis 6.2 or newer (or Valkey), shared by any number of hosts.

    Two round trips a mutation, one a check. Time is the server's. Keeps its laws while the server
    keeps what it acknowledged.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        namespace: Whose budgets: namespaces share a server and nothing in it.
        timezone: The zone whose calendar the windows follow; a namespace keeps to one.
        timeout_s: The time one whole operation may take, retries within it.
        clock: The server's time (microseconds) -> the time to use.
        journal_length: How many entries the journal keeps (some hundred more at times), 0 for none.
        allow_eviction: Whether a server may be used that evicts keys when its memory is full.
        connect: Makes a redis-py connection instead of the URL's, for tests.

    Raises:
        ConfigError: A URL that cannot be used.
    """

    name = "redis"

    def __init__(
        self,
        url: str,
        *,
        namespace: str = "coreason",
        timezone: str = "UTC",
        timeout_s: float = 1.0,
        clock: Clock = int,
        journal_length: int = JOURNAL_LENGTH,
        allow_eviction: bool = False,
        connect: Callable[[], Any] | None = None,
    ) -> None:
        self._keys = Keys(namespace, journal_length)
        self._client = Client(url, timeout_s, connect)
        self._epoch = RedisEpoch(
            self._keys, timezone, lambda us: self._keys.note(JournalEntry(clock(us), "begin")), allow_eviction
        )
        self._reader = Watcher(self._keys, self._epoch, clock)
        self._operations = Operations(self._client, self._epoch, timeout_s)
        self._history = History(self._keys, self._epoch, self._reader, self._operations)

    def reserve(self, request: Reserve) -> Outcome | Refused:
        """See `Ledger.reserve`."""
        answer: Any = self._operations.run(partial(self._reserve, request), request.op_id)
        return answer  # type: ignore[no-any-return]

    def charge(self, request: Charge) -> Outcome:
        """See `Ledger.charge`."""
        return self._operations.run(partial(self._charge, request), request.op_id)

    def end(self, request: End) -> Outcome:
        """See `Ledger.end`."""
        return self._operations.run(partial(self._end, request), request.op_id or op_id_of(request.reservation_id))

    def correct(self, request: Correct) -> Outcome:
        """See `Ledger.correct`."""
        return self._operations.run(partial(self._correct, request), request.op_id)

    def read(self, plan: Plan) -> Reading:
        """See `Ledger.read`."""
        return self._operations.run(partial(self._read, plan))

    def journal(self, since_us: int = 0) -> Iterator[JournalEntry]:
        """See `Books.journal`."""
        return read_pages(self.page, since_us)

    def page(self, after: str = "", keys: Sequence[str] = ()) -> Page:
        """See `Books.page`."""
        return self._history.page(after, keys)

    def accounts(self) -> Iterator[str]:
        """See `Books.accounts`."""
        return self._history.accounts()

    def reservations(self) -> Iterator[Record]:
        """See `Books.reservations`."""
        return self._history.reservations()

    def ping(self) -> None:
        """See `Ledger.ping`."""
        self.read(lambda now_us: ())

    def status(self) -> LedgerStatus:
        """See `Books.status`."""
        return self._operations.run(lambda link, _: operator.status(link, self._keys, self._epoch), joins=False)

    def accept(self) -> bool:
        """See `Books.accept`."""
        decision = operator.Decision(self._epoch)
        return self._operations.run(lambda link, _: decision.attempt(link), joins=False)

    def close(self) -> None:
        """See `Ledger.close`."""
        self._client.close()

    def _reserve(self, request: Reserve, link: Link, operation: Operation) -> Outcome | Refused | None:
        snapshot, entries = self._read_plan(link, request.plan, (request.op_id,))
        known = snapshot.records[0]
        if known is not None and self._is_no_admission(link, operation, known, snapshot.now_us):
            return None
        decision = self._decided(operation, rules.reserve, request, snapshot.now_us, known, entries, snapshot.standings)
        if isinstance(decision, Refused):
            if snapshot.has_lapsed and reaper.reap(link, self._keys, self._reader, snapshot.now_us):
                operation.fallback, operation.failures = decision, 0
                return None
            return decision if self._sure(link, operation, snapshot) else None
        if isinstance(decision, Replay):
            return self._replayed(link, operation, decision)
        record = decision.record
        writes = Writes(self._keys, snapshot.now_us, snapshot.standings)
        writes.save(record)
        writes.move(decision.movements)
        writes.copy(record)
        writes.note(decision.entry(snapshot.now_us))
        operation.check_in_time()
        done = operation.transact(link, writes)
        if done is None:
            return None
        standings = writes.after(done)
        over = rules.overrun(record, [standings[e.account.key][0] for e in rules.held(entries)], snapshot.now_us)
        if over is not None:
            operation.fallback = over
            self._undo(link, operation, record)
            return None
        self._reap_after(link, snapshot)
        return Outcome(record, standings)

    def _charge(self, request: Charge, link: Link, operation: Operation) -> Outcome | None:
        snapshot, entries = self._read_plan(link, request.plan, (request.op_id,))
        decision = self._decided(operation, rules.charge, request, snapshot.now_us, snapshot.records[0], entries)
        return self._book(link, operation, snapshot, decision, snapshot.standings)

    def _correct(self, request: Correct, link: Link, operation: Operation) -> Outcome | None:
        op_ids = corrections.named(request)
        while True:
            snapshot = self._reader.read(link, op_ids, ())
            known = dict(zip(op_ids, snapshot.records, strict=True))
            place = corrections.place(request.booking, known)
            if place in known:
                break
            op_ids = (*op_ids, place)
        decision = self._decided(operation, corrections.correct, request, snapshot.now_us, known)
        return self._book(link, operation, snapshot, decision, {})

    def _end(self, request: End, link: Link, operation: Operation) -> Outcome | None:
        reserved_as = op_id_of(request.reservation_id)
        op_ids = (reserved_as,) if request.op_id is None else (reserved_as, request.op_id)
        hinted = self._keys.copies(reserved_as, len(rules.held(request.entries)))
        snapshot = self._reader.read(link, op_ids, [e.account for e in request.entries], hinted)
        record, own = snapshot.records[0], snapshot.records[1] if request.op_id is not None else None
        standings, copies = snapshot.standings, snapshot.copies
        if record is not None and any(e.account.key not in standings for e in record.entries):
            standings, copies = self._reader.more(link, _accounts(record.entries), open_copies(self._keys, record))
        if self._undone(link, operation, record, copies):
            return None
        decision = self._decided(operation, rules.end, request, snapshot.now_us, own, record)
        return self._book(link, operation, snapshot, decision, standings, closing=record)

    def _read(self, plan: Plan, link: Link, operation: Operation) -> Reading | None:
        snapshot, entries = self._read_plan(link, plan, ())
        if snapshot.has_lapsed:
            reaper.reap(link, self._keys, self._reader, snapshot.now_us)
            operation.failures = 0
            return None
        return Reading(snapshot.now_us, entries, snapshot.standings)

    def _read_plan(self, link: Link, plan: Plan, op_ids: tuple[str, ...]) -> tuple[Snapshot, tuple[Entry, ...]]:
        """Read the accounts of a plan. Which they are depends on the time, and the time is the server's."""
        entries = plan(self._reader.guess_now_us())
        while True:
            snapshot = self._reader.read(link, op_ids, _accounts(entries))
            entries = plan(snapshot.now_us)
            if all(e.account.key in snapshot.standings for e in entries):
                return snapshot, entries

    def _book(
        self,
        link: Link,
        operation: Operation,
        snapshot: Snapshot,
        change: Change | Replay,
        standings: dict[str, tuple[int, int]],
        closing: Record | None = None,
    ) -> Outcome | None:
        if isinstance(change, Replay):
            return self._replayed(link, operation, change)
        accounts = _accounts(change.record.entries)
        if any(account.key not in standings for account in accounts):
            standings, _ = self._reader.more(link, accounts)
        rules.check_room(change.movements, standings)
        writes = Writes(self._keys, snapshot.now_us, standings)
        writes.save(change.record)
        if change.marker is not None:
            writes.save(change.marker)
        writes.move(change.movements)
        if closing is not None and closing.state == OPEN:
            writes.close(closing)
        writes.note(change.entry(snapshot.now_us))
        operation.check_in_time()
        done = operation.transact(link, writes)
        if done is None:
            return None
        self._reap_after(link, snapshot)
        return Outcome(change.answer, writes.after(done), before=change.before)

    def _replayed(self, link: Link, operation: Operation, decision: Replay) -> Outcome:
        # It was done: if the answer is lost now, the caller must not hear that nothing can have been.
        operation.unsure = True
        standings, _ = self._reader.more(link, _accounts(decision.record.entries))
        operation.unsure = False
        return Outcome(decision.record, standings, True, decision.before)

    def _decided(self, operation: Operation, rule: Callable[..., _T], *known: Any) -> _T:
        try:
            return rule(*known)
        except (IdempotencyConflictError, ReservationError):
            # The record that says so has broken the WATCH of whatever was sent before.
            operation.unsure = False
            raise

    def _is_no_admission(self, link: Link, operation: Operation, known: Record, now_us: int) -> bool:
        """Whether a reservation that is there is none to replay: it never had room, or is gone again."""
        if known.state != OPEN:
            return False
        # Since it was read it may have been undone, and even made anew: its copies then say nothing of it.
        again = self._reader.read(link, (known.op_id,), (), open_copies(self._keys, known))
        if again.records[0] != known or (None in again.copies and not known.is_due(now_us)):
            return True
        return self._undone(link, operation, known, again.copies)

    def _undone(self, link: Link, operation: Operation, record: Record | None, copies: list[int | None]) -> bool:
        """Undo a reservation that never had room, whoever left it; tell if it was one."""
        if record is None or record.state != OPEN:
            return False
        if rules.overrun(record, copies, 0) is None:
            return False
        self._undo(link, operation, record)
        return True

    def _undo(self, link: Link, operation: Operation, record: Record) -> None:
        operation.unsure = True
        snapshot = self._reader.read(link, (record.op_id,), _accounts(rules.held(record.entries)))
        found = snapshot.records[0]
        if found is not None and encode(found) == encode(record):
            writes = Writes(self._keys, snapshot.now_us, snapshot.standings)
            reaper.undo(writes, record, snapshot.now_us)
            operation.transact(link, writes)

    def _sure(self, link: Link, operation: Operation, snapshot: Snapshot) -> bool:
        """Make sure before a refusal that nothing sent earlier can still be done."""
        if operation.unsure:
            writes = Writes(self._keys, snapshot.now_us, {})
            writes.touch(operation.op_id)
            return operation.transact(link, writes) is not None
        return True

    def _reap_after(self, link: Link, snapshot: Snapshot) -> None:
        """Clean up behind an operation that is done: users who are never refused reap too."""
        if snapshot.has_lapsed:
            with suppress(LinkLostError, BudgetError):
                reaper.reap(link, self._keys, self._reader, snapshot.now_us)


def _accounts(entries: Iterable[Entry]) -> list[Account]:
    return [e.account for e in entries]
