"""The ledger in memory: one lock. For tests, and for programs of one process."""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from coreason_budget.errors import ConfigError
from coreason_budget.ledger.base import Clock, LedgerStatus
from coreason_budget.ledger.journal import JOURNAL_LENGTH, JournalEntry, Movement
from coreason_budget.ledger.record import LAPSED, OPEN, Record
from coreason_budget.ledger.rules import check_sound
from coreason_budget.ledger.serial import SerialLedger
from coreason_budget.model import Account, Standings

_PURGED_AT_ONCE = 100
_NEVER = 1 << 62
_NOTHING = (0, 0)
# No account key begins with a control character, and no id holds one.
_MARK = "\0"
_NEWEST = _MARK + _MARK

_Data = dict[str | int, Any]
"""Account key -> (used, reserved); record key -> (record, when it may be forgotten); number -> journal entry."""


class MemoryLedger(SerialLedger):
    """Budgets that live as long as this object, in the process that made it.

    Args:
        timeout_s: As every ledger takes it. Here it has no use: whoever holds the lock only computes.
        clock: The system's time (microseconds) -> the time to use.
        journal_length: How many entries the journal keeps, 0 for none.
    """

    name = "memory"

    def __init__(self, *, timeout_s: float = 1.0, clock: Clock = int, journal_length: int = JOURNAL_LENGTH) -> None:
        self._clock = clock
        self._journal_length = journal_length
        self._pid = os.getpid()
        self._lock = threading.Lock()
        # Standings, records and journal side by side, so that one update() puts all of a transaction in place.
        self._data: _Data = {}
        self._open: dict[str, int] = {}
        self._next_lapse_us = _NEVER
        self._expiries: list[tuple[int, str]] = []
        self._first_note = 1
        if journal_length:
            self._data |= {1: JournalEntry(clock(time.time_ns() // 1000), "begin"), _NEWEST: 1}

    @contextmanager
    def _write(self, op_id: str = "") -> Iterator[_MemoryTransaction]:
        self._check_process()
        # A bare `with`: between acquire() and a try a signal could cut in, and leave the lock taken for good.
        with self._lock:
            transaction = _MemoryTransaction(self, self._clock(time.time_ns() // 1000))
            yield transaction
            transaction.commit()

    _read = _write

    def ping(self) -> None:
        """See `Ledger.ping`."""
        with self._read():
            return

    def status(self) -> LedgerStatus:
        """See `Books.status`. What lives and dies with its process forgets nothing in between."""
        self._check_process()
        with self._lock:
            return LedgerStatus("", sum(map(self._is_open, self._open)), kept={"where": "the memory of this process"})

    def accept(self) -> bool:
        """See `Books.accept`."""
        return False

    def close(self) -> None:
        """See `Ledger.close`."""
        return

    def accounts(self) -> Iterator[str]:
        """See `Books.accounts`."""
        with self._read():
            keys = [key for key in self._data if isinstance(key, str) and key[0] != _MARK]
        yield from keys

    def reservations(self) -> Iterator[Record]:
        """See `Books.reservations`."""
        with self._read() as transaction:
            op_ids = [key[1:] for key in self._data if isinstance(key, str) and key[0] == _MARK and key != _NEWEST]
            records = [transaction.record(op_id) for op_id in op_ids]
        for state in (OPEN, LAPSED):
            yield from [r for r in records if r is not None and (r.verb, r.state) == ("reserve", state)]

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise ConfigError(
                "a memory ledger cannot be used in a second process: each would own a full budget; "
                "use sqlite:///... or redis://...",
                field="ledger_url",
            )

    def _commit(self, staged: _Data, opened: dict[str, int], now_us: int) -> None:
        # A signal may cut in anywhere here: what comes before and after update() only ever
        # leaves an index entry too many, which is passed over.
        if opened:
            self._open.update(opened)
            self._next_lapse_us = min(self._next_lapse_us, *opened.values())
        self._purge(now_us)
        self._cut_journal(staged)
        self._data.update(staged)

    def _due(self, now_us: int) -> list[str]:
        if now_us < self._next_lapse_us:
            return []
        for op_id in [o for o in self._open if not self._is_open(o)]:
            del self._open[op_id]
        self._next_lapse_us = min(self._open.values(), default=_NEVER)
        due = [(lapses_us, op_id) for op_id, lapses_us in self._open.items() if lapses_us <= now_us]
        return [op_id for _, op_id in sorted(due)]

    def _is_open(self, op_id: str) -> bool:
        kept = self._data.get(_record_key(op_id))
        return kept is not None and isinstance(kept[0], Record) and kept[0].state == OPEN

    def _newest_note(self) -> int:
        return int(self._data.get(_NEWEST, 0))

    def _expire(self, key: str, at_us: int) -> None:
        heapq.heappush(self._expiries, (at_us, key))

    def _cut_journal(self, staged: _Data) -> None:
        while self._first_note <= staged.get(_NEWEST, 0) - self._journal_length:
            self._data.pop(self._first_note, None)
            self._first_note += 1

    def _purge(self, now_us: int) -> None:
        for _ in range(_PURGED_AT_ONCE):
            if not self._expiries or self._expiries[0][0] > now_us:
                return
            _, key = heapq.heappop(self._expiries)
            kept = self._data.get(key)
            if kept is not None and (not isinstance(kept[0], Record) or kept[1] <= now_us):
                del self._data[key]


class _MemoryTransaction:
    """Stages what it writes until it commits."""

    def __init__(self, ledger: MemoryLedger, now_us: int) -> None:
        self._ledger = ledger
        self._staged: _Data = {}
        self._opened: dict[str, int] = {}
        self.now_us = now_us

    def commit(self) -> None:
        if self._staged:
            self._ledger._commit(self._staged, self._opened, self.now_us)

    def record(self, op_id: str) -> Record | None:
        kept = self._get(_record_key(op_id))
        if kept is None or not isinstance(kept[0], Record) or kept[1] <= self.now_us:
            return None
        return kept[0]

    def save(self, record: Record) -> None:
        key = _record_key(record.op_id)
        expires_us = _NEVER
        if record.kept_us is None:
            self._opened[record.op_id] = record.lapses_us
        else:
            expires_us = self.now_us + record.kept_us
            self._ledger._expire(key, expires_us)
        self._staged[key] = record, expires_us

    def standings(self, accounts: Iterable[Account]) -> Standings:
        staged, data = self._staged, self._ledger._data
        return {a.key: staged.get(a.key) or data.get(a.key, _NOTHING) for a in accounts}

    def move(self, movements: Iterable[Movement]) -> None:
        for movement in movements:
            key = movement.account.key
            known = self._get(key)
            if known is None and movement.account.expires_us is not None:
                self._ledger._expire(key, movement.account.expires_us)
            used, reserved = known or _NOTHING
            self._staged[key] = used + movement.used, reserved + movement.reserved

    def due(self, most: int) -> list[Record]:
        found = []
        for op_id in self._ledger._due(self.now_us):
            record = self.record(op_id)
            if record is not None and record.state == OPEN:
                found.append(record)
                if len(found) == most:
                    break
        return found

    def note(self, entry: JournalEntry) -> None:
        if self._ledger._journal_length:
            number = self._staged.get(_NEWEST) or self._ledger._newest_note()
            self._staged |= {number + 1: entry, _NEWEST: number + 1}

    def notes(self, after: int, most: int) -> list[tuple[int, JournalEntry]]:
        data = self._ledger._data
        first = max(after + 1, self._ledger._first_note)
        numbers = range(first, min(self._ledger._newest_note() + 1, first + most))
        return [(number, data[number]) for number in numbers if number in data]

    def standing(self, key: str) -> tuple[int, int]:
        used, reserved = self._get(key) or _NOTHING
        return check_sound(key, used, reserved)

    def _get(self, key: str) -> Any:
        return self._staged.get(key) or self._ledger._data.get(key)


def _record_key(op_id: str) -> str:
    return _MARK + op_id
