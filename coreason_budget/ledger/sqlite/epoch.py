"""The epoch of a namespace in an SQLite file: a row that every transaction compares and every writing one advances."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from coreason_budget.ledger.epoch import Epoch
from coreason_budget.ledger.judge import Baseline, EpochSnapshot, Judge

_ROW = "SELECT epoch, sequence FROM namespace WHERE name = ?"
_WRITE = """
INSERT INTO namespace (name, epoch, sequence) VALUES (?, ?, 0) ON CONFLICT DO UPDATE SET epoch = excluded.epoch
"""
_ADVANCE = "UPDATE namespace SET sequence = sequence + 1 WHERE name = ? RETURNING sequence"

Execute = Callable[..., Any]


class SqliteEpoch(Judge):
    """What one process knows of its namespace's epoch. Every method works inside a transaction."""

    def __init__(self, namespace: str, timezone: str) -> None:
        super().__init__(timezone)
        self._namespace = namespace

    def join(self, execute: Execute) -> bool:
        """Make the row of a namespace that has none, or say in it that this version works there; tell if it is new.

        Raises:
            ConfigError: The namespace is kept by another schema or in another time zone.
        """
        found = self.find(execute)
        epoch = self.joining(found)
        if epoch != found.epoch:
            self._write(execute, epoch)
        return found.epoch is None

    def is_lost(self, execute: Execute, baseline: Baseline | None) -> bool:
        """Compare what a transaction sees; tell whether something is lost.

        Raises:
            LedgerUnavailableError: The namespace is halted.
            ConfigError: An accepted epoch that does not fit the settings.
        """
        text, sequence = self._row(execute)
        if self.is_as_known(text, sequence, _now_us(), baseline):
            return False
        found = self._snapshot(text, sequence)
        if self.has_lost(found, baseline):
            return True
        if found.epoch is not None:
            self.enter(found, baseline)
        return False

    def advance(self, execute: Execute) -> Callable[[], None]:
        """Count a transaction that wrote something; call what comes back once it is committed."""
        known = self._known
        ((sequence,),) = execute(_ADVANCE, (self._namespace,)).fetchall()
        return lambda: None if known is None else known.note(sequence)

    def halt_for_all(self, execute: Execute, baseline: Baseline | None) -> str:
        """See `Judge.halt`."""
        return self.halt(self.find(execute), baseline, lambda epoch: self._write(execute, epoch))

    def find(self, execute: Execute) -> EpochSnapshot:
        """The epoch as it stands."""
        return self._snapshot(*self._row(execute))

    def accept(self, execute: Execute, baseline: Baseline | None) -> bool:
        """Begin a new epoch in the place of a halted one; False if it is not halted."""
        found = self.find(execute)
        return bool(self.trouble(found, baseline)) and self._write(execute, self.accepted(found))

    def _row(self, execute: Execute) -> tuple[str | None, int]:
        return execute(_ROW, (self._namespace,)).fetchone() or (None, 0)

    def _snapshot(self, text: str | None, sequence: int) -> EpochSnapshot:
        epoch = None if text is None else Epoch.decode(text, f"the row of namespace {self._namespace!r}")
        return EpochSnapshot(text, epoch, sequence, _now_us())

    def _write(self, execute: Execute, epoch: Epoch) -> bool:
        execute(_WRITE, (self._namespace, epoch.encode()))
        return True


def _now_us() -> int:
    return time.time_ns() // 1000
