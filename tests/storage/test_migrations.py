"""Steps of a file are done once each, whoever opens it, at once, again, or with another version."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

import pytest
from attrs import evolve

from coreason_budget.errors import ConfigError, LedgerUnavailableError
from coreason_budget.storage.migrations import Migration
from coreason_budget.storage.sqlite_file import FileKind, SqliteFile

FIRST = Migration("things", "CREATE TABLE thing (name TEXT NOT NULL) STRICT", readable_by=7)
TWO_COLUMNS = "ALTER TABLE thing ADD COLUMN size INTEGER NOT NULL DEFAULT 3; INSERT INTO thing VALUES ('box', 4)"
SIZES = Migration("sizes", TWO_COLUMNS, readable_by=7)
LOCKED = Migration("locked", "CREATE TABLE lock (name TEXT) STRICT", readable_by=9)
OLD = FileKind("box", "box", 7, (FIRST,), "DELETE FROM thing WHERE FALSE")
NEW = evolve(OLD, schema=8, migrations=(FIRST, SIZES))
NEWEST = evolve(OLD, schema=9, migrations=(FIRST, SIZES, LOCKED))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "things.db"


def add(file: SqliteFile, name: str = "one") -> None:
    """What every version can do."""
    with file.write(30) as connection:
        connection.execute("INSERT INTO thing (name) VALUES (?)", (name,))


def rows(path: Path, statement: str = "SELECT name, size FROM thing ORDER BY name") -> list[tuple[object, ...]]:
    """What is there, by nobody of ours."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def test_a_file_made_by_an_older_version_goes_on_with_a_newer(path: Path) -> None:
    """What it held is there, and the older one that still runs goes on, too."""
    old = SqliteFile(path, OLD)
    add(old, "before")
    add(SqliteFile(path, NEW), "new")
    add(old, "after")
    add(SqliteFile(path, OLD), "again")
    assert rows(path) == [("after", 3), ("again", 3), ("before", 3), ("box", 4), ("new", 3)]


def test_a_step_is_done_once_whatever_number_an_older_process_writes_back(path: Path) -> None:
    """It would fail, or add its row again."""
    for version in (0, 7, 8, 99):
        add(SqliteFile(path, NEW))
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA user_version={version}")
    assert rows(path, "SELECT count(*) FROM thing WHERE name = 'box'") == [(1,)]
    assert rows(path, "SELECT name FROM migration ORDER BY name") == [("sizes",), ("things",)]


def test_a_step_is_done_once_by_many_who_open_at_once(path: Path) -> None:
    """Whoever is second finds it done."""
    add(SqliteFile(path, OLD))
    barrier = Barrier(8)

    def open_and_add() -> None:
        barrier.wait()
        add(SqliteFile(path, NEW))

    threads = [Thread(target=open_and_add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(path, "SELECT count(*) FROM thing WHERE name = 'box'") == [(1,)]
    assert rows(path, "SELECT count(*) FROM thing") == [(10,)]


def test_a_step_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    """Neither a part of it nor its name; the older version goes on."""
    old = SqliteFile(path, OLD)
    add(old)
    broken = evolve(SIZES, sql=f"{TWO_COLUMNS}; INSERT INTO nowhere VALUES (1)")
    with pytest.raises(LedgerUnavailableError, match="nowhere"):
        add(SqliteFile(path, evolve(NEW, migrations=(FIRST, broken))))
    assert rows(path, "SELECT * FROM thing") == [("one",)]
    add(old)
    add(SqliteFile(path, NEW))
    assert len(rows(path)) == 4


@pytest.mark.parametrize("use", ["write", "read", "open"])
def test_what_only_newer_readers_may_use_is_left_by_an_older_one_at_once(path: Path, use: str) -> None:
    """Also where it has it open."""
    old = SqliteFile(path, OLD)
    add(old)
    add(SqliteFile(path, NEWEST))
    uses: dict[str, Callable[[], object]] = {
        "write": lambda: old.write(30).__enter__(),
        "read": lambda: old.read(30).__enter__(),
        "open": lambda: add(SqliteFile(path, OLD)),
    }
    with pytest.raises(ConfigError, match="by a newer coreason-budget, for readers of schema 9 on, and this is 7"):
        uses[use]()
    assert len(rows(path)) == 3


@pytest.mark.parametrize("statement", ["CREATE TABLE thing (name TEXT)", "CREATE TABLE invoice (id INTEGER)"])
def test_a_file_that_tells_no_steps_is_refused(path: Path, statement: str) -> None:
    """It is somebody else's, or of a format that was left behind; and it stays as it is."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="never released and is left behind; use another file") as caught:
        add(SqliteFile(path, NEW))
    assert caught.value.field == "box"
    assert path.read_bytes() == before


def test_going_by_a_number_does_a_step_twice(path: Path) -> None:
    """The naive control: a migration by ``user_version``, which an older process wrote back."""

    def naive() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] < 8:
                connection.execute("INSERT INTO thing (name) VALUES ('box')")
                connection.execute("PRAGMA user_version=8")

    add(SqliteFile(path, OLD))
    for _ in range(2):
        naive()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA user_version=7")
    assert rows(path, "SELECT count(*) FROM thing WHERE name = 'box'") == [(2,)]
