"""Named steps from one form of a file to the next, each done once, in the transaction that opens the file.

The file itself keeps their names, and nothing goes by a number that an older process could write back. Each says
how old a process may be to go on with the file afterwards.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from attrs import frozen

_CREATE = "CREATE TABLE migration (name TEXT PRIMARY KEY, readable_by INTEGER NOT NULL) STRICT, WITHOUT ROWID"
_ANY = "SELECT count(*) FROM sqlite_schema"
_HAS_TABLE = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migration'"
_DONE = "SELECT name FROM migration"
_NOTE = "INSERT INTO migration VALUES (?, ?)"
READABLE_BY = "SELECT max(readable_by) FROM migration"
"""The oldest schema whose readers may use the file as it is now."""


@frozen
class Migration:
    """One step.

    Attributes:
        name: Its own for ever.
        sql: Its statements.
        readable_by: The oldest schema that may go on with a file after it.
    """

    name: str
    sql: str
    readable_by: int


def is_known(connection: sqlite3.Connection) -> bool:
    """Whether a file is new, or tells which steps it has seen."""
    return not _count(connection, _ANY) or bool(_count(connection, _HAS_TABLE))


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> bool:
    """Do the steps that a file has not seen, in their order; tell if there were any. Call it inside a transaction."""
    if not _count(connection, _HAS_TABLE):
        connection.execute(_CREATE)
    done = {name for (name,) in connection.execute(_DONE)}
    missing = [migration for migration in migrations if migration.name not in done]
    for migration in missing:
        for statement in migration.sql.split(";"):
            connection.execute(statement)
        connection.execute(_NOTE, (migration.name, migration.readable_by))
    return bool(missing)


def _count(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])
