"""The audit finds what is wrong, and calls nothing wrong that it cannot know."""

from __future__ import annotations

import secrets
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis

from coreason_budget import BudgetGuard, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.books.audit import EFFECTS, ENDS, audit
from coreason_budget.books.values import Report
from coreason_budget.ledger import Ledger, open_ledger
from coreason_budget.ledger.journal import KINDS, PAGE, JournalEntry, Movement, Page, read_pages
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.ledger.record import Record
from coreason_budget.model import Account, Amounts, Scope, Subject
from coreason_budget.testing import ManualClock
from coreason_budget.testing.kit import ALICE, BOB, CENT, DAY_S, USD, guard_on, limit, usd

_LIMITS = (limit("user", 10 * USD), limit("global", 100 * USD, window="total"))


class OnSqlite:
    """A ledger in a file, and hands that reach into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = open_ledger(f"sqlite:///{path}")

    def poison(self, key: str, used: int, reserved: int) -> None:
        self._run("UPDATE account SET used = ?, reserved = ? WHERE key = ?", used, reserved, key)

    def lose(self, key: str) -> None:
        self._run("DELETE FROM account WHERE key = ?", key)

    def lose_reservation(self, op_id: str) -> None:
        self._run("DELETE FROM record WHERE op_id = ?", op_id)

    def _run(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            assert connection.execute(statement, values).rowcount == 1


class OnRedis:
    """A namespace on a real server, and hands that reach into it."""

    def __init__(self, url: str) -> None:
        self.tag = secrets.token_hex(6)
        self.client = redis.Redis.from_url(url)
        self.ledger = open_ledger(url, namespace=self.tag)

    def poison(self, key: str, used: int | str, reserved: int) -> None:
        self.client.hset(f"{{{self.tag}}}:a:{key}", mapping={"used": used, "reserved": reserved})

    def lose(self, key: str) -> None:
        assert self.client.delete(f"{{{self.tag}}}:a:{key}") == 1

    def lose_reservation(self, op_id: str) -> None:
        assert self.client.delete(f"{{{self.tag}}}:r:{op_id}") == 1


Place = OnSqlite | OnRedis


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each ledger that others can reach into."""
    if request.param == "sqlite":
        yield OnSqlite(tmp_path / "audit.db")
        return
    made = OnRedis(request.getfixturevalue("valkey_url"))
    yield made
    made.client.close()


def used(place: Place) -> BudgetGuard:
    """Some spend, an open reservation, and a lapsed one."""
    guard = guard_on(place.ledger, *_LIMITS)
    guard.charge(ALICE, usd(1))
    guard.reserve(ALICE, usd(2), idempotency_key="open")
    guard.lapse(guard.reserve(BOB, usd(3)).reservation_id)
    assert audit(place.ledger).differences == ()
    return guard


def key_of(guard: BudgetGuard, kind: str, window: str = "day") -> str:
    return next(b.account.key for b in guard.usage(ALICE) if (b.account.scope.kind, b.window) == (kind, window))


def differing(report: Report) -> dict[str, tuple[Any, ...]]:
    return {d.account: (d.used, d.reserved, d.held, d.found) for d in report.differences}


@pytest.mark.parametrize(("by", "more"), [(1, 0), (-1, 0), (1, 1), (-1, -1)])
def test_an_account_that_is_off_by_a_nano_is_shown(place: Place, by: int, more: int) -> None:
    """The control: what should be there, and what is."""
    guard = used(place)
    key = key_of(guard, "user")
    place.poison(key, 3 * USD + by, 2 * USD + more)
    expected = (3 * USD, 2 * USD, 2 * USD, (3 * USD + by, 2 * USD + more))
    assert differing(audit(place.ledger)) == {key: expected}


def test_an_account_that_is_gone_is_shown(place: Place) -> None:
    """What was spent there is forgotten before its time."""
    guard = used(place)
    key = key_of(guard, "global", "total")
    place.lose(key)
    assert differing(audit(place.ledger)) == {key: (6 * USD, 2 * USD, 2 * USD, (0, 0))}


