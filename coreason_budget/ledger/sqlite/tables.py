"""What is stored where: the tables of a ledger's file, and the rows of one namespace in one transaction.

Namespaces share a file and no row. Moments are microseconds since the epoch, amounts are in the account's unit.

=============  ===================  =====================================================================
table          key                  holds
=============  ===================  =====================================================================
``namespace``  name                 ``epoch``, which one its data is in; ``sequence``, how many transactions
                                    it has seen
``account``    namespace, key       ``used`` and ``reserved``; ``expires_us``, when it may be forgotten
``record``     namespace, op_id     ``body``, the record of an op id; ``lapses_us`` of a reservation that is
                                    open, ``lapsed_us`` of one that has lapsed, else NULL; ``expires_us``,
                                    NULL while it is open
``journal``    namespace, id        ``body``, what was booked ``at_us``; ids have no gaps
``migration``  name                 the steps that made the file, and how old its readers may be
=============  ===================  =====================================================================

A body is compact JSON: see `coreason_budget.ledger.record`, `coreason_budget.ledger.journal` and
`coreason_budget.ledger.epoch`. What has expired is deleted by whoever writes a record, some rows at a time; the oldest
of the journal by whoever writes every hundredth entry.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from coreason_budget.ledger.journal import PAGE, JournalEntry, Movement, decode_entry, encode_entry
from coreason_budget.ledger.record import LAPSED, Record, decode, encode
from coreason_budget.ledger.rules import check_sound
from coreason_budget.model import Account, Standings
from coreason_budget.storage.migrations import Migration

_PURGED_AT_ONCE = 100
_CUT_EVERY = 100

_TABLES = """
CREATE TABLE namespace (name TEXT PRIMARY KEY, epoch TEXT NOT NULL, sequence INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE account (
    namespace TEXT NOT NULL, key TEXT NOT NULL, used INTEGER NOT NULL, reserved INTEGER NOT NULL,
    expires_us INTEGER, PRIMARY KEY (namespace, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE record (
    namespace TEXT NOT NULL, op_id TEXT NOT NULL, body TEXT NOT NULL, lapses_us INTEGER, lapsed_us INTEGER,
    expires_us INTEGER, PRIMARY KEY (namespace, op_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE journal (
    namespace TEXT NOT NULL, id INTEGER NOT NULL, at_us INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (namespace, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_expiry ON account (expires_us) WHERE expires_us IS NOT NULL;
CREATE INDEX record_open ON record (namespace, lapses_us) WHERE lapses_us IS NOT NULL;
CREATE INDEX record_lapsed ON record (namespace, lapsed_us) WHERE lapsed_us IS NOT NULL;
CREATE INDEX record_expiry ON record (expires_us) WHERE expires_us IS NOT NULL
"""
# Never change a step that was released: add one.
MIGRATIONS = (Migration("tables", _TABLES, readable_by=3),)
# BEGIN IMMEDIATE is content with a file that can only be read; this is not, and changes nothing.
WRITABLE = "DELETE FROM namespace WHERE FALSE"
_STANDING = "SELECT used, reserved FROM account WHERE namespace = ? AND key = ?"
_MOVE = """
INSERT INTO account (namespace, key, used, reserved, expires_us) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET used = used + excluded.used, reserved = reserved + excluded.reserved
"""
_RECORD = "SELECT body FROM record WHERE namespace = ? AND op_id = ? AND (expires_us IS NULL OR expires_us > ?)"
_SAVE = """
INSERT INTO record (namespace, op_id, body, lapses_us, lapsed_us, expires_us) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET body = excluded.body, lapses_us = excluded.lapses_us, lapsed_us = excluded.lapsed_us,
expires_us = excluded.expires_us
"""
_DUE = "SELECT op_id, body FROM record WHERE namespace = ? AND lapses_us <= ? ORDER BY lapses_us LIMIT ?"
_OPEN = "SELECT count(*) FROM record WHERE namespace = ? AND lapses_us IS NOT NULL"
_NOTE = """
INSERT INTO journal (namespace, id, at_us, body)
SELECT ?, coalesce(max(id), 0) + 1, ?, ? FROM journal WHERE namespace = ? RETURNING id
"""
_NOTES = "SELECT id, body FROM journal WHERE namespace = ? AND id > ? ORDER BY id LIMIT ?"
_CUT = """
DELETE FROM journal WHERE namespace = ? AND id IN
(SELECT id FROM journal WHERE namespace = ? AND id <= ? ORDER BY id LIMIT ?)
"""
_ACCOUNTS = "SELECT key FROM account WHERE namespace = ? AND key > ? ORDER BY key LIMIT ?"
_LISTED = """
SELECT op_id, body, {0} FROM record WHERE namespace = ? AND {0} IS NOT NULL AND ({0}, op_id) > (?, ?)
AND (expires_us IS NULL OR expires_us > ?) ORDER BY {0}, op_id LIMIT ?
"""
_OPEN_ONES, _LAPSED_ONES = _LISTED.format("lapses_us"), _LISTED.format("lapsed_us")
_PURGE = (
    "DELETE FROM record WHERE (namespace, op_id) IN "
    "(SELECT namespace, op_id FROM record WHERE expires_us <= ? LIMIT ?)",
    "DELETE FROM account WHERE (namespace, key) IN (SELECT namespace, key FROM account WHERE expires_us <= ? LIMIT ?)",
)


class SqliteTransaction:
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
        is_lapsed = record.state == LAPSED and record.verb == "reserve"
        lapses_us, lapsed_us = record.lapses_us if kept_us is None else None, record.lapses_us if is_lapsed else None
        expires_us = None if kept_us is None else self.now_us + kept_us
        self._execute(_SAVE, (self._namespace, record.op_id, encode(record), lapses_us, lapsed_us, expires_us))
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

    def reservations(self, after: tuple[int, str], is_open: bool) -> tuple[list[Record], tuple[int, str]]:
        """Those that are open or have lapsed, in the order of their time, and where the next page begins."""
        statement = _OPEN_ONES if is_open else _LAPSED_ONES
        rows = self._execute(statement, (self._namespace, *after, self.now_us, PAGE)).fetchall()
        return [decode(op_id, body) for op_id, body, _ in rows], (rows[-1][2], rows[-1][0]) if rows else after

    def standing(self, key: str) -> tuple[int, int]:
        row = self._execute(_STANDING, (self._namespace, key)).fetchone()
        return (0, 0) if row is None else check_sound(key, row[0], row[1])
