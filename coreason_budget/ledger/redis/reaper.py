"""Ends reservations that nobody ended in time. Every caller that meets one is the reaper."""

from __future__ import annotations

from coreason_budget.ledger import rules
from coreason_budget.ledger.journal import undo_of
from coreason_budget.ledger.record import OPEN, Record
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.codec import Keys
from coreason_budget.ledger.redis.packets import Watcher, Writes, open_copies

_BATCH = 100


def reap(link: Link, keys: Keys, reader: Watcher, now_us: int) -> bool:
    """End a batch of what has lapsed, all or nothing; tell if there was any.

    A reservation whose copies say that it never had room is undone, and never charged.
    """
    op_ids = reader.due(link, now_us, _BATCH)
    if not op_ids:
        return False
    snapshot = reader.read(link, op_ids, ())
    due = [r for r in snapshot.records if r is not None and r.is_due(snapshot.now_us)]
    accounts = {e.account.key: e.account for r in due for e in r.entries}
    names = [name for r in due for name in open_copies(keys, r)]
    standings, copies = reader.more(link, list(accounts.values()), names)
    writes = Writes(keys, snapshot.now_us, standings)
    found = iter(copies)
    for op_id, record in zip(op_ids, snapshot.records, strict=True):
        if record is None or record.state != OPEN:
            writes.unlist(op_id)
        elif record.is_due(snapshot.now_us):
            end(writes, record, [next(found) for _ in open_copies(keys, record)], snapshot.now_us)
    reader.epoch.transact(link, writes.packet, len(writes))
    return True


def end(writes: Writes, record: Record, copies: list[int | None], now_us: int) -> None:
    """Write the end of a lapsed reservation: charged or released, or undone if it never had room."""
    if rules.overrun(record, copies, now_us) is not None:
        undo(writes, record, now_us)
        return
    change = rules.lapse(record, now_us)
    writes.move(change.movements)
    writes.close(record)
    writes.save(change.record)
    writes.note(change.entry(now_us))


def undo(writes: Writes, record: Record, now_us: int) -> None:
    """Write that a reservation never was."""
    movements = rules.undo(record, now_us)
    writes.move(movements)
    writes.note(undo_of(record, movements, now_us))
    writes.close(record)
    writes.forget(record.op_id)
