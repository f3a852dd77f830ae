"""Records survive their text form, and what is not a record is corrupt."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreason_budget.errors import LedgerCorruptError
from coreason_budget.ledger.record import Record, decode, encode, op_id_of
from coreason_budget.model import UNITS, WINDOWS, Account, Amounts, Entry, Scope

_counts = st.integers(0, 4 * 10**18)
_ids = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=64)
_amounts = st.builds(Amounts, _counts, _counts, _counts)
_accounts = st.builds(
    Account,
    st.one_of(st.just(Scope("global")), st.builds(Scope, st.sampled_from(["user", "project", "model", "team"]), _ids)),
    st.sampled_from(WINDOWS),
    st.integers(0, 2**40),
    st.one_of(st.none(), st.integers(0, 2**40)),
    st.sampled_from(UNITS),
)


@st.composite
def _records(draw: st.DrawFn) -> Record:
    amounts, state = draw(_amounts), draw(st.sampled_from(["", "open", "settled", "released", "lapsed"]))
    accounts = draw(st.lists(_accounts, max_size=5))
    entries = tuple(Entry.of(a, amounts.of(a.unit), draw(st.one_of(st.none(), _counts))) for a in accounts)
    record = Record(draw(_ids), "charge", draw(_ids), amounts, entries, draw(_counts))
    if not state:
        return record
    fields = ("op", "reserve", "digest", amounts, entries, draw(_counts), draw(_ids), state, draw(_counts), "charge")
    ended = (draw(_amounts), draw(st.booleans()), draw(st.one_of(st.none(), _ids)), draw(_ids))
    return Record(*fields) if state == "open" else Record(*fields, *ended)


@given(_records())
def test_a_record_reads_back_as_it_was(record: Record) -> None:
    """Whatever its ids hold: encode and decode are one another's inverse, down to every scope and window."""
    found = decode(record.op_id, encode(record))
    assert found == record
    # Accounts are equal by their keys alone: look at the rest of them, too.
    assert [repr(e) for e in found.entries] == [repr(e) for e in record.entries]
    assert decode(record.op_id, encode(record).encode()) == record


def _broken(**fields: object) -> str:
    good = {"verb": "charge", "digest": "d", "amounts": [1, 0, 1], "accounts": [], "keep_us": 1}
    return json.dumps({k: v for k, v in (good | fields).items() if v != "missing"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "5",
        '"text"',
        b"\xff\xfe\x00",
        "[" * 100_000,
        _broken(verb="missing"),
        _broken(amounts="missing"),
        _broken(amounts=[1, 2, 3, 4]),
        _broken(amounts=7),
        _broken(amounts=["1", 0, 1]),
        _broken(amounts=[1.5, 0, 1]),
        _broken(booked=[1, None, 1]),
        _broken(accounts=[["usd|day|0|user/a", 1, "10"]]),
        _broken(accounts=[["no bars", None, None]]),
        _broken(accounts=[["usd|day|x|user/a", 1, 1]]),
        _broken(accounts=[["usd|day|0|user/a"]]),
        _broken(accounts=[[5, None, None]]),
        _broken(keep_us="soon"),
        _broken(keep_us=None),
        _broken(lapses_us=None),
    ],
)
def test_what_is_not_a_record_is_corrupt(text: str | bytes) -> None:
    """A named error with the op id, whatever is stored there."""
    with pytest.raises(LedgerCorruptError, match="op-1"):
        decode("op-1", text)


@pytest.mark.parametrize(
    ("reservation_id", "op_id"),
    [("made", "made"), ("secret.key", "key"), ("secret.a.b", "a.b"), ("secret..", "."), ("secret.🙂/x", "🙂/x")],
)
def test_a_reservations_op_id_is_in_its_id(reservation_id: str, op_id: str) -> None:
    """Whoever has the id finds the record; a caller's key may hold dots."""
    assert op_id_of(reservation_id) == op_id