def test_an_account_that_nobody_booked_is_shown(place: Place) -> None:
    """The journal knows nothing of it."""
    guard = used(place)
    stranger = Account(Scope("user", "mallory"), "day", int(key_of(guard, "user").split("|")[2]), None, "usd")
    if isinstance(place, OnSqlite):
        place._run("INSERT INTO account VALUES ('coreason', ?, 5, 0, NULL)", stranger.key)
    else:
        place.poison(stranger.key, 5, 0)
    assert differing(audit(place.ledger)) == {stranger.key: (0, 0, 0, (5, 0))}


def test_a_reservation_that_is_gone_is_shown(place: Place) -> None:
    """Its hold stands on the accounts, and nobody can end it."""
    guard = used(place)
    place.lose_reservation("open")
    found = differing(audit(place.ledger))
    assert found == {
        key_of(guard, "user"): (3 * USD, 2 * USD, 0, (3 * USD, 2 * USD)),
        key_of(guard, "global", "total"): (6 * USD, 2 * USD, 0, (6 * USD, 2 * USD)),
    }


def test_an_account_that_cannot_be_read_is_shown_and_the_others_are_compared(place: Place) -> None:
    """One that no call could use any more; the audit goes on."""
    guard = used(place)
    user, whole = key_of(guard, "user"), key_of(guard, "global", "total")
    place.poison(user, 1, 2)
    place.poison(whole, 5, 0)
    report = audit(place.ledger)
    assert differing(report) == {
        user: (3 * USD, 2 * USD, 2 * USD, None),
        whole: (6 * USD, 2 * USD, 2 * USD, (5, 0)),
    }
    assert "used=1, reserved=2" in "".join(d.problem for d in report.differences)


@pytest.mark.redis
@pytest.mark.parametrize("entry", [{"e": "nonsense"}, {"x": "1"}])
def test_a_journal_that_cannot_be_read_is_an_error(valkey_url: str, entry: dict[Any, Any]) -> None:
    """It is no difference of an account: nothing is known of any."""
    place = OnRedis(valkey_url)
    used(place)
    place.client.xadd(f"{{{place.tag}}}:journal", entry)
    with pytest.raises(LedgerCorruptError, match="journal"):
        audit(place.ledger)
    place.client.close()


