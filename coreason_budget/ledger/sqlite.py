"""The embedded ledger: one SQLite file, shared by the threads and processes of one host."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen

from coreason_budget.errors import ConfigError, LedgerCorruptError, LedgerUnavailableError, OutcomeUnknownError
from coreason_budget.ledger.base import Clock, LedgerStatus
from coreason_budget.ledger.forking import ForkGate
from coreason_budget.ledger.life import halted
from coreason_budget.ledger.record import Record, decode, encode
from coreason_budget.ledger.rules import Movement, check_sound
from coreason_budget.ledger.serial import SerialLedger
from coreason_budget.ledger.sqlite_life import Floor, SqliteLife
from coreason_budget.model import Account, Standings

SCHEMA = 2
# Older libraries can corrupt a WAL under concurrent checkpoints: https://sqlite.org/wal.html#walresetbug
_WAL_IS_SAFE = sqlite3.sqlite_version_info >= (3, 51, 3)
_PURGED_AT_ONCE = 100
_SHORTEST_NAP_S = 0.002
_LONGEST_NAP_S = 0.02

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
CREATE INDEX account_expiry ON account (expires_us) WHERE expires_us IS NOT NULL;
CREATE INDEX record_lapse ON record (namespace, lapses_us) WHERE lapses_us IS NOT NULL;
CREATE INDEX record_expiry ON record (expires_us) WHERE expires_us IS NOT NULL;
"""
# BEGIN IMMEDIATE is content with a file that can only be read; this is not, and changes nothing.
_WRITABLE = "DELETE FROM namespace WHERE FALSE"
_TIMEZONE = "SELECT timezone FROM namespace WHERE name = ?"
_SNAPSHOT = "SELECT count(*) FROM namespace"
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
    ) -> None:
        self.path = Path(path).absolute()
        if not self.path.parent.is_dir():
            raise ConfigError(f"ledger_url: the folder {self.path.parent} does not exist", field="ledger_url")
        self._namespace = namespace
        self._timezone = timezone
        self._timeout_s = timeout_s
        self._clock = clock
        self._life = SqliteLife(namespace, SCHEMA, timezone)
        self._local = threading.local()

    def ping(self) -> None:
        """See `Ledger.ping`."""
        with self._write(""):
            return

    def status(self) -> LedgerStatus:
        """See `Ledger.status`."""
        deadline_s = time.monotonic() + self._timeout_s
        with _errors(self.path), self._connection(deadline_s) as connection:
            floor = self._life.floor
            connection.execute("BEGIN")
            _wait(connection, _SNAPSHOT, deadline_s)
            trouble, life, sequence = self._life.stand(connection.execute, floor)
            count = self._transaction(connection).open_reservations()
            connection.execute("COMMIT")
        if life is None:
            return LedgerStatus(trouble, count, kept=self._kept())
        return LedgerStatus(trouble, count, life.id, life.since_us, sequence, self._kept())

    def accept(self) -> bool:
        """See `Ledger.accept`."""
        deadline_s = time.monotonic() + self._timeout_s
        with _errors(self.path), self._connection(deadline_s) as connection:
            floor = self._life.floor
            _wait(connection, "BEGIN IMMEDIATE", deadline_s)
            was_halted = self._life.accept(connection.execute, floor)
            _wait(connection, "COMMIT", deadline_s)
        return was_halted

    def close(self) -> None:
        """See `Ledger.close`. Closes the calling thread's connection."""
        opened: _Opened | None = getattr(self._local, "opened", None)
        self._local.opened = None
        if opened is not None and opened.pid == os.getpid():
            opened.connection.close()

    @contextmanager
    def _write(self, op_id: str) -> Iterator[_SqliteTransaction]:
        deadline_s = time.monotonic() + self._timeout_s
        with _errors(self.path), self._connection(deadline_s) as connection:
            floor = self._life.floor
            _wait(connection, "BEGIN IMMEDIATE", deadline_s)
            self._check(connection, floor, deadline_s)
            before = connection.total_changes
            yield self._transaction(connection)
            has_written = connection.total_changes > before
            committed = self._life.advance(connection.execute) if has_written else int
            _commit(connection, op_id, deadline_s)
            committed()

    @contextmanager
    def _read(self) -> Iterator[_SqliteTransaction]:
        deadline_s = time.monotonic() + self._timeout_s
        with _errors(self.path), self._connection(deadline_s) as connection:
            floor = self._life.floor
            connection.execute("BEGIN")
            _wait(connection, _SNAPSHOT, deadline_s)
            self._check(connection, floor, deadline_s)
            yield self._transaction(connection)
            connection.execute("COMMIT")

    def _check(self, connection: sqlite3.Connection, floor: Floor, deadline_s: float) -> None:
        """Halt the namespace for everybody if it lost what this process knows."""
        if self._life.loss(connection.execute, floor):
            _roll_back(connection)
            _wait(connection, "BEGIN IMMEDIATE", deadline_s)
            reason = self._life.halt(connection.execute, floor)
            _wait(connection, "COMMIT", deadline_s)
            raise halted(reason)

    def _kept(self) -> dict[str, str]:
        mode = "wal" if _WAL_IS_SAFE else "truncate"
        server = f"sqlite {sqlite3.sqlite_version}"
        return {"server": server, "file": str(self.path), "journal_mode": mode, "synchronous": "full"}

    def _transaction(self, connection: sqlite3.Connection) -> _SqliteTransaction:
        return _SqliteTransaction(connection, self._namespace, self._clock(time.time_ns() // 1000))

    @contextmanager
    def _connection(self, deadline_s: float) -> Iterator[sqlite3.Connection]:
        """This thread's connection, with no transaction left open afterwards."""
        with _gate.operation(deadline_s):
            opened: _Opened | None = getattr(self._local, "opened", None)
            if opened is None or opened.pid != os.getpid() or not _is_same_file(self.path, opened):
                self._local.opened = None
                opened = self._local.opened = self._open(deadline_s)
            try:
                yield opened.connection
            except BaseException:
                _roll_back(opened.connection)
                raise

    def _open(self, deadline_s: float) -> _Opened:
        # Whoever drops the last reference closes it, and that need not be the thread that uses it.
        connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            _wait(connection, f"PRAGMA journal_mode={'WAL' if _WAL_IS_SAFE else 'TRUNCATE'}", deadline_s)
            connection.execute("PRAGMA synchronous=FULL")
            _wait(connection, "BEGIN IMMEDIATE", deadline_s)
            self._join(connection)
            connection.execute(_WRITABLE)
            _wait(connection, "COMMIT", deadline_s)
        except BaseException:
            connection.close()
            raise
        status = self.path.stat()
        opened = _Opened(connection, os.getpid(), status.st_dev, status.st_ino)
        _gate.keep(opened)
        return opened

    def _join(self, connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
            for statement in _CREATE.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={SCHEMA}")
        elif version != SCHEMA:
            raise ConfigError(
                f"ledger_url: {self.path} is not a ledger of this version (schema {version}, not {SCHEMA}); "
                "use another file or a newer coreason-budget",
                field="ledger_url",
            )
        row = connection.execute(_TIMEZONE, (self._namespace,)).fetchone()
        if row is None:
            self._life.begin(connection.execute)
        elif row[0] != self._timezone:
            raise ConfigError(
                f"timezone: {self.path} keeps namespace {self._namespace!r} in {row[0]}, not {self._timezone}; "
                "set that zone, or use another namespace or file",
                field="timezone",
            )


@frozen(eq=False)
class _Opened:
    connection: sqlite3.Connection
    pid: int
    device: int
    inode: int

    def __del__(self) -> None:
        # A thread that ended: nobody else closes its connection.
        if self.pid == os.getpid():
            with suppress(sqlite3.Error):
                self.connection.close()


# A connection carried through a fork must be neither used nor closed by the child, and a child of a
# process that was inside SQLite could wait for SQLite's mutexes for ever.
_gate = ForkGate()


class _SqliteTransaction:
    """The rows of one namespace, in one transaction."""

    def __init__(self, connection: sqlite3.Connection, namespace: str, now_us: int) -> None:
        self._execute = connection.execute
        self._many = connection.executemany
        self._namespace = namespace
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
        return {a.key: self._standing(a.key) for a in accounts}

    def move(self, movements: Iterable[Movement]) -> None:
        self._many(
            _MOVE, [(self._namespace, m.account.key, m.used, m.reserved, m.account.expires_us) for m in movements]
        )

    def due(self, most: int) -> list[Record]:
        rows = self._execute(_DUE, (self._namespace, self.now_us, most)).fetchall()
        return [decode(op_id, body) for op_id, body in rows]

    def open_reservations(self) -> int:
        return int(self._execute(_OPEN, (self._namespace,)).fetchone()[0])

    def _standing(self, key: str) -> tuple[int, int]:
        row = self._execute(_STANDING, (self._namespace, key)).fetchone()
        return (0, 0) if row is None else check_sound(key, row[0], row[1])


def _wait(connection: sqlite3.Connection, statement: str, deadline_s: float) -> None:
    """Run a statement once other connections let it."""
    nap_s = _SHORTEST_NAP_S
    while True:
        try:
            connection.execute(statement).fetchall()
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() >= deadline_s:
                raise
        # SQLite's own waiting backs off to 100 ms and starves; short random naps share the file.
        # They grow: two hundred who ask a thousand times a second leave nobody time to work.
        time.sleep(random.uniform(0.0002, nap_s))
        nap_s = min(nap_s * 1.2, _LONGEST_NAP_S)


def _commit(connection: sqlite3.Connection, op_id: str, deadline_s: float) -> None:
    try:
        _wait(connection, "COMMIT", deadline_s)
    except sqlite3.Error as error:
        if not op_id or _is_busy(error):
            raise
        raise OutcomeUnknownError(
            f"the file's disk failed while the call was written: {error}; it may or may not be booked. "
            "Repeat it with this error's op_id as its idempotency key",
            op_id=op_id,
        ) from error


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _is_same_file(path: Path, opened: _Opened) -> bool:
    """Whether the file is the one that was opened; what another one holds is for its life to tell."""
    try:
        status = path.stat()
    except OSError:
        raise LedgerUnavailableError(
            f"the ledger file {path} was deleted while in use; what was spent may be gone. Put it back; or let a new "
            "process begin an empty one, and go on with that by `coreason-budget ledger accept`"
        ) from None
    return (status.st_dev, status.st_ino) == (opened.device, opened.inode)


def _roll_back(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """The driver's errors as ours."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise LedgerCorruptError(f"{path} is not a sound SQLite file: {error}") from error
        if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError | OverflowError):
            raise LedgerCorruptError(f"{path} holds values of another kind: {error}") from error
        raise LedgerUnavailableError(f"the SQLite ledger {path} cannot be used now: {error}") from error
