"""The version after this one, as far as what is stored goes: one field, one journal kind and one verb more.

`become` turns this process into it. Nothing of it may be needed by this version to work beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attrs import evolve

from coreason_budget import guard
from coreason_budget.ledger import named, rules
from coreason_budget.ledger.base import Charge, End
from coreason_budget.ledger.epoch import Epoch
from coreason_budget.ledger.journal import JournalEntry, encode_entry, subject_of
from coreason_budget.ledger.record import KEEP_CALLERS_US, Record
from coreason_budget.ledger.redis import codec
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.ledger.redis.packets import Writes
from coreason_budget.ledger.sqlite import tables
from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.outbox.spend import Kept

MORE = json.dumps({"ref": "order 7"})
EXTENSION_US = 3600 * 1_000_000


def become() -> None:
    """Be the next version, in this process, until it ends."""
    named.SCHEMA += 1
    rules.Record = _record  # type: ignore[assignment, misc]
    for place in (tables, codec):
        place.encode_entry = lambda entry: encode_entry(entry)[:-1] + ',"ref":"order 7"}'  # type: ignore[attr-defined]
    began, kept = Epoch.begin.__func__, Kept.of.__func__  # type: ignore[attr-defined]
    Epoch.begin = classmethod(lambda cls, *args: evolve(began(cls, *args), more=MORE))  # type: ignore[assignment, method-assign]
    Kept.of = classmethod(_kept_with_more(kept))  # type: ignore[assignment, method-assign]


def _record(*args: Any, **kwargs: Any) -> Record:
    entries = {e.account.key: {"said": "limits.yaml:3"} for e in args[4]}
    return Record(*args, **kwargs, more=json.dumps({"ref": "order 7", "e": entries}))


def _kept_with_more(kept: Callable[..., Kept]) -> Callable[..., Kept]:
    def of(cls: type, request: Charge | End, now_us: int) -> Kept:
        return evolve(kept(cls, request, now_us), more=MORE)

    return of


def extend(ledger: Any, op_id: str, key: str) -> None:
    """The verb that this version does not know: let an open reservation lapse an hour later, once for a key."""
    if isinstance(ledger, SqliteLedger):
        with ledger._write(key) as transaction:
            record = transaction.record(op_id)
            if record is not None and transaction.record(key) is None:
                for write in _extended(record, key):
                    transaction.save(write)
                transaction.note(_entry(record, key, transaction.now_us))
        return
    assert isinstance(ledger, RedisLedger)

    def attempt(link: Any, operation: Any) -> bool | None:
        found = ledger._reader.read(link, (op_id, key), ())
        record, own = found.records
        if record is None or own is not None:
            return True
        writes = Writes(ledger._keys, found.now_us, {})
        for write in _extended(record, key):
            writes.save(write)
        writes.note(_entry(record, key, found.now_us))
        return None if operation.transact(link, writes) is None else True

    ledger._operations.run(attempt, key)


def _extended(record: Record, key: str) -> tuple[Record, Record]:
    digest = guard.digest_of("extend", {"reservation_id": record.reservation_id})
    later = evolve(record, lapses_us=record.lapses_us + EXTENSION_US)
    return later, Record(key, "extend", digest, record.amounts, record.entries, KEEP_CALLERS_US, more=MORE)


def _entry(record: Record, key: str, now_us: int) -> JournalEntry:
    return JournalEntry(now_us, "extend", key, subject_of(record), record.amounts, reserved_as=record.op_id)


def become_positional() -> None:
    """The naive control: the next version, whose digest goes by position and counts the new field."""
    become()
    digest_of = guard.digest_of
    guard.digest_of = lambda verb, content: digest_of(verb, {"": [*content.values(), None]})


def become_strict() -> None:
    """The naive control: a version that compares schemas, and works beside no other."""
    check = Epoch.check_settings

    def strict(self: Epoch, timezone: str) -> None:
        check(evolve(self, readable_by=self.schema), timezone)

    Epoch.check_settings = strict  # type: ignore[method-assign]
