"""Records survive their text form, and what is not a record is corrupt."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
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
    corrected = draw(st.one_of(st.none(), _amounts))
    record = Record(draw(_ids), "charge", draw(_ids), amounts, entries, draw(_counts), corrected=corrected)
    if not state:
        return record
    fields = ("op", "reserve", "digest", amounts, entries, draw(_counts), draw(_ids), state, draw(_counts), "charge")
    ended = (draw(_amounts), draw(st.booleans()), draw(st.one_of(st.none(), _ids)), draw(_ids))
    return Record(*fields) if state == "open" else Record(*fields, *ended, corrected=corrected)


@given(_records())
def test_a_record_reads_back_as_it_was(record: Record) -> None:
    """Whatever its ids hold: encode and decode are one another's inverse, down to every scope and window."""
    found = decode(record.op_id, encode(record))
    assert found == record
    # Accounts are equal by their keys alone: look at the rest of them, too.
    assert [repr(e) for e in found.entries] == [repr(e) for e in record.entries]
    assert decode(record.op_id, encode(record).encode()) == record


def _broken(**fields: object) -> str:
    good = {"v": "charge", "d": "d", "a": {"u": 1, "r": 1}, "e": [], "k": 1}
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
        _broken(v="missing"),
        _broken(v=3),
        _broken(d=None),
        _broken(a="missing"),
        _broken(a=[1, 2, 3]),
        _broken(a=7),
        _broken(a={"u": "1"}),
        _broken(a={"t": 1.5}),
        _broken(b={"r": None}),
        _broken(n=[1]),
        _broken(n={"t": "1"}),
        _broken(e=[{"k": "usd|day|0|user/a", "x": 1, "l": "10"}]),
        _broken(e=[{"k": "usd|day|0|user/a", "x": "1"}]),
        _broken(e=[{"k": "no bars"}]),
        _broken(e=[{"k": "usd|day|x|user/a", "x": 1, "l": 1}]),
        _broken(e=[{"k": "images|day|0|user/a"}]),
        _broken(e=[{"x": 1}]),
        _broken(e=[["usd|day|0|user/a", 1, 1]]),
        _broken(k="soon"),
        _broken(k=None),
        _broken(t=None),
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


RAW = {
    "v": "reserve",
    "d": "d",
    "a": {"u": 7, "r": 1, "images": 2},
    "e": [
        {"k": "usd|day|0|user/a", "x": 86400, "l": 10, "said": "limits.yaml:3"},
        {"k": "usd|day|0|global", "x": 86400},
    ],
    "k": 5,
    "i": "s.op",
    "s": "open",
    "t": 9,
    "o": "charge",
    "reference": {"order": [1, 2]},
}


def test_what_a_later_version_wrote_is_kept_when_the_record_is_written_anew() -> None:
    """Beside the fields, in the amounts that were asked, and with each account; the end's own amounts are its own."""
    record = decode("op", json.dumps(RAW))
    assert json.loads(encode(record)) == RAW
    ended = record.ended("settled", Amounts(3), by="k", digest="e")
    told = json.loads(encode(ended))
    assert told == {**RAW, "s": "settled", "b": {"u": 3, "r": 1}, "y": "k", "c": "e"}
    assert decode("op", encode(ended)) == ended


def test_a_record_without_a_reader_of_the_rest_would_lose_it() -> None:
    """The naive control: written anew from what is known alone."""
    naive = evolve(decode("op", json.dumps(RAW)), more="")
    assert "reference" not in encode(naive)
    assert "said" not in encode(naive)


def test_what_is_nothing_is_left_out() -> None:
    """Records are many: no name stands there for a 0, an empty text or none."""
    record = Record("op", "charge", "d", Amounts(0, 0, 1), (), 5)
    assert encode(record) == '{"v":"charge","d":"d","a":{"r":1},"k":5,"e":[]}'
