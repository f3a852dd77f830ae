"""The embedded ledger: one SQLite file, shared by the threads and processes of one host."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from coreason_budget.errors import ConfigError
from coreason_budget.ledger.base import Clock, LedgerStatus, Reading
from coreason_budget.ledger.journal import JOURNAL_LENGTH, PAGE, JournalEntry, Movement, decode_entry, encode_entry
from coreason_budget.ledger.life import halted
from coreason_budget.ledger.record import LAPSED, Record, decode, encode
from coreason_budget.ledger.rules import check_sound
from coreason_budget.ledger.serial import SerialLedger
from coreason_budget.ledger.sqlite_life import Floor, SqliteLife
from coreason_budget.model import Account, Plan, Standings
from coreason_budget.storage.sqlite_file import JOURNAL_MODE, Kind, SqliteFile

SCHEMA = 2
_PURGED_AT_ONCE = 100
_CUT_EVERY = 100

_CREATE = """
CREATE TABLE namespace (
    name TEXT PRIMARY KEY, timezone TEXT NOT NULL, life TEXT NOT NULL, sequence INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE account (
    namespace TEXT NOT NULL, key TEXT NOT NULL, used INTEGER NOT NULL, reserved INTEGER NOT NULL,
    expires_us INTEGER, PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE record (
    namespace TEXT NOT NULL, op_id TEXT NOT NULL, body TEXT NOT NULL, lapses_us INTEGER,
    expires_us INTEGER, PRIMARY KEY (namespace, op_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE journal (
    namespace TEXT NOT NULL, id INTEGER NOT NULL, at_us INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (namespace, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_expiry ON account (expires_us) WHERE expires_us IS NOT NULL;
CREATE INDEX record_lapse ON record (namespace, lapses_us) WHERE lapses_us IS NOT NULL;
CREATE INDEX record_expiry ON record (expires_us) WHERE expires_us IS NOT NULL;
"""
# BEGIN IMMEDIATE is content with a file that can only be read; this is not, and changes nothing.
_WRITABLE = "DELETE FROM namespace WHERE FALSE"
_TIMEZONE = "SELECT timezone FROM namespace WHERE name = ?"
_STANDING = "SELECT used, reserved FROM account WHERE namespace = ? AND key = ?"
_MOVE = """
INSERT INTO account VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET used = used + excluded.used, reserved = reserved + excluded.reserved
"""
_RECORD = "SELECT body FROM record WHERE namespace = ? AND op_id = ? AND (expires_us IS NULL OR expires_us > ?)"
_SAVE = """
INSERT INTO record VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET body = excluded.body, lapses_us = excluded.lapses_us, expires_us = excluded.expires_us
"""
_DUE = "SELECT op_id, body FROM record WHERE namespace = ? AND lapses_us <= ? ORDER BY lapses_us LIMIT ?"
_OPEN = "SELECT count(*) FROM record WHERE namespace = ? AND lapses_us IS NOT NULL"
_NOTE = """
INSERT INTO journal SELECT ?, coalesce(max(id), 0) + 1, ?, ? FROM journal WHERE namespace = ? RETURNING id
"""
_NOTES = "SELECT id, body FROM journal WHERE namespace = ? AND id > ? ORDER BY id LIMIT ?"
_CUT = """
DELETE FROM journal WHERE namespace = ? AND id IN
(SELECT id FROM journal WHERE namespace = ? AND id <= ? ORDER BY id LIMIT ?)
"""
_ACCOUNTS = "SELECT key FROM account WHERE namespace = ? AND key > ? ORDER BY key LIMIT ?"
_RECORDS = """
SELECT op_id, body FROM record WHERE namespace = ? AND op_id > ? AND (lapses_us IS NOT NULL) = ?
AND (expires_us IS NULL OR expires_us > ?) ORDER BY op_id LIMIT ?
"""
_PURGE = (
    "DELETE FROM record WHERE (namespace, op_id) IN "
    "(SELECT namespace, op_id FROM record WHERE expires_us <= ? LIMIT ?)",
    "DELETE FROM account WHERE (namespace, key) IN (SELECT namespace, key FROM account WHERE expires_us <= ? LIMIT ?)",
)


class SqliteLedger(SerialLedger):
    """Budgets in one file. What was acknowledged survives a power cut.

    Time is the host's clock. Each thread of each process has a connection of its own.

    Args:
        path: The file; made if it is not there (its folder must be).
        namespace: Whose budgets: namespaces share a file and nothing in it.
        timezone: The zone the accounts are kept in; a file keeps to one.
        timeout_s: How long one operation may wait for other writers. A commit that runs is
            not abandoned.
        clock: The host's time (microseconds) -> the time to use.
        journal_length: How many entries the journal keeps (some hundred more at times), 0 for none.

    Raises:
        ConfigError: The path cannot be a database.
    """

    name = "sqlite"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        namespace: str = "coreason",
        timezone: str = "UTC",
        timeout_s: float = 1.0,
        clock: Clock = int,
        journal_length: int = JOURNAL_LENGTH,
    ) -> None:
        kind = Kind("ledger", "ledger_url", SCHEMA, _CREATE, _WRITABLE, is_replaceable=True)
        self._file = SqliteFile(path, kind, self._join)
        self.path = self._file.path
        self._namespace = namespace
        self._timezone = timezone
        self._timeout_s = timeout_s
        self._clock = clock
        self._journal_length = journal_length
        self._life = SqliteLife(namespace, SCHEMA, timezone)

    def read(self, plan: Plan) -> Reading:
        """See `Ledger.read`. Refused on a disk that takes no writes: what could not be booked is not admitted."""
        self._file.prove(self._timeout_s)
        return super().read(plan)

    def ping(self) -> None:
        """See `Ledger.ping`."""
        with self._write(""):
            pass
        self._file.prove(self._timeout_s)

    def accounts(self) -> Iterator[str]:
        """See `Ledger.accounts`."""
        key = ""
        while True:
            with self._read() as transaction:
                keys = transaction.account_keys(key)
            yield from keys
            if len(keys) < PAGE:
                return
            key = keys[-1]

    def reservations(self) -> Iterator[Record]:
        """See `Ledger.reservations`."""
        yield from self._records(is_open=True)
        yield from (r for r in self._records(is_open=False) if (r.verb, r.state) == ("reserve", LAPSED))

    def _records(self, *, is_open: bool) -> Iterator[Record]:
        op_id = ""
        while True:
            with self._read() as transaction:
                records = transaction.records(op_id, is_open)
            yield from records
            if len(records) < PAGE:
                return
            op_id = records[-1].op_id

    def status(self) -> LedgerStatus:
        """See `Ledger.status`."""
        floor = self._life.floor
        with self._file.read(self._timeout_s) as connection:
            trouble, life, sequence = self._life.stand(connection.execute, floor)
            count = self._transaction(connection).open_reservations()
        epoch, since_us = ("", None) if life is None else (life.id, life.since_us)
        return LedgerStatus(trouble, count, epoch, since_us, sequence, self._kept())

    def accept(self) -> bool:
        """See `Ledger.accept`."""
        floor = self._life.floor
        with self._file.write(self._timeout_s) as connection:
            return self._life.accept(connection.execute, floor)

    def close(self) -> None:
        """See `Ledger.close`. Closes the calling thread's connection."""
        self._file.close()

    @contextmanager
    def _write(self, op_id: str) -> Iterator[_SqliteTransaction]:
        floor = self._life.floor
        with self._halting(floor), self._file.write(self._timeout_s, op_id) as connection:
            self._compare(connection, floor)
            before = connection.total_changes
            yield self._transaction(connection)
            has_written = connection.total_changes > before
            committed = self._life.advance(connection.execute) if has_written else int
        committed()

    @contextmanager
    def _read(self) -> Iterator[_SqliteTransaction]:
        floor = self._life.floor
        with self._halting(floor), self._file.read(self._timeout_s) as connection:
            self._compare(connection, floor)
            yield self._transaction(connection)

    def _compare(self, connection: sqlite3.Connection, floor: Floor) -> None:
        if self._life.loss(connection.execute, floor):
            raise _LossError

    @contextmanager
    def _halting(self, floor: Floor) -> Iterator[None]:
        """Halt the namespace for everybody if it lost what this process knows."""
        try:
            yield
        except _LossError:
            with self._file.write(self._timeout_s) as connection:
                reason = self._life.halt(connection.execute, floor)
            raise halted(reason) from None

    def _kept(self) -> dict[str, str]:
        server = f"sqlite {sqlite3.sqlite_version}"
        return {"server": server, "file": str(self.path), "journal_mode": JOURNAL_MODE, "synchronous": "full"}

    def _transaction(self, connection: sqlite3.Connection) -> _SqliteTransaction:
        now_us = self._clock(time.time_ns() // 1000)
        return _SqliteTransaction(connection, self._namespace, now_us, self._journal_length)

    def _join(self, connection: sqlite3.Connection) -> None:
        row = connection.execute(_TIMEZONE, (self._namespace,)).fetchone()
        if row is None:
            self._life.begin(connection.execute)
            transaction = self._transaction(connection)
            transaction.note(JournalEntry(transaction.now_us, "begin"))
        elif row[0] != self._timezone:
            raise ConfigError(
                f"timezone: {self.path} keeps namespace {self._namespace!r} in {row[0]}, not {self._timezone}; "
                "set that zone, or use another namespace or file",
                field="timezone",
            )


class _LossError(Exception):
    """The file lost what this process knows."""


class _SqliteTransaction:
    """The rows of one namespace, in one transaction."""

    def __init__(self, connection: sqlite3.Connection, namespace: str, now_us: int, journal_length: int) -> None:
        self._execute = connection.execute
        self._many = connection.executemany
        self._namespace = namespace
        self._journal_length = journal_length
        self.now_us = now_us

    def record(self, op_id: str) -> Record | None:
        row = self._execute(_RECORD, (self._namespace, op_id, self.now_us)).fetchone()
        return None if row is None else decode(op_id, row[0])

    def save(self, record: Record) -> None:
        kept_us = record.kept_us
        lapses_us = record.lapses_us if kept_us is None else None
        expires_us = None if kept_us is None else self.now_us + kept_us
        self._execute(_SAVE, (self._namespace, record.op_id, encode(record), lapses_us, expires_us))
        for purge in _PURGE:
            self._execute(purge, (self.now_us, _PURGED_AT_ONCE))

    def standings(self, accounts: Iterable[Account]) -> Standings:
        return {a.key: self.standing(a.key) for a in accounts}

    def move(self, movements: Iterable[Movement]) -> None:
        self._many(
            _MOVE, [(self._namespace, m.account.key, m.used, m.reserved, m.account.expires_us) for m in movements]
        )

    def due(self, most: int) -> list[Record]:
        rows = self._execute(_DUE, (self._namespace, self.now_us, most)).fetchall()
        return [decode(op_id, body) for op_id, body in rows]

    def open_reservations(self) -> int:
        return int(self._execute(_OPEN, (self._namespace,)).fetchone()[0])

    def note(self, entry: JournalEntry) -> None:
        if not self._journal_length:
            return
        row = (self._namespace, entry.at_us, encode_entry(entry), self._namespace)
        ((number,),) = self._execute(_NOTE, row).fetchall()
        if number % _CUT_EVERY == 0:
            self._execute(_CUT, (self._namespace, self._namespace, number - self._journal_length, 2 * _CUT_EVERY))

    def notes(self, after: int, most: int) -> list[tuple[int, JournalEntry]]:
        rows = self._execute(_NOTES, (self._namespace, after, most)).fetchall()
        return [(number, decode_entry(body)) for number, body in rows]

    def account_keys(self, after: str) -> list[str]:
        return [key for (key,) in self._execute(_ACCOUNTS, (self._namespace, after, PAGE)).fetchall()]

    def records(self, after: str, is_open: bool) -> list[Record]:
        rows = self._execute(_RECORDS, (self._namespace, after, is_open, self.now_us, PAGE)).fetchall()
        return [decode(op_id, body) for op_id, body in rows]

    def standing(self, key: str) -> tuple[int, int]:
        row = self._execute(_STANDING, (self._namespace, key)).fetchone()
        return (0, 0) if row is None else check_sound(key, row[0], row[1])
