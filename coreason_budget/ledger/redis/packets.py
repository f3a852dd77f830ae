"""The two packets of an operation: `Watcher.read` watches and reads, `Writes` is one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import frozen

from coreason_budget.errors import LedgerCorruptError
from coreason_budget.ledger.base import Clock
from coreason_budget.ledger.journal import JournalEntry, Movement
from coreason_budget.ledger.record import OPEN, Record, decode, encode
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.codec import LAST_MS, Command, Keys, count, pack, standing, time_of, transaction
from coreason_budget.ledger.redis.epoch import RedisEpoch
from coreason_budget.ledger.rules import held
from coreason_budget.model import Account, Standings


@frozen
class Snapshot:
    """What the first packet saw, at the ledger's time ``now_us``.

    ``copies`` are the ``used`` of a reservation's verdict copies, None where one is gone.
    """

    now_us: int
    records: tuple[Record | None, ...]
    standings: dict[str, tuple[int, int]]
    copies: list[int | None]
    has_lapsed: bool


class Watcher:
    """Reads one namespace by the ledger's clock."""

    def __init__(self, keys: Keys, epoch: RedisEpoch, clock: Clock) -> None:
        self.epoch = epoch
        self._keys = keys
        self._clock = clock
        self._offset_us = 0
        # Finds a journal of another type, or at the end of its ids, before anything is written.
        self._before_writing = pack([(b"UNWATCH",), (b"XRANGE", keys.journal, LAST_MS, b"+")])
        # Asks whether the server would take a write, without writing: the key is never there.
        self._before_reading = pack([(b"SET", keys.writable, 1, b"XX")])

    def guess_now_us(self) -> int:
        """What the ledger's clock should say now, by what it said last."""
        return self._clock(time.time_ns() // 1000 + self._offset_us)

    def read(
        self, link: Link, op_ids: Sequence[str], accounts: Sequence[Account], copies: Sequence[bytes] = ()
    ) -> Snapshot:
        """Watch the records of ``op_ids`` (if any) and read all of it, in one round trip."""
        keys, baseline = self._keys, self.epoch.baseline
        records = [keys.record(op_id) for op_id in op_ids]
        commands: list[Command] = [(b"GET", key) for key in (*records, keys.epoch, keys.sequence)]
        commands += [(b"HMGET", keys.account(a.key), b"used", b"reserved") for a in accounts]
        commands += [(b"HGET", key, b"used") for key in copies]
        commands += [(b"ZRANGE", keys.open, 0, 0, b"WITHSCORES"), (b"TIME",)]
        if op_ids:
            watch: Command = (b"WATCH", *records, keys.epoch)
            _, late, _, *answers = link.ask(self._before_writing + pack([watch, *commands]), len(commands) + 3)
            if late:
                keys.check_journal(late[-1][0])
        else:
            _, *answers = link.ask(self._before_reading + pack(commands), len(commands) + 1)
        server_us = time_of(answers[-1])
        replies = iter(answers)
        bodies = [next(replies) for _ in op_ids]
        self.epoch.check(link, baseline, next(replies), next(replies), server_us)
        records_found = tuple([b if b is None else decode(o, b) for o, b in zip(op_ids, bodies, strict=True)])
        standings = {a.key: standing(a.key, next(replies)) for a in accounts}
        copies_found = [_copy(key, next(replies)) for key in copies]
        oldest, _ = replies
        now_us = self.now_us(server_us)
        has_lapsed = bool(oldest) and float(oldest[1]) <= now_us
        return Snapshot(now_us, records_found, standings, copies_found, has_lapsed)

    def more(
        self, link: Link, accounts: Sequence[Account], copies: Sequence[bytes] = ()
    ) -> tuple[dict[str, tuple[int, int]], list[int | None]]:
        """Read accounts and copies that only a record told of, under the same WATCH."""
        commands: list[Command] = [(b"HMGET", self._keys.account(a.key), b"used", b"reserved") for a in accounts]
        commands += [(b"HGET", key, b"used") for key in copies]
        replies = iter(link.ask(pack(commands), len(commands)) if commands else ())
        standings = {a.key: standing(a.key, next(replies)) for a in accounts}
        return standings, [_copy(key, next(replies)) for key in copies]

    def due(self, link: Link, now_us: int, most: int) -> list[str]:
        """The op ids of reservations whose time has passed, the oldest first."""
        command: Command = (b"ZRANGEBYSCORE", self._keys.open, b"-inf", now_us, b"LIMIT", 0, most)
        try:
            return [op_id.decode() for op_id in link.ask(pack([command]), 1)[0]]
        except UnicodeDecodeError as error:
            raise LedgerCorruptError(f"{self._keys.open.decode()} holds what is no op id: {error}") from error

    def now_us(self, server_us: int) -> int:
        """The ledger's time, by the server's."""
        self._offset_us = server_us - time.time_ns() // 1000
        return self._clock(server_us)


def _copy(key: bytes, reply: Any) -> int | None:
    return None if reply is None else count(reply, key.decode())


class Writes:
    """One transaction: records and movements, and the copies that are a reservation's verdict.

    ``standings`` are those that the transaction's WATCHing packet read: an account that was not
    there gets its expiry.
    """

    def __init__(self, keys: Keys, now_us: int, standings: Standings) -> None:
        self._keys = keys
        self._now_us = now_us
        self._standings = standings
        self._commands: list[Command] = []
        self._counted: list[tuple[str, int, int]] = []

    def __len__(self) -> int:
        return len(self._commands) + 1

    @property
    def packet(self) -> bytes:
        """The transaction on the wire. Its last command advances the sequence."""
        return transaction([*self._commands, (b"INCR", self._keys.sequence)])

    def save(self, record: Record) -> None:
        """Write a record. An open one stays until it is ended."""
        name = self._keys.record(record.op_id)
        kept_us = record.kept_us
        if kept_us is None:
            self._commands.append((b"SET", name, encode(record).encode()))
            self._commands.append((b"ZADD", self._keys.open, record.lapses_us, record.op_id.encode()))
        else:
            self._commands.append((b"SET", name, encode(record).encode(), b"PX", kept_us // 1000))

    def move(self, movements: Iterable[Movement]) -> None:
        """Count movements."""
        for movement in movements:
            account = movement.account
            name = self._keys.account(account.key)
            self._counted.append((account.key, len(self._commands), movement.reserved))
            self._commands.append((b"HINCRBY", name, b"used", movement.used))
            if movement.reserved:
                self._commands.append((b"HINCRBY", name, b"reserved", movement.reserved))
            if account.expires_us is not None and self._standings.get(account.key, (0, 0)) == (0, 0):
                self._commands.append((b"PEXPIRE", name, (account.expires_us - self._now_us) // 1000))

    def note(self, entry: JournalEntry) -> None:
        """Write a journal entry."""
        self._commands += self._keys.note(entry)

    def copy(self, record: Record) -> None:
        """Copy every account of the hold as it stands now, after it."""
        asked = held(record.entries)
        for entry, name in zip(asked, self._keys.copies(record.op_id, len(asked)), strict=True):
            self._commands.append((b"COPY", self._keys.account(entry.account.key), name, b"REPLACE"))

    def unlist(self, op_id: str) -> None:
        """Take a reservation off the open ones."""
        self._commands.append((b"ZREM", self._keys.open, op_id.encode()))

    def close(self, record: Record) -> None:
        """Take a reservation off the open ones, its copies with it."""
        self.unlist(record.op_id)
        copies = self._keys.copies(record.op_id, len(held(record.entries)))
        if copies:
            self._commands.append((b"DEL", *copies))

    def forget(self, op_id: str) -> None:
        """Remove a record."""
        self._commands.append((b"DEL", self._keys.record(op_id)))

    def touch(self, op_id: str) -> None:
        """Change a record that is not there, so that a late transaction finds its WATCH broken."""
        self._commands.append((b"SET", self._keys.record(op_id), b""))
        self.forget(op_id)

    def after(self, done: Sequence[Any]) -> dict[str, tuple[int, int]]:
        """Where the accounts stand now, by the transaction's own reply."""
        standings = dict(self._standings)
        for key, index, moved in self._counted:
            reserved = int(done[index + 1]) if moved else standings.get(key, (0, 0))[1]
            standings[key] = int(done[index]), reserved
        return standings


def open_copies(keys: Keys, record: Record) -> list[bytes]:
    """The copies that tell whether an open reservation was admitted."""
    if record.state != OPEN:
        return []
    return keys.copies(record.op_id, len(held(record.entries)))