def test_what_a_bounded_journal_covers_is_found_wrong_and_the_rest_is_not() -> None:
    """Accounts whose window began after the first entry; of older ones only what they reserve."""
    clock = ManualClock()
    ledger = MemoryLedger(clock=clock, journal_length=8)
    guard = guard_on(ledger, *_LIMITS)
    for _ in range(5):
        guard.charge(ALICE, usd(1))
        guard.reserve(ALICE, usd(0.1), ttl_s=DAY_S)
    clock.advance(seconds=DAY_S - 60)
    for _ in range(3):
        guard.charge(ALICE, usd(1))
    old = audit(ledger)
    assert (old.is_complete, old.accounts, old.not_covered, old.differences) == (False, 4, 5, ())
    today, total = key_of(guard, "user"), key_of(guard, "global", "total")
    ledger._data[today] = 1, 0
    ledger._data[total] = 99, 7
    assert differing(audit(ledger)) == {today: (3 * USD, 0, 0, (1, 0)), total: (None, None, USD // 2, (99, 7))}


@pytest.mark.parametrize(("before_s", "covered"), [(59, 0), (60, 1)])
def test_an_account_is_covered_if_the_journal_begins_a_minute_before_it(before_s: int, covered: int) -> None:
    """Two operations may be written in another order than they were timed, a time-out apart at most."""
    clock = ManualClock()
    ledger = MemoryLedger(clock=clock)
    begin_us = clock.now_us
    guard_on(ledger, limit("user", USD, window="minute")).charge(ALICE, usd(1))
    report = audit(_Since(ledger, begin_us - before_s * 1_000_000))
    assert (report.differences, report.accounts, report.not_covered) == ((), covered, 5 - covered)


class _Since:
    """A ledger whose journal seems to begin with an empty entry of a moment, not with its own first."""

    def __init__(self, ledger: Ledger, at_us: int) -> None:
        self._ledger, self._first = ledger, JournalEntry(at_us, "charge")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def page(self, after: str = "", keys: Sequence[str] = ()) -> Page:
        page = self._ledger.page(after, keys)
        entries = page.entries if after else (self._first, *page.entries[1:])
        return Page(page.now_us, entries, page.cursor, page.is_end, True, page.standings)


def test_an_account_that_was_forgotten_in_time_is_not_missed() -> None:
    """A day's account lives a week more; the journal may remember it for longer."""
    clock = ManualClock()
    ledger = MemoryLedger(clock=clock)
    guard = guard_on(ledger, *_LIMITS)
    guard.charge(ALICE, usd(1))
    before = audit(ledger).accounts
    clock.advance(seconds=9 * DAY_S)
    guard.charge(Subject("bob"), usd(1))
    report = audit(ledger)
    assert (report.differences, before, report.accounts) == ((), 5, 3)


def test_reservations_that_open_and_end_while_they_are_listed_are_counted_right() -> None:
    """The list is not of one moment; what the journal tells since then corrects it."""
    ledger = MemoryLedger()
    guard = guard_on(ledger, *_LIMITS)
    stays, ends = (guard.reserve(ALICE, usd(1)).reservation_id for _ in range(2))
    acts: list[Callable[[], object]] = [
        lambda: guard.settle(ends, CENT),
        lambda: guard.reserve(ALICE, usd(2)),
        lambda: guard.release(guard.reserve(BOB, usd(1)).reservation_id),
        lambda: guard.settle(stays, CENT),
    ]

    class Moving(_Since):
        def reservations(self) -> Iterator[Any]:
            for record in self._ledger.reservations():
                yield record
                acts.pop(0)()
                acts.pop(0)()

        def page(self, after: str = "", keys: Sequence[str] = ()) -> Page:
            return self._ledger.page(after, keys)

    report = audit(Moving(ledger, 0))
    assert acts == []
    assert report.differences == ()
    assert report.accounts == 6


def test_without_one_moment_for_both_the_audit_is_wrong() -> None:
    """The control: journal and accounts read one after the other, with a call in between, do not match."""
    ledger = MemoryLedger()
    guard = guard_on(ledger, *_LIMITS)
    guard.charge(ALICE, usd(1))

    class Apart(_Since):
        def page(self, after: str = "", keys: Sequence[str] = ()) -> Page:
            page = self._ledger.page(after)
            guard.charge(ALICE, Amounts(1))
            standings = self._ledger.page(after, keys).standings
            return Page(page.now_us, page.entries, page.cursor, page.is_end, True, standings)

    assert len(audit(Apart(ledger, 0)).differences) == 5
    assert audit(ledger).differences == ()


def test_a_journal_that_is_cut_while_it_is_read_is_read_again() -> None:
    """Once is enough where it was bad luck; where it goes on, the error says what to do."""
    ledger = MemoryLedger()
    guard_on(ledger, *_LIMITS).charge(ALICE, usd(1))
    torn = 0

    class Torn(_Since):
        def page(self, after: str = "", keys: Sequence[str] = ()) -> Page:
            nonlocal torn
            torn -= 1
            page = self._ledger.page(after, keys)
            return Page(page.now_us, page.entries, page.cursor, page.is_end, torn < 0, page.standings)

    torn = 1
    assert audit(Torn(ledger, 0)).differences == ()
    torn = 100
    with pytest.raises(LedgerUnavailableError, match="journal_length"):
        audit(Torn(ledger, 0))


class _Endless:
    """A journal of a hundred thousand entries that is made as it is read."""

    def __init__(self, pages: int) -> None:
        self._pages = pages
        self._account = Account(Scope("global"), "total", 0, None, "usd")

    def page(self, after: str = "", keys: Sequence[str] = ()) -> Page:
        number = int(after or 0)
        entry = JournalEntry(1, "charge", "x" * 200, ("global",), Amounts(1), "", (Movement(self._account, 1, 0),))
        entries = [JournalEntry(1, "begin")] if number == 0 else [entry] * PAGE if number < self._pages else []
        booked = dict.fromkeys(keys, (PAGE * (self._pages - 1), 0))
        return Page(2, tuple(entries), str(min(number + 1, self._pages)), number >= self._pages, True, booked)

    def accounts(self) -> Iterator[str]:
        yield self._account.key

    def reservations(self) -> Iterator[Any]:
        yield from ()


@pytest.mark.slow
def test_a_huge_journal_takes_no_more_memory_than_a_small_one() -> None:
    """An audit adds it up as it is read, an export passes it on."""
    peaks = []
    for pages in (20, 400):
        tracemalloc.start()
        endless = _Endless(pages)
        report = audit(endless)  # type: ignore[arg-type]
        assert (report.differences, report.entries) == ((), 1 + PAGE * (pages - 1))
        assert sum(entry.spent_nanos == 0 for entry in read_pages(endless.page, 0)) == report.entries
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_it_tells_how_far_it_is() -> None:
    """Every entry and every account, once."""
    ledger = MemoryLedger()
    guard_on(ledger, *_LIMITS).charge(ALICE, usd(1))
    told: list[int] = []
    report = audit(ledger, told.append)
    assert sum(told) == report.entries + report.accounts == 7


def known_kinds(kinds: tuple[str, ...]) -> set[str]:
    """Those of them whose effect the audit knows."""
    return set(kinds) & set(EFFECTS)


def test_every_kind_of_the_journal_has_a_row() -> None:
    """And no row is of a kind that nobody writes."""
    assert set(EFFECTS) == known_kinds(KINDS) == set(KINDS)
    assert known_kinds((*KINDS, "extend")) != {*KINDS, "extend"}, "the control"


class _Told:
    """A ledger whose journal goes on with these entries once reservations were listed, as others would write them."""

    def __init__(self, inner: MemoryLedger, *later: JournalEntry) -> None:
        self._inner = inner
        self._later = later

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def reservations(self) -> Iterator[Record]:
        yield from self._inner.reservations()
        with self._inner._write() as transaction:
            for entry in self._later:
                transaction.move(entry.movements)
                transaction.note(entry)


@pytest.mark.parametrize("reserved", [0, 5 * CENT])
def test_a_kind_of_a_later_version_drops_no_open_reservation(reserved: int) -> None:
    """Met while the audit runs, it is booked, and whatever it names stays open; what is wrong elsewhere is found."""
    ledger = MemoryLedger()
    guard = guard_on(ledger, *_LIMITS)
    hold = guard.reserve(ALICE, usd(1))
    account = next(e.account for e in hold.entries if e.account.scope.kind == "user" and e.limit is not None)
    moves = (Movement(account, reserved, reserved),) if reserved else ()
    later = JournalEntry(1, "extend", hold.op_id, ("user/alice",), movements=moves, reserved_as=hold.op_id)
    assert audit(_Told(ledger, later)).differences == ()  # type: ignore[arg-type]
    (bob,) = [e.account for e in guard.reserve(BOB, usd(1)).entries if e.account.scope.id == "bob" and e.limit]
    with ledger._write() as transaction:
        transaction.move([Movement(bob, 0, -1)])
    assert [d.account for d in audit(ledger).differences] == [bob.key]


def test_taking_every_other_kind_for_an_end_drops_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The naive control: an audit that knows no kind but the first calls sound books wrong."""
    ledger = MemoryLedger()
    hold = guard_on(ledger, *_LIMITS).reserve(ALICE, usd(1))
    later = JournalEntry(1, "extend", hold.op_id, ("user/alice",), reserved_as=hold.op_id)
    monkeypatch.setitem(EFFECTS, "extend", ENDS)
    assert audit(_Told(ledger, later)).differences  # type: ignore[arg-type]
