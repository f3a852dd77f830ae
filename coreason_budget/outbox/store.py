"""Where the outbox keeps spend: one SQLite file, shared by the threads and processes of one host."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from coreason_budget.errors import BudgetError, ConfigError, IdempotencyConflictError, LedgerUnavailableError
from coreason_budget.ledger import named
from coreason_budget.model import Amounts
from coreason_budget.outbox.spend import DOUBTFUL, FAILED, WAITING, Kept, Queued, decode, encode
from coreason_budget.storage.migrations import Migration
from coreason_budget.storage.sqlite_file import FileKind, SqliteFile

# A caller that waits longer than its deadline is better than spend that is lost.
_PATIENCE_S = 5.0

_TABLES = """
CREATE TABLE entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, op_id TEXT NOT NULL, reservation TEXT NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, queued_us INTEGER NOT NULL, sent_us INTEGER, body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX entry_op ON entry (namespace, op_id) WHERE state <> 'failed';
CREATE INDEX entry_state ON entry (namespace, state, id);
CREATE TABLE part (
    namespace TEXT NOT NULL, scope TEXT NOT NULL, entry INTEGER NOT NULL, usd_nanos INTEGER NOT NULL,
    tokens INTEGER NOT NULL, requests INTEGER NOT NULL, PRIMARY KEY (namespace, scope, entry)
) STRICT, WITHOUT ROWID;
CREATE INDEX part_entry ON part (entry)
"""
# Never change a step that was released: add one.
_MIGRATIONS = (Migration("tables", _TABLES, readable_by=3),)
_WRITABLE = "DELETE FROM entry WHERE FALSE"
_ANY = "SELECT 1 FROM entry WHERE namespace = ? LIMIT 1"
_FIELDS = "id, op_id, state, reason, queued_us, sent_us, body"
_ALL = f"SELECT {_FIELDS} FROM entry WHERE namespace = ? ORDER BY id"
_NEXT = f"SELECT {_FIELDS} FROM entry WHERE namespace = ? AND state = '{WAITING}' AND id > ? ORDER BY id LIMIT 1"
_COUNT = "SELECT state, count(*) FROM entry WHERE namespace = ? GROUP BY state"
_HOLDS = f"""
SELECT 1 FROM entry WHERE namespace = ? AND state <> '{FAILED}' AND (op_id = ? OR reservation <> '' AND reservation = ?)
"""
_PENDING = """
SELECT scope, sum(usd_nanos), sum(tokens), sum(requests) FROM part
WHERE namespace = ? AND scope IN ({}) GROUP BY scope
"""
_SAME = f"SELECT id, body FROM entry WHERE namespace = ? AND op_id = ? AND state <> '{FAILED}'"
_ADD = f"""
INSERT INTO entry (namespace, op_id, reservation, state, reason, queued_us, sent_us, body)
VALUES (?, ?, ?, '{WAITING}', '', ?, ?, ?)
"""
_ADD_PART = "INSERT INTO part (namespace, scope, entry, usd_nanos, tokens, requests) VALUES (?, ?, ?, ?, ?, ?)"
_SENT_TOO = "UPDATE entry SET sent_us = coalesce(sent_us, ?) WHERE id = ?"
_RAISE = "UPDATE entry SET body = ? WHERE id = ?"
_MARK = "UPDATE entry SET sent_us = ? WHERE id = ?"
_SET_ASIDE = "UPDATE entry SET state = ?, reason = ? WHERE id = ?"
# One of the same op id may wait already; then that one is delivered.
_REVIVE = f"""
UPDATE OR IGNORE entry SET state = '{WAITING}', reason = '', sent_us = CASE WHEN sent_us IS NULL THEN NULL ELSE ? END
WHERE namespace = ? AND state <> '{WAITING}'
"""
_DROP = "DELETE FROM entry WHERE namespace = ? AND id = ? AND body = coalesce(?, body)"
_DROP_PARTS = "DELETE FROM part WHERE namespace = ? AND entry = ?"


class OutboxBrokenError(LedgerUnavailableError):
    """The outbox's file cannot be read or written now."""


