"""The verbs on one SQLite file. Its transactions run one after another."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from coreason_budget.ledger import named
from coreason_budget.ledger.base import Clock, LedgerStatus, Reading
from coreason_budget.ledger.epoch import halted
from coreason_budget.ledger.journal import JOURNAL_LENGTH, PAGE, JournalEntry
from coreason_budget.ledger.judge import Baseline
from coreason_budget.ledger.record import Record
from coreason_budget.ledger.serial import SerialLedger
from coreason_budget.ledger.sqlite.epoch import SqliteEpoch
from coreason_budget.ledger.sqlite.tables import MIGRATIONS, WRITABLE, SqliteTransaction
from coreason_budget.model import Plan
from coreason_budget.storage.sqlite_file import JOURNAL_MODE, FileKind, SqliteFile


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
        kind = FileKind("ledger", "ledger_url", named.SCHEMA, MIGRATIONS, WRITABLE, is_replaceable=True)
        self._file = SqliteFile(path, kind, self._join)
        self.path = self._file.path
        self._namespace = namespace
        self._timeout_s = timeout_s
        self._clock = clock
        self._journal_length = journal_length
        self._epoch = SqliteEpoch(namespace, timezone)

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
        """See `Books.accounts`."""
        key = ""
        while True:
            with self._read() as transaction:
                keys = transaction.account_keys(key)
            yield from keys
            if len(keys) < PAGE:
                return
            key = keys[-1]

    def reservations(self) -> Iterator[Record]:
        """See `Books.reservations`."""
        yield from self._listed(is_open=True)
        yield from self._listed(is_open=False)

    def _listed(self, *, is_open: bool) -> Iterator[Record]:
        after = (-1, "")
        while True:
            with self._read() as transaction:
                records, after = transaction.reservations(after, is_open)
            yield from records
            if len(records) < PAGE:
                return

    def status(self) -> LedgerStatus:
        """See `Books.status`."""
        baseline = self._epoch.baseline
        with self._file.read(self._timeout_s) as connection:
            found = self._epoch.find(connection.execute)
            count = self._transaction(connection).open_reservations()
        epoch, since_us = ("", None) if found.epoch is None else (found.epoch.id, found.epoch.since_us)
        trouble = self._epoch.trouble(found, baseline)
        return LedgerStatus(trouble, count, epoch, since_us, found.sequence, self._kept())

    def accept(self) -> bool:
        """See `Books.accept`."""
        baseline = self._epoch.baseline
        with self._file.write(self._timeout_s) as connection:
            return self._epoch.accept(connection.execute, baseline)

    def close(self) -> None:
        """See `Ledger.close`. Closes the calling thread's connection."""
        self._file.close()

    @contextmanager
    def _write(self, op_id: str) -> Iterator[SqliteTransaction]:
        baseline = self._epoch.baseline
        with self._halting(baseline), self._file.write(self._timeout_s, op_id) as connection:
            self._compare(connection, baseline)
            before = connection.total_changes
            yield self._transaction(connection)
            has_written = connection.total_changes > before
            committed = self._epoch.advance(connection.execute) if has_written else int
        committed()

    @contextmanager
    def _read(self) -> Iterator[SqliteTransaction]:
        baseline = self._epoch.baseline
        with self._halting(baseline), self._file.read(self._timeout_s) as connection:
            self._compare(connection, baseline)
            yield self._transaction(connection)

    def _compare(self, connection: sqlite3.Connection, baseline: Baseline | None) -> None:
        if self._epoch.is_lost(connection.execute, baseline):
            raise _LossError

    @contextmanager
    def _halting(self, baseline: Baseline | None) -> Iterator[None]:
        """Halt the namespace for everybody if it lost what this process knows."""
        try:
            yield
        except _LossError:
            with self._file.write(self._timeout_s) as connection:
                reason = self._epoch.halt_for_all(connection.execute, baseline)
            raise halted(reason) from None

    def _kept(self) -> dict[str, str]:
        server = f"sqlite {sqlite3.sqlite_version}"
        return {"server": server, "file": str(self.path), "journal_mode": JOURNAL_MODE, "synchronous": "full"}

    def _transaction(self, connection: sqlite3.Connection) -> SqliteTransaction:
        now_us = self._clock(time.time_ns() // 1000)
        return SqliteTransaction(connection, self._namespace, now_us, self._journal_length)

    def _join(self, connection: sqlite3.Connection) -> None:
        if self._epoch.join(connection.execute):
            transaction = self._transaction(connection)
            transaction.note(JournalEntry(transaction.now_us, "begin"))


class _LossError(Exception):
    """The file lost what this process knows."""
