"""Two ledgers as one would write them at first: look, then write. They over-admit, and must."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import redis
from attrs import frozen

from coreason_budget.ledger.base import Outcome, Refused, Reserve
from coreason_budget.ledger.record import OPEN, Record
from coreason_budget.model import Account


class _LookThenWrite:
    """Reserve without atomicity: every step of it is right, the whole is not."""

    name = "naive"

    def used(self, account: Account) -> int:
        raise NotImplementedError

    def add(self, account: Account, amount: int) -> None:
        raise NotImplementedError

    def reserve(self, request: Reserve) -> Outcome | Refused:
        entries = [e for e in request.plan(0) if e.limit is not None]
        for entry in entries:
            used = self.used(entry.account)
            if used + entry.amount > (entry.limit_units or 0):
                return Refused(entry, used, 0, 0)
        for entry in entries:
            self.add(entry.account, entry.amount)
        record = Record(request.op_id, "reserve", "", request.amounts, tuple(entries), 0, request.reservation_id, OPEN)
        return Outcome(record, {})


@frozen
class NaiveSqlite(_LookThenWrite):
    """SELECT, then UPDATE, each in a transaction of its own."""

    path: Path

    def used(self, account: Account) -> int:
        row = self._run("SELECT used FROM account WHERE key = ?", account.key)
        return int(row[0]) if row else 0

    def add(self, account: Account, amount: int) -> None:
        self._run("INSERT OR IGNORE INTO account VALUES (?, 0)", account.key)
        self._run("UPDATE account SET used = used + ? WHERE key = ?", amount, account.key)

    def _run(self, statement: str, *values: object) -> tuple[int] | None:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            connection.execute("CREATE TABLE IF NOT EXISTS account (key TEXT PRIMARY KEY, used INTEGER)")
            row: tuple[int] | None = connection.execute(statement, values).fetchone()
            return row
        finally:
            connection.close()


class NaiveRedis(_LookThenWrite):
    """GET, then INCRBY: each atomic, both together not."""

    def __init__(self, url: str, namespace: str) -> None:
        parts = urlsplit(url)
        self._client = redis.Redis(host=str(parts.hostname), port=int(parts.port or 6379))
        self._namespace = namespace

    def used(self, account: Account) -> int:
        value = self._client.get(self._namespace + account.key)
        return int(value or 0)  # type: ignore[arg-type]

    def add(self, account: Account, amount: int) -> None:
        self._client.incrby(self._namespace + account.key, amount)
