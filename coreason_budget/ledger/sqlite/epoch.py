"""The life of a namespace in an SQLite file: a row that every transaction compares and every writing one advances."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from coreason_budget.errors import LedgerUnavailableError
from coreason_budget.ledger.life import Known, Life, halted

_ROW = "SELECT life, sequence FROM namespace WHERE name = ?"
_WRITE = """
INSERT INTO namespace VALUES (?, ?, ?, 0) ON CONFLICT DO UPDATE SET life = excluded.life
"""
_ADVANCE = "UPDATE namespace SET sequence = sequence + 1 WHERE name = ? RETURNING sequence"

_log = logging.getLogger("coreason_budget")

Execute = Callable[..., Any]
Floor = tuple[Known, int] | None
"""What was known before a transaction began, and the highest sequence of it; None before the first."""


class SqliteLife:
    """What one process knows of its namespace's life. Every method works inside a transaction."""

    def __init__(self, namespace: str, schema: int, timezone: str) -> None:
        self._namespace = namespace
        self._schema = schema
        self._timezone = timezone
        self._known: Known | None = None

    @property
    def floor(self) -> Floor:
        """What is known now. Take it before a transaction begins: it may see nothing lower."""
        return None if self._known is None else (self._known, self._known.sequence)

    def begin(self, execute: Execute) -> None:
        """Write the row of a namespace that has none."""
        self._write(execute, self._first())

    def loss(self, execute: Execute, floor: Floor) -> str:
        """Compare what a transaction sees; tell what is lost, empty if nothing is.

        Raises:
            LedgerUnavailableError: The namespace is halted.
        """
        text, life, sequence = self._row(execute)
        if floor is not None and text == floor[0].text and sequence >= floor[1]:
            floor[0].note(sequence, _now_us())
            return ""
        if life is not None and life.halted is not None:
            raise halted(life.halted.reason)
        lost = "" if floor is None else floor[0].loss(floor[1], life, sequence)
        if not lost and life is not None and (floor is None or life.id != floor[0].life.id):
            self._known = Known(life, text, sequence, _now_us())
            if floor is not None:
                _log.warning("an operator accepted the ledger as it is: epoch %s follows %s", life.id, floor[0].life.id)
        return lost

    def advance(self, execute: Execute) -> Callable[[], None]:
        """Count a transaction that wrote something; call what comes back once it is committed."""
        known = self._known
        ((sequence,),) = execute(_ADVANCE, (self._namespace,)).fetchall()
        return lambda: None if known is None else known.note(sequence)

    def halt(self, execute: Execute, floor: Floor) -> str:
        """Halt the namespace for everybody, if it still is as it was seen; tell why it is halted."""
        _, life, sequence = self._row(execute)
        if life is not None and life.halted is not None:
            return life.halted.reason
        reason = "" if floor is None else floor[0].loss(floor[1], life, sequence)
        if floor is None or not reason:
            raise LedgerUnavailableError("the ledger file was replaced just now; try again")
        self._write(execute, (life or self._first()).halt(reason, _now_us(), floor[0].seen_us))
        _log.error("the ledger is halted for everybody: %s", reason)
        return reason

    def stand(self, execute: Execute, floor: Floor) -> tuple[str, Life | None, int]:
        """Why nothing is admitted (empty if nothing is wrong), the life, and its sequence."""
        _, life, sequence = self._row(execute)
        if life is not None and life.halted is not None:
            return life.halted.reason, life, sequence
        return "" if floor is None else floor[0].loss(floor[1], life, sequence), life, sequence

    def accept(self, execute: Execute, floor: Floor) -> bool:
        """Begin a new life in the place of a halted one; False if it is not halted."""
        trouble, life, _ = self.stand(execute, floor)
        if trouble:
            known_us = 0 if floor is None else floor[0].seen_us
            self._write(execute, (life or self._first()).accept(_now_us(), known_us))
        return bool(trouble)

    def _row(self, execute: Execute) -> tuple[str | None, Life | None, int]:
        row = execute(_ROW, (self._namespace,)).fetchone()
        if row is None:
            return None, None, 0
        return row[0], Life.decode(row[0], f"the row of namespace {self._namespace!r}"), row[1]

    def _first(self) -> Life:
        return Life.begin(self._schema, self._timezone, _now_us())

    def _write(self, execute: Execute, life: Life) -> None:
        execute(_WRITE, (self._namespace, self._timezone, life.encode()))


def _now_us() -> int:
    return time.time_ns() // 1000
