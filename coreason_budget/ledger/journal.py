"""The journal: one entry for every movement, written with it, and its one text form: compact JSON, by name.

======  ===============  ================================================================================
name    field            holds
======  ===============  ================================================================================
``t``   ``at_us``        when (µs since the epoch)
``k``   ``kind``         what was done
``i``   ``op_id``        the op id that did it
``s``   ``subject``      every scope of the call
``a``   ``amounts``      ``u`` nano-USD, ``t`` tokens, ``r`` requests
``b``   ``before``       of a correction: what was booked until then, as ``a``
``c``   ``corrects``     the op id of what it corrects; empty text where that is the entry's own
``p``   ``memo.price``   what priced it
``r``   ``memo.reference``  the caller's own name for it
``m``   ``movements``    of each account: ``s`` the place of its scope in the subject, ``u`` its unit, ``w``
                         its window, ``f`` and ``x`` that one's start and end (s), ``n`` used, ``h`` reserved
``l``   ``late``         the reservation had lapsed
``o``   ``reserved_as``  the reservation's op id; empty text where that is the entry's own
======  ===============  ================================================================================

What is 0, empty or none is left out. A kind that is not known here is an entry as any other: a later version wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from attrs import frozen

from coreason_budget.errors import LedgerCorruptError, LedgerUnavailableError
from coreason_budget.ledger.named import amounts_fields, encode, memo_fields, read_amounts, read_memo, text, whole
from coreason_budget.ledger.record import LAPSED, OPEN, SETTLED, Record
from coreason_budget.model import Account, Amounts, Memo, Scope

KINDS = ("begin", "charge", "reserve", "settle", "release", "lapse", "correction", "correct", "undo")
JOURNAL_LENGTH = 100_000
"""How many entries a namespace keeps unless it is told otherwise."""
PAGE = 500
"""How many entries, accounts or records are read at once."""

NOTHING = Amounts(0, 0, 0)


@frozen
class Movement:
    """What changes on one account."""

    account: Account
    used: int
    reserved: int


@frozen
class JournalEntry:
    """One movement of the books, as it was booked.

    Attributes:
        at_us: The ledger's time, in microseconds since the epoch.
        kind: ``charge``, ``reserve``, ``settle``, ``release``, ``lapse``, ``correction`` (a settle or
            release that came after the lapse), ``correct`` (of what was booked, from ``before`` to
            ``amounts``), or ``undo`` (a reservation withdrawn because it had no room). ``begin`` is the
            first of a namespace and moves nothing. A later version may know more.
        op_id: The op id that did it; of a lapse and an undo the reservation's.
        subject: Every scope of the call as text, also those that nothing moved on.
        amounts: What was held or booked; nothing for a release and an undo.
        memo: What was booked beside the amounts; nothing for a release.
        movements: What changed, account by account.
        late: The reservation had lapsed.
        reserved_as: The op id of the reservation, empty for a charge.
        before: Of a ``correct``, what was booked until then; else None.
        corrects: Of a ``correct``, the op id of the charge or reservation.
    """

    at_us: int
    kind: str
    op_id: str = ""
    subject: tuple[str, ...] = ()
    amounts: Amounts = NOTHING
    memo: Memo = Memo()
    movements: tuple[Movement, ...] = ()
    late: bool = False
    reserved_as: str = ""
    before: Amounts | None = None
    corrects: str = ""

    @property
    def price(self) -> str:
        """What priced it: ``provider/model service date`` of the table, or ``given``."""
        return self.memo.price

    @property
    def reference(self) -> str:
        """The caller's own name for it, empty if it has none."""
        return self.memo.reference

    def scope(self, kind: str) -> str | None:
        """The id of the call's scope of a kind, None where it had none."""
        found = [Scope.parse(text) for text in self.subject]
        return next((scope.id for scope in found if scope.kind == kind), None)

    @property
    def model(self) -> str | None:
        """The model of the call."""
        return self.scope("model")

    @property
    def spent_nanos(self) -> int:
        """What this changed in what is spent in all, in nano-USD: these add up to the total."""
        whole = [m for m in self.movements if (m.account.scope.kind, m.account.unit) == ("global", "usd")]
        return next((m.used - m.reserved for m in whole if m.account.window == "day"), 0)


def entry_of(record: Record, movements: tuple[Movement, ...], at_us: int, op_id: str) -> JournalEntry:
    """The entry of a change, told from the record as it is written."""
    return JournalEntry(
        at_us,
        _kind_of(record),
        op_id,
        subject_of(record),
        record.told,
        record.memo,
        movements,
        record.late,
        record.op_id if record.state else "",
    )


def undo_of(record: Record, movements: tuple[Movement, ...], at_us: int) -> JournalEntry:
    """The entry of a reservation that is withdrawn: it never had room."""
    op_id = record.op_id
    return JournalEntry(at_us, "undo", op_id, subject_of(record), NOTHING, Memo(), movements, reserved_as=op_id)


