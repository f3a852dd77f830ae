"""What a ledger remembers of one op id, and its one text form: compact JSON, its fields by name.

======  ==================  =============================================================================
name    field               holds
======  ==================  =============================================================================
``v``   ``verb``            ``reserve``, ``charge``, ``settle``, ``release``, ``lapse`` or ``correct``
``d``   ``digest``          what the caller gave, hashed
``a``   ``amounts``         ``u`` nano-USD, ``t`` tokens, ``r`` requests
``e``   ``entries``         of each account: ``k`` its key, ``x`` its end (s), ``l`` the limit applied
``k``   ``keep_us``         how long it is remembered
``p``   ``memo.price``      what priced it
``r``   ``memo.reference``  the caller's own name for it
``i``   ``reservation_id``  the reservation, of whose record the rest is
``s``   ``state``           ``open``, ``settled``, ``released`` or ``lapsed``
``t``   ``lapses_us``       when it lapses (µs since the epoch)
``o``   ``on_lapse``        ``charge`` or ``release``
``b``   ``booked``          what its end booked, as ``a``
``l``   ``late``            it had lapsed
``y``   ``ended_by``        the key of its end, where that had one
``c``   ``end_digest``      what the caller gave to end it, hashed
``n``   ``corrected``       what it stands at since a correction, as ``a``
======  ==================  =============================================================================

What is 0, empty or none is left out. See `coreason_budget.ledger.named` for what a later version adds.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from attrs import frozen

from coreason_budget.errors import LedgerCorruptError
from coreason_budget.ledger import named
from coreason_budget.ledger.named import amounts_fields, read_amounts, text, unknown, whole
from coreason_budget.model import NO_MEMO, Account, Amounts, Entry, Memo

OPEN, SETTLED, RELEASED, LAPSED = "open", "settled", "released", "lapsed"
HOUR_US = 3600 * 1_000_000
KEEP_CALLERS_US = 24 * HOUR_US
KEEP_MADE_US = HOUR_US

_NAMES = frozenset("vdaekistoblycn") | named.MEMO.keys()
_ENTRY_NAMES = frozenset("kxl")


@frozen
class Record:
    """One op id: the call it stands for, and for a reservation how it stands.

    ``amounts`` is what was asked (reserve) or booked (charge); ``booked`` what an ended
    reservation booked; ``memo`` what is kept beside it. A settle, release or lapse that had a key of its
    own is recorded as a copy of the ended reservation under that key, with its own verb and digest; so is a
    correction, as a copy of what it corrected, with ``booked`` as it was before.
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
    memo: Memo = Memo()
    more: str = ""
    corrected: Amounts | None = None

    def ended(
        self,
        state: str,
        booked: Amounts,
        *,
        memo: Memo = NO_MEMO,
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
            memo,
            self.more,
        )

    @property
    def told(self) -> Amounts:
        """What its caller was told: what was asked of an open reservation, else booked."""
        return self.amounts if self.booked is None else self.booked

    @property
    def total(self) -> Amounts:
        """What it stands at: what was booked, or the last correction made of it."""
        return self.told if self.corrected is None else self.corrected

    @property
    def model(self) -> str | None:
        """The model of the call, None where it named none."""
        return next((e.account.scope.id for e in self.entries if e.account.scope.kind == "model"), None)

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
        "k": record.keep_us,
        **named.memo_fields(record.memo),
    }
    if record.reservation_id:
        fields |= {"i": record.reservation_id, "s": record.state, "t": record.lapses_us, "o": record.on_lapse}
    if record.booked is not None:
        fields["b"] = amounts_fields(record.booked)
        fields |= {name: value for name, value in zip("lyc", _ending(record), strict=True) if value}
    if record.corrected is not None:
        fields["n"] = amounts_fields(record.corrected)
    if record.more:
        return named.encode(_with_more(fields, record))
    # Accounts come again and again: their texts are put together, not encoded anew.
    entries = ",".join([_entry_text(e.account.key, e.account.end_s, e.limit_units) for e in record.entries])
    return f'{named.encode(fields)[:-1]},"e":[{entries}]}}'


def decode(op_id: str, stored: str | bytes) -> Record:
    """Read a record back.

    Raises:
        LedgerCorruptError: It is not one.
    """
    try:
        fields = json.loads(stored)
        amounts = read_amounts(fields["a"])
        booked, corrected = fields.get("b"), fields.get("n")
        return Record(
            op_id,
            text(fields["v"]),
            text(fields["d"]),
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
            named.read_memo(fields),
            _more(fields),
            None if corrected is None else read_amounts(corrected),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerCorruptError(f"the record of op id {op_id!r} cannot be read: {error}") from error


def _ending(record: Record) -> tuple[bool, str | None, str]:
    return record.late, record.ended_by, record.end_digest


def _entry_fields(key: str, end_s: int | None, limit: int | None) -> dict[str, Any]:
    fields: dict[str, Any] = {"k": key}
    if end_s is not None:
        fields["x"] = end_s
    if limit is not None:
        fields["l"] = limit
    return fields


@lru_cache(4096)
def _entry_text(key: str, end_s: int | None, limit: int | None) -> str:
    return named.encode(_entry_fields(key, end_s, limit))


_account = lru_cache(4096)(Account.parse)


def _entry(fields: dict[str, Any], amounts: Amounts) -> Entry:
    end_s, limit = fields.get("x"), fields.get("l")
    account = _account(text(fields["k"]), None if end_s is None else whole(end_s))
    return Entry.of(account, amounts.of(account.unit), None if limit is None else whole(limit))


def _more(fields: dict[str, Any]) -> str:
    """What a later version wrote: beside the fields, the amounts and each entry, by its account's key."""
    more = unknown(fields, _NAMES)
    if amounts := unknown(fields["a"], named.AMOUNTS):
        more["a"] = amounts
    if not all(map(_ENTRY_NAMES.issuperset, fields["e"])):
        more["e"] = {entry["k"]: unknown(entry, _ENTRY_NAMES) for entry in fields["e"]}
    return named.encode(more) if more else ""


def _with_more(fields: dict[str, Any], record: Record) -> dict[str, Any]:
    more: dict[str, Any] = json.loads(record.more)
    entries = more.pop("e", {})
    told = [(e.account.key, _entry_fields(e.account.key, e.account.end_s, e.limit_units)) for e in record.entries]
    more |= {"a": fields["a"] | more.pop("a", {}), "e": [entry | entries.get(key, {}) for key, entry in told]}
    return fields | more
