"""What a ledger remembers of one op id, and its one text form."""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen

from coreason_budget.errors import LedgerCorruptError
from coreason_budget.model import Account, Amounts, Entry

OPEN, SETTLED, RELEASED, LAPSED = "open", "settled", "released", "lapsed"
HOUR_US = 3600 * 1_000_000
KEEP_CALLERS_US = 24 * HOUR_US
KEEP_MADE_US = HOUR_US

_encode = json.JSONEncoder(separators=(",", ":")).encode


@frozen
class Record:
    """One op id: the call it stands for, and for a reservation how it stands.

    ``amounts`` is what was asked (reserve) or booked (charge); ``booked`` what an ended
    reservation booked; ``price`` what priced it. A settle, release or lapse that had a key of its
    own is recorded as a copy of the ended reservation under that key, with its own verb and digest.
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
        "verb": record.verb,
        "digest": record.digest,
        "amounts": _amounts(record.amounts),
        "accounts": [(e.account.key, e.account.end_s, e.limit_units) for e in record.entries],
        "keep_us": record.keep_us,
    }
    if record.price:
        fields["price"] = record.price
    if record.reservation_id:
        fields |= {
            "id": record.reservation_id,
            "state": record.state,
            "lapses_us": record.lapses_us,
            "on_lapse": record.on_lapse,
        }
    if record.booked is not None:
        fields |= {
            "booked": _amounts(record.booked),
            "late": record.late,
            "ended_by": record.ended_by,
            "end_digest": record.end_digest,
        }
    return _encode(fields)


def decode(op_id: str, text: str | bytes) -> Record:
    """Read a record back.

    Raises:
        LedgerCorruptError: It is not one.
    """
    try:
        fields = json.loads(text)
        amounts = _read_amounts(fields["amounts"])
        booked = fields.get("booked")
        return Record(
            op_id,
            fields["verb"],
            fields["digest"],
            amounts,
            tuple(_entry(key, end_s, limit, amounts) for key, end_s, limit in fields["accounts"]),
            int(fields["keep_us"]),
            fields.get("id", ""),
            fields.get("state", ""),
            int(fields.get("lapses_us", 0)),
            fields.get("on_lapse", ""),
            None if booked is None else _read_amounts(booked),
            bool(fields.get("late")),
            fields.get("ended_by"),
            fields.get("end_digest", ""),
            fields.get("price", ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LedgerCorruptError(f"the record of op id {op_id!r} cannot be read: {error}") from error


def _amounts(amounts: Amounts) -> tuple[int, int, int]:
    return amounts.usd_nanos, amounts.tokens, amounts.requests


def _read_amounts(counts: list[int]) -> Amounts:
    if any(type(count) is not int for count in counts):
        raise ValueError("an amount is not a whole number")
    return Amounts(*counts)


def _entry(key: str, end_s: int | None, limit: int | None, amounts: Amounts) -> Entry:
    if type(limit) is not int and limit is not None:
        raise ValueError("a limit is not a whole number")
    account = Account.parse(key, end_s)
    return Entry.of(account, amounts.of(account.unit), limit)
