"""One SQLite file of ours: a connection for each thread of each process, and the driver's errors as ours."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import frozen

from coreason_budget.errors import ConfigError, LedgerCorruptError, LedgerUnavailableError, OutcomeUnknownError
from coreason_budget.storage.forking import ForkGate
from coreason_budget.storage.migrations import READABLE_BY, Migration, is_known, migrate
from coreason_budget.storage.turns import turns_of

# Older libraries can corrupt a WAL under concurrent checkpoints: https://sqlite.org/wal.html#walresetbug
JOURNAL_MODE = "wal" if sqlite3.sqlite_version_info >= (3, 51, 3) else "truncate"
_SHORTEST_NAP_S = 0.002
_LONGEST_NAP_S = 0.02


@frozen
class FileKind:
    """What a file is.

    Attributes:
        name: What its errors call it: ``ledger``.
        setting: The setting that names it.
        schema: The newest form that this version knows. ``user_version`` tells it to whoever looks; nothing goes by it.
        migrations: The steps that make it, from nothing.
        touch: A statement that needs a file that can be written, and changes nothing.
        is_replaceable: Another file in its place is opened: whoever uses it compares what it holds.
    """

    name: str
    setting: str
    schema: int
    migrations: tuple[Migration, ...]
    touch: str
    is_replaceable: bool = False


class SqliteFile:
    """A file that threads and processes of one host share. What was committed survives a power cut.

    Args:
        path: The file; made if it is not there (its folder must be).
        kind: What it is.
        join: Runs in the first transaction of every connection.

    Raises:
        ConfigError: The folder does not exist.
    """

    def __init__(
        self, path: str | os.PathLike[str], kind: FileKind, join: Callable[[sqlite3.Connection], None] | None = None
    ) -> None:
        self.path = Path(path).absolute()
        self._kind = kind
        self._join = join
        self._local = threading.local()
        self._is_proven = False
        if not self.path.parent.is_dir():
            raise ConfigError(f"{kind.setting}: the folder {self.path.parent} does not exist", field=kind.setting)

    def close(self) -> None:
        """Close the calling thread's connection. The file may be used again afterwards."""
        self._local.opened = None

    @contextmanager
    def write(self, timeout_s: float, op_id: str = "") -> Iterator[sqlite3.Connection]:
        """A transaction that may write; leaving it normally commits.

        Raises:
            LedgerUnavailableError: The file could not be used within ``timeout_s``.
            OutcomeUnknownError: The disk failed in the commit of ``op_id``.
            LedgerCorruptError: It holds what this library did not write.
        """
        deadline_s = time.monotonic() + timeout_s
        turn = turns_of(str(self.path)).turn(deadline_s)
        with self._errors(), turn, self._connection(deadline_s) as connection:
            _wait(connection, "BEGIN IMMEDIATE", deadline_s)
            self._check_readable(connection.execute(READABLE_BY).fetchall())
            yield connection
            _commit(connection, op_id, deadline_s)

    @contextmanager
    def read(self, timeout_s: float) -> Iterator[sqlite3.Connection]:
        """A transaction that only reads: one state of the file. Raises as `write` does."""
        deadline_s = time.monotonic() + timeout_s
        with self._errors(), self._connection(deadline_s) as connection:
            connection.execute("BEGIN")
            self._check_readable(_wait(connection, READABLE_BY, deadline_s))
            yield connection
            connection.execute("COMMIT")

    def prove(self, timeout_s: float) -> None:
        """See that the file takes writes, by one without a change, unless it has since anything went wrong with it.

        Nothing that is only read knows of a disk that is full. Raises as `write` does.
        """
        if self._is_proven:
            return
        with self.write(timeout_s) as connection:
            # As it is: whoever is newer may have raised it.
            ((version,),) = connection.execute("PRAGMA user_version").fetchall()
            connection.execute(f"PRAGMA user_version={version}")
        self._is_proven = True

    def look(self, statement: str, values: tuple[object, ...], timeout_s: float) -> list[tuple[Any, ...]]:
        """What one statement reads, without the cost of a transaction. Raises as `write` does."""
        deadline_s = time.monotonic() + timeout_s
        with self._errors(), self._connection(deadline_s) as connection:
            return _wait(connection, statement, deadline_s, values)

    @contextmanager
    def _connection(self, deadline_s: float) -> Iterator[sqlite3.Connection]:
        """This thread's connection, with no transaction left open afterwards."""
        self._check_threads()
        with _gate.operation(deadline_s):
            opened: _Opened | None = getattr(self._local, "opened", None)
            if opened is None or opened.pid != os.getpid() or self._is_replaced(opened):
                self._local.opened = None
                opened = self._local.opened = self._open(deadline_s)
            try:
                yield opened.connection
            except BaseException:
                _roll_back(opened.connection)
                raise

    def _check_threads(self) -> None:
        # What was made before gevent patched threads is one for all its greenlets, and so would be a transaction.
        if type(self._local) is not threading.local:
            raise ConfigError(
                f"{self._kind.setting}: threads were patched (gevent) after this {self._kind.name} was made, and its "
                "transactions would mix: patch first, and start gunicorn without --preload; or use Redis",
                field=self._kind.setting,
            )

    def _open(self, deadline_s: float) -> _Opened:
        # Whoever drops the last reference closes it, and that need not be the thread that uses it.
        connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            # At once: while it waits for others, another file may be put in the place of the one it has open.
            status = self._stat()
            _wait(connection, f"PRAGMA journal_mode={JOURNAL_MODE}", deadline_s)
            connection.execute("PRAGMA synchronous=FULL")
            _wait(connection, "BEGIN IMMEDIATE", deadline_s)
            self._make(connection)
            if self._join is not None:
                self._join(connection)
            connection.execute(self._kind.touch)
            _wait(connection, "COMMIT", deadline_s)
        except BaseException:
            connection.close()
            raise
        opened = _Opened(connection, os.getpid(), status.st_dev, status.st_ino)
        _gate.keep(opened)
        return opened

    def _make(self, connection: sqlite3.Connection) -> None:
        kind = self._kind
        if not is_known(connection):
            raise ConfigError(
                f"{kind.setting}: {self.path} is no {kind.name} of this version, or one of a format that was never "
                "released and is left behind; use another file",
                field=kind.setting,
            )
        if migrate(connection, kind.migrations):
            connection.execute(f"PRAGMA user_version={kind.schema}")
        self._check_readable(connection.execute(READABLE_BY).fetchall())

    def _check_readable(self, rows: list[tuple[Any, ...]]) -> None:
        kind, needed = self._kind, rows[0][0]
        if needed > kind.schema:
            raise ConfigError(
                f"{kind.setting}: {self.path} is kept by a newer coreason-budget, for readers of schema {needed} on, "
                f"and this is {kind.schema}; upgrade coreason-budget, or use another file",
                field=kind.setting,
            )

    def _is_replaced(self, opened: _Opened) -> bool:
        """Whether another file is in the place of the one that was opened.

        Raises:
            LedgerUnavailableError: None is, or none may be.
        """
        name = self._kind.name
        status = self._stat()
        is_same = (status.st_dev, status.st_ino) == (opened.device, opened.inode)
        if not is_same and not self._kind.is_replaceable:
            raise LedgerUnavailableError(
                f"the {name} file {self.path} was replaced while in use; what was spent may be gone. "
                "Put it back, or restart to begin with what is there"
            )
        return not is_same

    def _stat(self) -> os.stat_result:
        try:
            return self.path.stat()
        except OSError:
            raise LedgerUnavailableError(
                f"the {self._kind.name} file {self.path} was deleted while in use; what was spent may be gone. Put it "
                "back; or let a new process begin an empty one (a ledger goes on with that by "
                "`coreason-budget ledger accept`)"
            ) from None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """The driver's errors as ours."""
        try:
            yield
        except OutcomeUnknownError:
            self._is_proven = False
            raise
        except sqlite3.Error as error:
            self._is_proven = self._is_proven and _is_busy(error)
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise LedgerCorruptError(f"{self.path} is not a sound SQLite file: {error}") from error
            if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError | OverflowError):
                raise LedgerCorruptError(f"{self.path} holds values of another kind: {error}") from error
            hint = "; others write: raise ledger_timeout_s, or keep budgets in Redis" if _is_busy(error) else ""
            raise LedgerUnavailableError(
                f"the SQLite {self._kind.name} {self.path} cannot be used now: {error}{hint}"
            ) from error


@frozen(eq=False)
class _Opened:
    connection: sqlite3.Connection
    pid: int
    device: int
    inode: int

    def __del__(self) -> None:
        # Here, for a thread that ends closes its own, too; the parent's are not a child's to close.
        if self.pid != os.getpid():
            _gate.pin(self.connection)
            return
        with suppress(sqlite3.Error, LedgerUnavailableError), _gate.closing():
            self.connection.close()


# A connection carried through a fork must be neither used nor closed by the child, and a child of a
# process that was inside SQLite could wait for SQLite's mutexes for ever.
_gate = ForkGate()


def _wait(
    connection: sqlite3.Connection, statement: str, deadline_s: float, values: tuple[object, ...] = ()
) -> list[tuple[Any, ...]]:
    """Run a statement once other connections let it."""
    nap_s = _SHORTEST_NAP_S
    while True:
        try:
            return connection.execute(statement, values).fetchall()
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


def _roll_back(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
