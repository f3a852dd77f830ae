"""Journal entries survive their text form; a journal is bounded, and may be left out."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from coreason_budget import BudgetExceededError, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.books.audit import audit
from coreason_budget.ledger import Ledger, open_ledger
from coreason_budget.ledger.journal import (
    KINDS,
    NOTHING,
    JournalEntry,
    Movement,
    Page,
    decode_entry,
    encode_entry,
    read_pages,
)
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.model import UNITS, WINDOWS, Account, Amounts, Memo, Scope
from coreason_budget.testing.kit import ALICE, BOB, USD, guard_on, limit, usd
from tests.fake_redis import connector, fake_server

_counts = st.integers(0, 4 * 10**18)
_deltas = st.integers(-4 * 10**18, 4 * 10**18)
_texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=64)
_tags = st.builds(Scope, st.sampled_from(["user", "project", "model", "team"]), _texts)
_scopes = st.lists(st.one_of(st.just(Scope("global")), _tags), min_size=1, max_size=5, unique=True)


@st.composite
def _entries(draw: st.DrawFn) -> JournalEntry:
    scopes = draw(_scopes)
    accounts = st.builds(
        Account,
        st.sampled_from(scopes),
        st.sampled_from(WINDOWS),
        st.integers(0, 2**40),
        st.one_of(st.none(), st.integers(0, 2**40)),
        st.sampled_from(UNITS),
    )
    moves = draw(st.lists(st.builds(Movement, accounts, _deltas, _deltas), max_size=6))
    entry = JournalEntry(draw(_counts), draw(st.sampled_from(KINDS)), draw(_texts), tuple(map(str, scopes)))
    amounts = draw(st.builds(Amounts, _counts, _counts, _counts))
    reserved_as = draw(st.one_of(st.just(""), st.just(entry.op_id), _texts))
    if entry.kind == "correct":
        before = draw(st.builds(Amounts, _counts, _counts, _counts))
        entry = evolve(entry, before=before, corrects=draw(st.one_of(st.just(entry.op_id), _texts)))
    return evolve(
        entry,
        amounts=amounts,
        memo=Memo(draw(_texts), draw(_texts)),
        movements=tuple(moves),
        late=draw(st.booleans()),
        reserved_as=reserved_as,
    )


@given(_entries())
def test_an_entry_reads_back_as_it_was(entry: JournalEntry) -> None:
    """Whatever its ids hold, down to the end of every window."""
    found = decode_entry(encode_entry(entry))
    assert found == entry
    # Accounts are equal by their keys alone: look at the rest of them, too.
    assert repr(found) == repr(entry)
    assert decode_entry(encode_entry(entry).encode()) == entry


def _broken(**fields: object) -> str:
    good = {"t": 1, "k": "charge", "i": "o", "s": ["user/a"], "a": {"u": 1, "r": 1}}
    return json.dumps({k: v for k, v in (good | fields).items() if v != "missing"})


_MOVE = {"s": 0, "u": "usd", "w": "day", "f": 0, "x": 1, "n": 1, "h": 1}


@pytest.mark.parametrize(
    "text",
    [
        "",
        b"",
        "null",
        "[]",
        b"\xff",
        "[" * 100_000,
        _broken(k="missing"),
        _broken(k=5),
        _broken(t="now"),
        _broken(i=5),
        _broken(a=[1, 2]),
        _broken(a={"u": 1.5}),
        _broken(m=[_MOVE | {"s": 1}]),
        _broken(m=[_MOVE | {"n": "1"}]),
        _broken(m=[_MOVE | {"x": "1"}]),
        _broken(m=[_MOVE | {"u": None}]),
        _broken(m=[{"s": 0}]),
        _broken(m=[[0, "usd", "day", 0, 1, 1]]),
        _broken(s=5),
        _broken(b=[1]),
        _broken(b={"u": "1"}),
        _broken(c=5),
    ],
)
def test_what_is_not_an_entry_is_corrupt(text: str | bytes) -> None:
    """A named error, whatever is stored there."""
    with pytest.raises(LedgerCorruptError, match="journal"):
        decode_entry(text)


def test_an_entry_of_a_kind_and_with_fields_that_only_a_later_version_knows_is_read() -> None:
    """It is an entry as any other: nobody's journal ends there."""
    later = _broken(k="extend", m=[_MOVE | {"why": "x"}], reference="order 7", o="")
    found = decode_entry(later)
    assert (found.kind, found.reserved_as, found.amounts) == ("extend", "o", Amounts(1, 0, 1))
    assert [(m.account.key, m.used, m.reserved) for m in found.movements] == [("usd|day|0|user/a", 1, 1)]


Open = Callable[[int], Ledger]


