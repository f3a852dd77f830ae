"""What a version did before it was upgraded, and what the next one must make of what that left."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from fakeredis import FakeRedis, FakeServer

from coreason_budget.books.audit import audit
from coreason_budget.errors import IdempotencyConflictError, LedgerUnavailableError, ReservationError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.base import Backend, Charge, End
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.model import Amounts, Subject
from coreason_budget.outbox import OutboxLedger, Store, open_outbox
from coreason_budget.testing import ManualClock
from coreason_budget.testing.kit import ALICE, BOB, USD, book, guard_on, limit, standing

LIMITS = (limit("user", 10 * USD), limit("global", 100 * USD, window="total"), limit("user", 10**6, unit="tokens"))
TEAM = Subject.of("carol/🙂", "launch|x", "openai/gpt-4o", {"team": "search"})
FILES = ("redis.json", "ledger.sql", "outbox.sql", "underway.json", "digests.json", "calls.json")
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Spend", {"user_id": "alice", "cost": "0.01"}),
    ("Spend", {"user_id": "al/🙂", "project_id": "p", "model": "m", "tags": {"team": "a"}, "input_tokens": 1}),
    ("Reserve", {"user_id": "alice", "model": "m", "input_tokens": 3, "max_output_tokens": 4, "ttl_s": 1.5}),
    ("Reserve", {"user_id": "alice", "cost": 2, "tags": {"b": "c", "a": "d"}}),
    ("Settle", {"reservation_id": "s.k", "cost": "0.000000001", "idempotency_key": "not content"}),
    ("Settle", {"reservation_id": "s.k", "model": "m", "input_tokens": 5, "output_tokens": 0}),
    ("Release", {"reservation_id": "s.k"}),
)
CONTENTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("charge", {"user_id": "alice", "cost_nanos": 5}),
    ("charge", {"user_id": "al/🙂", "project_id": "p", "model": "m", "tags": {"team": "a", "b": "c"}, "cost_nanos": 0}),
    ("reserve", {"user_id": "alice", "input_tokens": 3, "max_output_tokens": 4, "model": "m", "ttl_s": 1.5}),
    ("settle", {"reservation_id": "s.k", "usage": {"input": 1, "per_second": "0.5"}}),
    ("release", {"reservation_id": "s.k"}),
)  # fmt: skip


@contextmanager
def no_chance() -> Iterator[None]:
    """Ids and secrets that are the same each time."""
    count = iter(range(10**6))
    with patch.object(secrets, "token_hex", lambda size=16: f"{next(count):0{2 * size}x}"):
        yield


def guard_of(ledger: Backend) -> BudgetGuard:
    """A guard with the scene's limits."""
    return guard_on(ledger, *LIMITS, ttl_s=3600)


