"""What is read of a namespace as a whole: its journal, accounts and reservations, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from coreason_budget.ledger.journal import PAGE, JournalEntry, Page, decode_entry
from coreason_budget.ledger.record import LAPSED, OPEN, Record, decode
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.codec import NOTE, Command, Keys, pack, standing, time_of, transaction
from coreason_budget.ledger.redis.epoch import RedisEpoch
from coreason_budget.ledger.redis.operation import Operation, Operations
from coreason_budget.ledger.redis.packets import Watcher


class History:
    """Reads in short packets: Redis is never held up for longer than a page takes."""

    def __init__(self, keys: Keys, epoch: RedisEpoch, reader: Watcher, operations: Operations) -> None:
        self._keys = keys
        self._epoch = epoch
        self._reader = reader
        self._operations = operations

    def page(self, after: str, keys: Sequence[str]) -> Page:
        """See `Books.page`: one transaction, so that all of it is one moment."""
        return self._operations.run(partial(self._page, after, keys))

    def _page(self, after: str, keys: Sequence[str], link: Link, operation: Operation) -> Page | None:
        start = f"({after}".encode() if after else b"-"
        commands: list[Command] = [
            (b"GET", self._keys.epoch),
            (b"GET", self._keys.sequence),
            (b"TIME",),
            (b"XRANGE", self._keys.journal, b"-", b"+", b"COUNT", 1),
            (b"XRANGE", self._keys.journal, start, b"+", b"COUNT", PAGE),
            *((b"HMGET", self._keys.account(key), b"used", b"reserved") for key in keys),
        ]
        baseline = self._epoch.baseline
        # A WATCH that an earlier operation left on the connection would stop it.
        link.ask(pack([(b"UNWATCH",)]), 1)
        done = link.transact(transaction(commands), len(commands))
        if done is None:
            return None
        epoch, sequence, time, oldest, found, *replies = done
        server_us = time_of(time)
        self._epoch.check(link, baseline, epoch, sequence, server_us)
        cursor = found[-1][0].decode() if found else after
        is_whole = not after or (bool(oldest) and _place(oldest[0][0]) <= _place(after.encode()))
        standings = {key: standing(key, reply) for key, reply in zip(keys, replies, strict=True)}
        entries = tuple([_entry(fields) for _, fields in found])
        return Page(self._reader.now_us(server_us), entries, cursor, len(found) < PAGE, is_whole, standings)

    def accounts(self) -> Iterator[str]:
        """See `Books.accounts`."""
        prefix = self._keys.account("")
        for names in self._scan(prefix):
            yield from [name[len(prefix) :].decode(errors="backslashreplace") for name in names]

    def reservations(self) -> Iterator[Record]:
        """See `Books.reservations`."""
        for found in self._walk(lambda cursor: (b"ZSCAN", self._keys.open, cursor, b"COUNT", PAGE)):
            names = [self._keys.record(op_id.decode()) for op_id in found[::2]]
            yield from [record for record in self._records(names) if record.state == OPEN]
        for names in self._scan(self._keys.record("")):
            yield from [record for record in self._records(names) if record.state == LAPSED]

    def _records(self, names: list[bytes]) -> list[Record]:
        if not names:
            return []
        prefix = len(self._keys.record(""))
        bodies = self._ask([(b"MGET", *names)])[0]
        pairs = [(name[prefix:].decode(), body) for name, body in zip(names, bodies, strict=True) if body is not None]
        return [record for record in (decode(*pair) for pair in pairs) if record.verb == "reserve"]

    def _scan(self, prefix: bytes) -> Iterator[list[bytes]]:
        pattern = b"".join(b"\\%c" % c if c in b"\\*?[]" else b"%c" % c for c in prefix) + b"*"
        return self._walk(lambda cursor: (b"SCAN", cursor, b"MATCH", pattern, b"COUNT", PAGE))

    def _walk(self, command: Callable[[bytes], Command]) -> Iterator[list[bytes]]:
        cursor = b"0"
        while True:
            cursor, found = self._ask([command(cursor)])[0]
            yield found
            if cursor == b"0":
                return

    def _ask(self, commands: list[Command]) -> list[Any]:
        return self._operations.run(lambda link, operation: link.ask(pack(commands), len(commands)))


def _entry(fields: list[bytes]) -> JournalEntry:
    return decode_entry(dict(zip(fields[::2], fields[1::2], strict=True)).get(NOTE, b""))


def _place(id: bytes) -> tuple[int, int]:
    first, _, second = id.partition(b"-")
    return int(first), int(second)