def subject_of(record: Record) -> tuple[str, ...]:
    """The scopes of a record's call, as texts."""
    return tuple(dict.fromkeys([str(e.account.scope) for e in record.entries]))


def _kind_of(record: Record) -> str:
    if not record.state:
        return "charge"
    if record.state == OPEN:
        return "reserve"
    if record.state == LAPSED:
        return "lapse"
    if record.late:
        return "correction"
    return "settle" if record.state == SETTLED else "release"


def encode_entry(entry: JournalEntry) -> str:
    """The entry as compact JSON."""
    places = {scope: place for place, scope in enumerate(entry.subject)}
    fields: dict[str, Any] = {"t": entry.at_us, "k": entry.kind}
    if entry.op_id:
        fields["i"] = entry.op_id
    if entry.subject:
        fields |= {"s": entry.subject, "a": amounts_fields(entry.amounts)}
    if entry.before is not None:
        fields |= {"b": amounts_fields(entry.before), "c": "" if entry.corrects == entry.op_id else entry.corrects}
    fields |= memo_fields(entry.memo)
    if entry.late:
        fields["l"] = True
    if entry.reserved_as:
        fields["o"] = "" if entry.reserved_as == entry.op_id else entry.reserved_as
    if not entry.movements:
        return encode(fields)
    moves = ",".join([_movement_text(m, places[str(m.account.scope)]) for m in entry.movements])
    return f'{encode(fields)[:-1]},"m":[{moves}]}}'


def _movement_text(movement: Movement, place: int) -> str:
    account = movement.account
    told = _account_text(place, account.unit, account.window, account.start_s, account.end_s)
    used = f',"n":{movement.used}' if movement.used else ""
    reserved = f',"h":{movement.reserved}' if movement.reserved else ""
    return f"{told}{used}{reserved}}}"


@lru_cache(4096)
def _account_text(place: int, unit: str, window: str, start_s: int, end_s: int | None) -> str:
    """The part of a movement that comes again and again, without its closing brace."""
    end = {} if end_s is None else {"x": end_s}
    return encode({"s": place, "u": unit, "w": window, "f": start_s, **end})[:-1]


def decode_entry(stored: str | bytes) -> JournalEntry:
    """Read an entry back.

    Raises:
        LedgerCorruptError: It is not one.
    """
    try:
        fields = json.loads(stored)
        subject = tuple(fields.get("s", ()))
        scopes = [Scope.parse(scope) for scope in subject]
        op_id = fields.get("i", "")
        return JournalEntry(
            whole(fields["t"]),
            text(fields["k"]),
            text(op_id),
            subject,
            read_amounts(fields.get("a", {})),
            read_memo(fields),
            tuple([_movement(scopes, move) for move in fields.get("m", ())]),
            bool(fields.get("l")),
            (fields["o"] or op_id) if "o" in fields else "",
            read_amounts(fields["b"]) if "b" in fields else None,
            text(fields["c"] or op_id) if "c" in fields else "",
        )
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise LedgerCorruptError(f"an entry of the journal cannot be read: {error}: {stored[:80]!r}") from error


def _movement(scopes: list[Scope], fields: dict[str, Any]) -> Movement:
    end_s = fields.get("x")
    account = Account(
        scopes[fields["s"]],
        text(fields["w"]),
        whole(fields["f"]),
        None if end_s is None else whole(end_s),
        text(fields["u"]),
    )
    return Movement(account, whole(fields.get("n", 0)), whole(fields.get("h", 0)))


@frozen
class Page:
    """A part of the journal, and where some accounts stood at that very moment.

    Attributes:
        now_us: The ledger's time.
        entries: The next ones, at most `PAGE`, in the order they were booked.
        cursor: Where the next page begins.
        is_end: There were no more. Only then do ``standings`` and the entries up to here belong together.
        is_whole: Nothing was cut off between the page asked for and these entries.
        standings: ``used`` and ``reserved`` of the accounts asked for; (0, 0) where there is none.
    """

    now_us: int
    entries: tuple[JournalEntry, ...]
    cursor: str
    is_end: bool
    is_whole: bool
    standings: dict[str, tuple[int, int]]


def read_pages(page: Callable[[str], Page], since_us: int) -> Iterator[JournalEntry]:
    """Every entry since a moment, a page at a time, until the end as it is by then.

    Raises:
        LedgerUnavailableError: Entries that were not read yet are gone.
    """
    cursor, is_end = "", False
    while not is_end:
        found = page(cursor)
        if not found.is_whole:
            raise LedgerUnavailableError(
                "the journal was cut faster than it was read; read it faster, or raise journal_length"
            )
        yield from [entry for entry in found.entries if entry.at_us >= since_us]
        cursor, is_end = found.cursor, found.is_end
