"""An SQLite file of ours, whatever it keeps: how long it waits, what it proves, and when it lets go."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from coreason_budget.errors import ConfigError, LedgerUnavailableError
from coreason_budget.storage import sqlite_file
from coreason_budget.storage.migrations import Migration
from coreason_budget.storage.sqlite_file import FileKind, SqliteFile

FIRST = Migration("things", "CREATE TABLE thing (name TEXT) STRICT", readable_by=7)
KIND = FileKind("box", "box", 7, (FIRST,), "DELETE FROM thing WHERE FALSE")
COUNT = "SELECT count(*) FROM thing"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SqliteFile]:
    """A file that is there, and was used."""
    made = SqliteFile(tmp_path / "things.db", KIND)
    with made.write(30) as connection:
        connection.execute("INSERT INTO thing VALUES ('one')")
    yield made
    made.close()


@pytest.fixture
def stranger(file: SqliteFile) -> Iterator[sqlite3.Connection]:
    """Somebody else who has the file open."""
    with closing(sqlite3.connect(file.path, isolation_level=None)) as connection:
        yield connection


def look(file: SqliteFile, timeout_s: float) -> object:
    return file.look(COUNT, (), timeout_s)


def read(file: SqliteFile, timeout_s: float) -> object:
    with file.read(timeout_s) as connection:
        return connection.execute(COUNT).fetchall()


def write(file: SqliteFile, timeout_s: float) -> object:
    with file.write(timeout_s) as connection:
        return connection.execute(COUNT).fetchall()


every_way = pytest.mark.parametrize("use", [look, read, write])
Use = Callable[[SqliteFile, float], object]


@every_way
def test_whoever_meets_a_lock_waits_until_it_is_free(
    file: SqliteFile, stranger: sqlite3.Connection, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock goes while it naps; it need not be told."""
    stranger.execute("BEGIN EXCLUSIVE")
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 50:
            stranger.execute("ROLLBACK")

    monkeypatch.setattr(sqlite_file.time, "sleep", nap)
    assert use(file, 30) == [(1,)]
    assert len(naps) == 50
    assert min(naps) > 0
    assert max(naps) <= 0.02


@every_way
def test_whoever_meets_a_lock_waits_no_longer_than_it_may(
    file: SqliteFile, stranger: sqlite3.Connection, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the deadline by its own clock, and not past it."""
    stranger.execute("BEGIN EXCLUSIVE")
    now_s = [1000.0]
    monkeypatch.setattr(sqlite_file.time, "monotonic", lambda: now_s[0])
    monkeypatch.setattr(sqlite_file.time, "sleep", lambda seconds: now_s.__setitem__(0, now_s[0] + seconds))
    with pytest.raises(LedgerUnavailableError, match=r"SQLite box .*things\.db cannot be used now"):
        use(file, 0.5)
    assert 1000.5 <= now_s[0] < 1000.5 + 0.02


def test_a_proof_is_one_write_until_something_goes_wrong(file: SqliteFile, stranger: sqlite3.Connection) -> None:
    """A lock is nothing wrong with the disk; an error of the disk asks for a new proof."""

    def writes() -> int:
        return int(stranger.execute("PRAGMA data_version").fetchone()[0])

    before = writes()
    file.prove(30)
    first = writes()
    file.prove(30)
    assert before != first == writes()
    stranger.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerUnavailableError):
        look(file, 0)
    stranger.execute("ROLLBACK")
    file.prove(30)
    assert first == writes()
    with pytest.raises(LedgerUnavailableError):
        file.look("SELECT nothing", (), 30)
    file.prove(30)
    assert first != writes()


def test_a_proof_without_room_is_none(file: SqliteFile, stranger: sqlite3.Connection) -> None:
    """Whoever could not write is asked again."""
    stranger.execute("BEGIN IMMEDIATE")
    for _ in range(2):
        with pytest.raises(LedgerUnavailableError):
            file.prove(0)
    stranger.execute("ROLLBACK")
    file.prove(0)


def test_a_closed_file_lets_go_at_once_and_opens_again(file: SqliteFile) -> None:
    """Whoever still holds the connection can do nothing with it."""
    with file.read(30) as connection:
        pass
    file.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute(COUNT)
    file.close()
    assert look(file, 30) == [(1,)]


def test_a_transaction_that_fails_leaves_nothing(file: SqliteFile) -> None:
    """What was written before the error is not there, and the next one begins anew."""

    def fail() -> None:
        with file.write(30) as connection:
            connection.execute("INSERT INTO thing VALUES ('two')")
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        fail()
    assert write(file, 30) == [(1,)]


def test_threads_that_were_patched_afterwards_are_refused(file: SqliteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is one a thread would be one for all of gevent's greenlets, and its transaction; made anew, it is not."""

    class Patched:
        """As gevent puts one in the place of `threading.local`."""

    monkeypatch.setattr(threading, "local", Patched)
    for use in (look, write, lambda file, timeout_s: file.prove(timeout_s)):
        with pytest.raises(ConfigError, match=r"threads were patched \(gevent\).*without --preload; or use Redis"):
            use(file, 1)
    made = SqliteFile(file.path, KIND)
    assert look(made, 30) == [(1,)]
    made.close()