class Store:
    """The entries of one namespace. Every change is on the disk when it returns.

    Args:
        path: The file; made if it is not there (its folder must be).
        namespace: Whose spend: namespaces share a file and nothing in it.
        timeout_s: How long a look may wait for other writers; a change waits for 5 s.

    Raises:
        ConfigError: The file cannot be read and written.
    """

    def __init__(self, path: str | os.PathLike[str], namespace: str, timeout_s: float) -> None:
        self._file = SqliteFile(path, FileKind("outbox", "outbox", named.SCHEMA, _MIGRATIONS, _WRITABLE))
        self.path = self._file.path
        self.namespace = namespace
        self.timeout_s = timeout_s
        try:
            with self._file.write(_PATIENCE_S):
                pass
        except ConfigError:
            raise
        except BudgetError as error:
            raise ConfigError(f"outbox: {error}", field="outbox") from error

    def close(self) -> None:
        """Close the calling thread's connection."""
        self._file.close()

    def is_empty(self) -> bool:
        """Whether there is nothing to deliver and nothing to count."""
        with _broken():
            return not self._file.look(_ANY, (self.namespace,), self.timeout_s)

    def entries(self) -> list[Queued]:
        """Everything that is kept, in order."""
        with self._read() as connection:
            return [Queued(*row) for row in connection.execute(_ALL, (self.namespace,))]

    def next(self, after: int) -> Queued | None:
        """The next to deliver after this id."""
        with self._read() as connection:
            row = connection.execute(_NEXT, (self.namespace, after)).fetchone()
            return None if row is None else Queued(*row)

    def counts(self) -> dict[str, int]:
        """How many entries are waiting, doubtful and failed."""
        with self._read() as connection:
            found = dict(connection.execute(_COUNT, (self.namespace,)).fetchall())
            return {state: found.get(state, 0) for state in (WAITING, DOUBTFUL, FAILED)}

    def holds(self, op_id: str, reservation_id: str) -> bool:
        """Whether spend of this op id or this reservation is still to be booked."""
        with self._read() as connection:
            return connection.execute(_HOLDS, (self.namespace, op_id, reservation_id)).fetchone() is not None

    def pending(self, scopes: Iterable[str]) -> dict[str, Amounts]:
        """What is kept and may not be booked yet, of these scopes."""
        wanted = tuple(scopes)
        statement = _PENDING.format(", ".join("?" * len(wanted)))
        with self._read() as connection:
            return {scope: Amounts(*sums) for scope, *sums in connection.execute(statement, (self.namespace, *wanted))}

    def add(self, spend: Kept, now_us: int, sent_us: int | None) -> None:
        """Keep spend, once for its op id.

        Raises:
            IdempotencyConflictError: The op id already stands for other spend here.
            OutboxBrokenError: It was not kept.
        """
        body = encode(spend)
        with self._write() as connection:
            same = connection.execute(_SAME, (self.namespace, spend.op_id)).fetchone()
            if same is None:
                row = (self.namespace, spend.op_id, spend.reservation_id, now_us, sent_us, body)
                self._add_parts(connection, connection.execute(_ADD, row).lastrowid, spend)
                return
            id, waiting = same[0], decode(spend.op_id, same[1])
            if waiting.digest != spend.digest:
                raise IdempotencyConflictError(
                    f"idempotency key {spend.op_id!r} stands for other spend that waits in the outbox; "
                    "use a new key for a new call, and repeat a call unchanged",
                    idempotency_key=spend.op_id,
                )
            connection.execute(_SENT_TOO, (sent_us, id))
            if (raised := spend.raised(waiting)) != waiting:
                connection.execute(_RAISE, (encode(raised), id))
                connection.execute(_DROP_PARTS, (self.namespace, id))
                self._add_parts(connection, id, raised)

    def _add_parts(self, connection: sqlite3.Connection, id: int | None, spend: Kept) -> None:
        counts = (spend.usd_nanos or 0, spend.tokens or 0, spend.requests)
        connection.executemany(_ADD_PART, [(self.namespace, scope, id, *counts) for scope in spend.scopes])

    def mark_sent(self, id: int, sent_us: int | None) -> None:
        """Say since when an entry may have reached the ledger; None: it surely has not."""
        with self._write() as connection:
            connection.execute(_MARK, (sent_us, id))

    def set_aside(self, id: int, state: str, reason: str) -> None:
        """Let those behind an entry go first, until somebody decides."""
        with self._write() as connection:
            connection.execute(_SET_ASIDE, (state, reason, id))

    def revive(self, now_us: int) -> None:
        """Let everything that was set aside be tried again, whatever is in doubt."""
        with self._write() as connection:
            connection.execute(_REVIVE, (now_us, self.namespace))

    def remove(self, id: int, body: str | None = None) -> bool:
        """Forget an entry, if it still has this body where one is told; tell if it was there."""
        with self._write() as connection:
            was_there = connection.execute(_DROP, (self.namespace, id, body)).rowcount == 1
            if was_there:
                connection.execute(_DROP_PARTS, (self.namespace, id))
            return was_there

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with _broken(), self._file.read(self.timeout_s) as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with _broken(), self._file.write(_PATIENCE_S) as connection:
            yield connection


@contextmanager
def _broken() -> Iterator[None]:
    try:
        yield
    except IdempotencyConflictError:
        raise
    except BudgetError as error:
        raise OutboxBrokenError(f"the outbox cannot be used: {error}") from error