def act(ledger: Backend, clock: ManualClock) -> None:
    """One call of every kind, ended in every way, and two that are open."""
    guard = guard_of(ledger)
    guard.charge(ALICE, Amounts(USD, 7), idempotency_key="charged")
    guard.charge(TEAM, Amounts(3, 4), idempotency_key="tagged")
    for key in ("open", "settled", "settled by key", "released", "lapsed"):
        ttl_s = 60 if key == "lapsed" else None
        hold = guard.reserve(BOB, Amounts(USD, 100), idempotency_key=key, ttl_s=ttl_s)
        if key == "settled":
            guard.settle(hold.reservation_id, USD // 2, 50)
        elif key == "settled by key":
            guard.settle(hold.reservation_id, USD // 4, 25, idempotency_key="end")
        elif key == "released":
            guard.release(hold.reservation_id)
    guard.reserve(TEAM, Amounts(9, 9), idempotency_key="open too")
    clock.advance(seconds=61)
    guard.usage(BOB)


def check(ledger: Backend) -> None:
    """Everything is there, replays are replays, what is open can be ended, and the books balance."""
    guard = guard_of(ledger)
    assert guard.charge(ALICE, Amounts(USD, 7), idempotency_key="charged").replayed
    assert guard.charge(TEAM, Amounts(3, 4), idempotency_key="tagged").replayed
    with pytest.raises(IdempotencyConflictError):
        guard.charge(ALICE, Amounts(USD, 8), idempotency_key="charged")
    assert standing(guard, ALICE, "user") == (USD, 0)
    # Open 1, settled 0.5 and 0.25, lapsed at its amount.
    assert standing(guard, BOB, "user") == (USD + USD // 2 + USD // 4 + USD, USD)
    assert standing(guard, BOB, "user", unit="tokens") == (275, 100)
    assert standing(guard, BOB, "global", "total") == (USD + 3 + 3 * USD + 3 * USD // 4 - USD + 9, USD + 9)
    opened = guard.reserve(BOB, Amounts(USD, 100), idempotency_key="open")
    assert opened.replayed
    for key, reason in (("settled", "settled"), ("released", "released"), ("lapsed", "lapsed")):
        with pytest.raises(ReservationError) as caught:
            guard.reserve(BOB, Amounts(USD, 100), idempotency_key=key, ttl_s=60 if key == "lapsed" else None)
        assert caught.value.reason == reason
        assert guard.settle(caught.value.reservation_id, USD // 2, 50).late if key == "lapsed" else True
    (by_key,) = [e for e in ledger.journal() if e.op_id == "end"]
    assert (by_key.kind, by_key.reserved_as, by_key.amounts) == ("settle", "settled by key", Amounts(USD // 4, 25, 1))
    assert guard.settle(opened.reservation_id, 7, 8, idempotency_key="new").status == "settled"
    kinds = [e.kind for e in ledger.journal()]
    assert kinds == ["begin", "charge", "charge", "reserve", *["reserve", "settle"] * 2, "reserve", "release",
                     "reserve", "reserve", "lapse", "correction", "settle"]  # fmt: skip
    assert [r.op_id for r in ledger.reservations()] == ["open too"]
    report = audit(ledger)
    assert report.is_complete
    assert report.differences == ()


class Away(MemoryLedger):
    """A ledger out of reach, until it is ``back``."""

    back = False

    def charge(self, request: Charge) -> Any:
        return super().charge(request) if self.back else self._refuse()

    def end(self, request: End) -> Any:
        return super().end(request) if self.back else self._refuse()

    def ping(self) -> None:
        return None if self.back else self._refuse()

    def _refuse(self) -> None:
        raise LedgerUnavailableError("away")


def outbox_on(path: Path, ledger: Backend, clock: ManualClock) -> OutboxLedger:
    """An outbox at ``path``, before a ledger."""
    return open_outbox(
        Store(path, "golden", 30),
        ledger,
        book(LIMITS),
        pricer=lambda content: lambda model: len(str(model)) + len(json.dumps(content)),
        delivered=lambda op_id, outcome: None,
        clock=clock,
    )


def queue(path: Path, clock: ManualClock) -> None:
    """Put a charge and two settles into an outbox: one priced, one that only its reservation's record can price."""
    ledger = Away(clock=clock)
    guard = guard_of(outbox_on(path, ledger, clock))
    priced = guard.reserve(BOB, Amounts(USD), idempotency_key="priced")
    unpriced = guard.reserve(TEAM, Amounts(USD), idempotency_key="unpriced")
    told = {"usage": {"input": 5}}

    def unknown(model: str | None) -> int:
        raise LookupError

    for call in (
        lambda: guard.charge(TEAM, Amounts(USD, 5), idempotency_key="waits"),
        lambda: guard.settle(priced.reservation_id, 7, 8, entries=priced.entries),
        lambda: guard.settle(unpriced.reservation_id, unknown, idempotency_key="end", content=told),
    ):
        with pytest.raises(LedgerUnavailableError) as caught:
            call()
        assert caught.value.queued


def check_queue(path: Path, clock: ManualClock) -> None:
    """All of it counts while it waits, is booked once, and a retry across the upgrade is that same call."""
    with no_chance():
        ledger = Away(clock=clock)
        for subject, key in ((BOB, "priced"), (TEAM, "unpriced")):
            guard_of(ledger).reserve(subject, Amounts(USD), idempotency_key=key)
    kept = outbox_on(path, ledger, clock)
    assert [e.op_id for e in kept.outbox.entries()] == ["waits", "priced", "end"]
    ledger.back = True
    assert kept.outbox.flush().delivered == 3
    guard = guard_of(ledger)
    assert guard.charge(TEAM, Amounts(USD, 5), idempotency_key="waits").replayed
    assert standing(guard, BOB, "user") == (7, 0)
    assert standing(guard, BOB, "user", unit="tokens") == (8, 0)
    priced = len("openai/gpt-4o") + len('{"usage": {"input": 5}}')
    assert standing(guard, TEAM, "user") == (USD + priced, 0)
    assert [e.kind for e in ledger.journal()][-3:] == ["charge", "settle", "settle"]


def dump_sql(path: Path) -> str:
    """A file as the statements that make it."""
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        return "\n".join([*connection.iterdump(), f"PRAGMA user_version={version};", ""])


def load_sql(path: Path, script: str) -> None:
    """Make the file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def dump_redis(server: FakeServer) -> str:
    """Every key of a server: its type, its values, and whether it is kept for good."""
    client = FakeRedis(server=server)
    found = {}
    for key in sorted(client.keys()):
        kind = client.type(key).decode()
        read = {
            "string": lambda key: _text(client.get(key)),
            "hash": lambda key: {_text(f): _text(v) for f, v in sorted(client.hgetall(key).items())},
            "zset": lambda key: {_text(m): score for m, score in client.zrange(key, 0, -1, withscores=True)},
            "stream": lambda key: [
                [_text(i), {_text(f): _text(v) for f, v in e.items()}] for i, e in client.xrange(key)
            ],
        }[kind]
        found[_text(key)] = {"type": kind, "is_kept": client.ttl(key) < 0, "value": read(key)}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def load_redis(server: FakeServer, text: str) -> None:
    """Put the keys back."""
    client = FakeRedis(server=server)
    for key, told in json.loads(text).items():
        value = told["value"]
        if told["type"] == "string":
            client.set(key, value)
        elif told["type"] == "hash":
            client.hset(key, mapping=value)
        elif told["type"] == "zset":
            client.zadd(key, value)
        else:
            for id, fields in value:
                client.xadd(key, fields, id=id)
        if not told["is_kept"]:
            client.expire(key, 3600)


def _text(value: bytes) -> str:
    return value.decode()
