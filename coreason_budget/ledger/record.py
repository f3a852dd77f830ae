"""What a ledger remembers of one op id, and its one text form: compact JSON, its fields by name.

======  ==================  =============================================================================
name    field               holds
======  ==================  =============================================================================
``v``   ``verb``            ``reserve``, ``charge``, ``settle``, ``release`` or ``lapse``
``d``   ``digest``          what the caller gave, hashed
``a``   ``amounts``         ``u`` nano-USD, ``t`` tokens, ``r`` requests
``e``   ``entries``         of each account: ``k`` its key, ``x`` its end (s), ``l`` the limit applied
``k``   ``keep_us``         how long it is remembered
``p``   ``price``           what priced it
``i``   ``reservation_id``  the reservation, of whose record the rest is
``s``   ``state``           ``open``, ``settled``, ``released`` or ``lapsed``
``t``   ``lapses_us``       when it lapses (µs since the epoch)
``o``   ``on_lapse``        ``charge`` or ``release``
``b``   ``booked``          what its end booked, as ``a``
``l``   ``late``            it had lapsed
``y``   ``ended_by``        the key of its end, where that had one
``c``   ``end_digest``      what the caller gave to end it, hashed
======  ==================  =============================================================================

What is 0, empty or none is left out. See `coreason_budget.ledger.named` for what a later version adds.
"""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen

from coreason_budget.errors import LedgerCorruptError
from coreason_budget.ledger import named
from coreason_budget.ledger.named import amounts_fields, read_amounts, unknown, whole
from coreason_budget.model import Account, Amounts, Entry

OPEN, SETTLED, RELEASED, LAPSED = "open", "settled", "released", "lapsed"
HOUR_US = 3600 * 1_000_000
KEEP_CALLERS_US = 24 * HOUR_US
KEEP_MADE_US = HOUR_US

_NAMES = frozenset("vdaekpistoblyc")
_ENTRY_NAMES = frozenset("kxl")


@frozen
class Record:
    """One op id: the call it stands for, and for a reservation how it stands.

    ``amounts`` is what was asked (reserve) or booked (charge); ``booked`` what an ended
    reservation booked; ``price`` what priced it. A settle, release or lapse that had a key of its
    own is recorded as a copy of the ended reservation under that key, with its own verb and digest.
    ``more`` is what a later version wrote beside all that, as JSON.
    """

    op_id: str
    verb: str
    digest: str
    amounts: Amounts
    entries: tuple[Entry, ...]
    keep_us: int
    reservation_id: str = ""
    state: str = ""
    lapses_us: int = 0
    on_lapse: str = ""
    booked: Amounts | None = None
    late: bool = False
    ended_by: str | None = None
    end_digest: str = ""
    price: str = ""
    more: str = ""

    def ended(
        self,
        state: str,
        booked: Amounts,
        *,
        price: str = "",
        late: bool = False,
        by: str | None = None,
        digest: str = "",
    ) -> Record:
        """The same reservation, ended."""
        return Record(
            self.op_id,
            self.verb,
            self.digest,
            self.amounts,
            self.entries,
            self.keep_us,
            self.reservation_id,
            state,
            self.lapses_us,
            self.on_lapse,
            booked,
            late,
            by,
            digest,
            price,
            self.more,
        )

    @property
    def kept_us(self) -> int | None:
        """How long the record is remembered from now on; None while its reservation is open."""
        if self.state == OPEN:
            return None
        return KEEP_CALLERS_US if self.state else self.keep_us

    def is_due(self, now_us: int) -> bool:
        """Open past its time: it counts as lapsed, whoever notices first."""
        return self.state == OPEN and self.lapses_us <= now_us


def op_id_of(reservation_id: str) -> str:
    """The op id under which a reservation is recorded.

    A reservation made with the caller's key is called ``secret.key``; else its id is its op id.
    """
    _, dot, key = reservation_id.partition(".")
    return key if dot else reservation_id


def encode(record: Record) -> str:
    """The record as compact JSON, without its op id."""
    fields: dict[str, Any] = {
        "v": record.verb,
        "d": record.digest,
        "a": amounts_fields(record.amounts),
        "e": [_entry_fields(entry) for entry in record.entries],
        "k": record.keep_us,
    }
    if record.price:
        fields["p"] = record.price
    if record.reservation_id:
        fields |= {"i": record.reservation_id, "s": record.state, "t": record.lapses_us, "o": record.on_lapse}
    if record.booked is not None:
        fields["b"] = amounts_fields(record.booked)
        fields |= {name: value for name, value in zip("lyc", _ending(record), strict=True) if value}
    if record.more:
        _add(fields, json.loads(record.more))
    return named.encode(fields)


def decode(op_id: str, text: str | bytes) -> Record:
    """Read a record back.

    Raises:
        LedgerCorruptError: It is not one.
    """
    try:
        fields = json.loads(text)
        amounts = read_amounts(fields["a"])
        booked = fields.get("b")
        return Record(
            op_id,
            named.text(fields["v"]),
            named.text(fields["d"]),
            amounts,
            tuple([_entry(entry, amounts) for entry in fields["e"]]),
            whole(fields["k"]),
            fields.get("i", ""),
            fields.get("s", ""),
            whole(fields.get("t", 0)),
            fields.get("o", ""),
            None if booked is None else read_amounts(booked),
            bool(fields.get("l")),
            fields.get("y"),
            fields.get("c", ""),
            fields.get("p", ""),
            _more(fields),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerCorruptError(f"the record of op id {op_id!r} cannot be read: {error}") from error


def _ending(record: Record) -> tuple[bool, str | None, str]:
    return record.late, record.ended_by, record.end_digest


def _entry_fields(entry: Entry) -> dict[str, Any]:
    fields: dict[str, Any] = {"k": entry.account.key}
    if entry.account.end_s is not None:
        fields["x"] = entry.account.end_s
    if entry.limit is not None:
        fields["l"] = entry.limit.amount
    return fields


def _entry(fields: dict[str, Any], amounts: Amounts) -> Entry:
    end_s, limit = fields.get("x"), fields.get("l")
    account = Account.parse(fields["k"], None if end_s is None else whole(end_s))
    return Entry.of(account, amounts.of(account.unit), None if limit is None else whole(limit))


def _more(fields: dict[str, Any]) -> str:
    """What a later version wrote: beside the fields, the amounts and each entry, by its account's key."""
    more = unknown(fields, _NAMES)
    if amounts := unknown(fields["a"], named.AMOUNTS):
        more["a"] = amounts
    if entries := {entry["k"]: rest for entry in fields["e"] if (rest := unknown(entry, _ENTRY_NAMES))}:
        more["e"] = entries
    return named.encode(more) if more else ""


def _add(fields: dict[str, Any], more: dict[str, Any]) -> None:
    fields["a"] |= more.pop("a", {})
    entries = more.pop("e", {})
    for entry in fields["e"]:
        entry.update(entries.get(entry["k"], {}))
    fields.update(more)