@pytest.fixture(params=["memory", "sqlite", "fakeredis", pytest.param("redis", marks=pytest.mark.redis)])
def open_with(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """A ledger that keeps so many entries; every call opens the same, but for memory."""
    if request.param == "fakeredis":
        connect = connector(fake_server(monkeypatch))
        return lambda length: RedisLedger("redis://nowhere", timeout_s=30, journal_length=length, connect=connect)
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/journal.db"}
    url = urls.get(request.param) or request.getfixturevalue("valkey_url")
    namespace = secrets.token_hex(6)
    return lambda length: open_ledger(url, namespace=namespace, journal_length=length, timeout_s=30)


def test_a_journal_tells_the_ledgers_time(open_with: Open) -> None:
    """Law 9: microseconds since the epoch, from its first entry on."""
    ledger = open_with(10)
    guard_on(ledger, limit("user", USD)).charge(ALICE, usd(1))
    assert [abs(entry.at_us / 1e6 - time.time()) < 60 for entry in ledger.journal()] == [True, True]


@pytest.mark.slow
@pytest.mark.parametrize("length", [1, 50])
def test_a_bounded_journal_keeps_the_newest(open_with: Open, length: int) -> None:
    """About as many as it was told, without a gap; what it no longer covers is not called wrong."""
    ledger = open_with(length)
    guard = guard_on(ledger, limit("user", 10**6 * USD), limit("global", 10**6 * USD, window="total"))
    guard.charge(BOB, usd(1))
    guard.reserve(BOB, usd(1))
    for number in range(700):
        guard.charge(ALICE, Amounts(number))
    kept = [entry.amounts.usd_nanos for entry in ledger.journal()]
    assert length <= len(kept) <= length + 200
    assert kept == list(range(700 - len(kept), 700))
    report = audit(ledger)
    assert (report.differences, report.is_complete, report.accounts, report.not_covered) == ((), False, 0, 6)


def test_a_page_notices_what_was_cut(open_with: Open) -> None:
    """Who comes back for the rest after it went is told so."""
    ledger = open_with(20)
    guard = guard_on(ledger, limit("user", 10**6 * USD))
    guard.charge(ALICE, Amounts(1))
    before = ledger.page()
    for number in range(300):
        guard.charge(ALICE, Amounts(number))
    assert before.is_whole
    assert not ledger.page(before.cursor).is_whole
    assert ledger.page().is_whole


def test_whoever_reads_slower_than_the_journal_is_cut_is_told() -> None:
    """A gap in what was read would pass for all that was spent."""
    entry = JournalEntry(1, "charge")
    pages = {
        "": Page(1, (entry,), "1", is_end=False, is_whole=True, standings={}),
        "1": Page(1, (entry,), "9", is_end=True, is_whole=False, standings={}),
    }
    reading = read_pages(pages.__getitem__, 0)
    assert next(reading) == entry
    with pytest.raises(LedgerUnavailableError, match="cut faster"):
        next(reading)


def test_without_a_journal_everything_else_works(open_with: Open) -> None:
    """Length 0 writes none, and nothing can be computed from it."""
    ledger = open_with(0)
    guard = guard_on(ledger, limit("user", USD))
    guard.settle(guard.reserve(ALICE, usd(1)).reservation_id, USD // 2)
    guard.reserve(ALICE, usd(0.5))
    assert list(ledger.journal()) == []
    report = audit(ledger)
    assert (report.differences, report.accounts, report.not_covered, report.since_us) == ((), 0, 4, None)


def test_a_reservation_that_is_withdrawn_leaves_two_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was written before it was known to have no room: held, and taken back as if it never was."""
    connect = connector(fake_server(monkeypatch))
    mine, rival = (guard_on(RedisLedger("redis://nowhere", connect=connect), limit("user", USD)) for _ in range(2))
    mine.usage(ALICE)
    transact = Link.transact

    def overtaken(link: Link, packet: bytes, commands: int) -> Any:
        monkeypatch.setattr(Link, "transact", transact)
        rival.charge(ALICE, usd(1))
        return transact(link, packet, commands)

    monkeypatch.setattr(Link, "transact", overtaken)
    with pytest.raises(BudgetExceededError):
        mine.reserve(ALICE, usd(0.5), idempotency_key="late", memo=Memo("bound"))
    charge, reserve, undo = list(mine.ledger.journal())[1:]
    assert (charge.kind, reserve.kind, undo.kind) == ("charge", "reserve", "undo")
    assert reserve.at_us <= undo.at_us
    assert (reserve.price, undo.price) == ("bound", "")
    assert (undo.op_id, undo.reserved_as, undo.amounts, undo.subject) == ("late", "late", NOTHING, reserve.subject)
    assert [(m.account, -m.used, -m.reserved) for m in undo.movements] == [
        (m.account, m.used, m.reserved) for m in reserve.movements
    ]
    assert audit(mine.ledger).differences == ()


@pytest.mark.redis
def test_a_journal_of_another_type_is_found_before_anything_is_written(valkey_url: str) -> None:
    """A command that fails inside of a transaction would not stop the others."""
    namespace = secrets.token_hex(6)
    guard = guard_on(open_ledger(valkey_url, namespace=namespace), limit("user", USD))
    hold = guard.reserve(ALICE, usd(0.5))
    with closing(redis.Redis.from_url(valkey_url)) as client:
        client.set(f"{{{namespace}}}:journal", "text")
        before = {name: client.dump(name) for name in client.scan_iter(f"{{{namespace}}}*")}
        for act in (
            lambda: guard.charge(ALICE, usd(0.1)),
            lambda: guard.reserve(ALICE, usd(0.1)),
            lambda: guard.settle(hold.reservation_id, 1),
        ):
            with pytest.raises(LedgerCorruptError):
                act()
        assert before == {name: client.dump(name) for name in client.scan_iter(f"{{{namespace}}}*")}
    assert guard.check(ALICE, usd(0.1)).remaining_usd == 0.5
