"""The journal: one entry for every movement, whose sums are the books, and an audit that proves it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import pytest
from attrs import frozen

from coreason_budget.books.audit import audit
from coreason_budget.errors import BudgetError, BudgetExceededError, IdempotencyConflictError, InvalidAmountError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ids import MAX_TTL_S
from coreason_budget.ledger.base import Priced
from coreason_budget.ledger.journal import PAGE, JournalEntry
from coreason_budget.model import Amounts, Memo, Subject
from coreason_budget.testing.crowd import Racer, in_processes, in_threads
from coreason_budget.testing.kit import ALICE, CENT, DAY_S, USD, LedgerKit, books, limit, usd

_TTL_S = 600
_LIMITS = (limit("user", 10 * USD), limit("user", 9000, unit="tokens"), limit("global", 100 * USD, window="total"))

Act = Callable[[BudgetGuard], object]


class JournalLaws(LedgerKit):
    """What the journal says, and that it says all."""

    def test_a_journal_begins_where_its_namespace_does(self) -> None:
        """The first entry tells that nothing is missing before it."""
        self.ledger.ping()
        assert list(self.ledger.journal()) == [JournalEntry(self.clock.now_us, "begin")]

    def test_a_charge_leaves_one_entry(self) -> None:
        """When, what, whose, how much, by what price, and every account that moved."""
        guard = self.guard(*_LIMITS)
        guard.charge(
            Subject.of("alice", "p", "m", {"team": "x/y"}), Amounts(7, 5), idempotency_key="k", memo=Memo("list")
        )
        (entry,) = self._after("begin")
        assert (entry.at_us, entry.kind, entry.op_id, entry.price) == (self.clock.now_us, "charge", "k", "list")
        assert entry.subject == ("user/alice", "project/p", "model/m", "team/x/y", "global")
        assert (entry.model, entry.amounts, entry.late, entry.reserved_as) == ("m", Amounts(7, 5, 1), False, "")
        assert self._moves(entry)["user/alice day tokens"] == (5, 0)
        assert self._moves(entry)["global total usd"] == (7, 0)
        assert len(entry.movements) == 7
        assert entry.spent_nanos == 7

    def test_a_reservation_leaves_one_entry_at_each_end(self) -> None:
        """Held, then booked: the second gives back what the first took, under the ending's own key."""
        guard = self.guard(*_LIMITS)
        hold = guard.reserve(ALICE, Amounts(USD, 40), idempotency_key="r", memo=Memo("bound"))
        guard.settle(hold.reservation_id, lambda model: Priced(CENT, "list"), 30, idempotency_key="s", content={"c": 1})
        reserve, settle = self._after("begin")
        assert (reserve.kind, reserve.op_id, reserve.reserved_as, reserve.price) == ("reserve", "r", "r", "bound")
        assert self._moves(reserve) == {
            "user/alice day usd": (USD, USD),
            "user/alice day tokens": (40, 40),
            "global total usd": (USD, USD),
        }
        assert (settle.kind, settle.op_id, settle.reserved_as, settle.price) == ("settle", "s", "r", "list")
        assert settle.amounts == Amounts(CENT, 30, 1)
        assert self._moves(settle)["user/alice day usd"] == (CENT - USD, -USD)
        assert self._moves(settle)["model/gpt-4o day usd"] == (CENT, 0)
        assert (reserve.spent_nanos, settle.spent_nanos) == (0, CENT)

    def test_a_release_leaves_one_entry(self) -> None:
        """Nothing is booked, and all is given back."""
        guard = self.guard(*_LIMITS)
        guard.release(guard.reserve(ALICE, usd(1)).reservation_id)
        entry = self._after("begin", "reserve")[0]
        assert (entry.kind, entry.amounts, entry.price) == ("release", Amounts(0, 0, 0), "")
        assert self._moves(entry)["user/alice day usd"] == (-USD, -USD)

    @pytest.mark.parametrize(("on_lapse", "spent"), [("charge", USD), ("release", 0)])
    def test_a_lapse_leaves_one_entry_whoever_notices(self, on_lapse: str, spent: int) -> None:
        """Under the reservation's op id and price, once, however many look."""
        guard = self.guard(*_LIMITS, on_lapse=on_lapse)
        hold = guard.reserve(ALICE, usd(1), memo=Memo("bound"))
        self.clock.advance(seconds=_TTL_S)
        guard.usage(ALICE)
        guard.usage(ALICE)
        (entry,) = self._after("begin", "reserve")
        assert (entry.kind, entry.op_id, entry.reserved_as) == ("lapse", hold.op_id, hold.op_id)
        assert (entry.at_us, entry.price, entry.spent_nanos) == (self.clock.now_us, "bound", spent)
        assert not entry.late

    @pytest.mark.parametrize("noticed", [True, False])
    def test_a_late_ending_is_a_correction(self, noticed: bool) -> None:
        """One entry, marked late; with the lapse, if somebody had noticed it, it adds up to the true cost."""
        guard = self.guard(*_LIMITS)
        for end in (lambda id: guard.settle(id, CENT), guard.release):
            hold = guard.reserve(ALICE, usd(1))
            self.clock.advance(seconds=_TTL_S)
            if noticed:
                guard.usage(ALICE)
            end(hold.reservation_id)
        entries = self._after("begin")
        lapse = ["lapse"] if noticed else []
        assert [e.kind for e in entries] == ["reserve", *lapse, "correction"] * 2
        assert [e.late for e in entries if e.kind == "correction"] == [True, True]
        assert sum(e.spent_nanos for e in entries) == CENT

    def test_a_lapse_on_demand_is_a_lapse(self) -> None:
        """As a block does that was left by an exception."""
        guard = self.guard(*_LIMITS)
        guard.lapse(guard.reserve(ALICE, usd(1)).reservation_id)
        assert [e.kind for e in self._after("begin", "reserve")] == ["lapse"]

    def test_what_changes_nothing_leaves_nothing(self) -> None:
        """Replays, refusals, conflicts, checks and errors are not booked, and not in the journal."""
        guard = self.guard(limit("user", 2 * USD))
        hold = guard.reserve(ALICE, usd(1), idempotency_key="r")
        guard.charge(ALICE, usd(1), idempotency_key="c")
        before = list(self.ledger.journal())
        acts: list[Act] = [
            lambda g: g.reserve(ALICE, usd(1), idempotency_key="r"),
            lambda g: g.charge(ALICE, usd(1), idempotency_key="c"),
            lambda g: g.reserve(ALICE, usd(1)),
            lambda g: g.check(ALICE, usd(1)),
            lambda g: g.charge(ALICE, usd(2), idempotency_key="c"),
            lambda g: g.settle("unknown", 1),
            lambda g: g.settle(hold.reservation_id, -1),
            lambda g: g.usage(ALICE),
        ]
        assert sum(self._fails(guard, act) for act in acts) == 5
        assert list(self.ledger.journal()) == before

    def test_an_ending_is_noted_once(self) -> None:
        """Whatever is sent again, with its key or without."""
        guard = self.guard(*_LIMITS)
        first, second = guard.reserve(ALICE, usd(1)), guard.reserve(ALICE, usd(1))
        for _ in range(2):
            guard.settle(first.reservation_id, CENT)
            guard.settle(second.reservation_id, CENT, idempotency_key="own")
        assert [e.kind for e in self._after("begin", "reserve", "reserve")] == ["settle", "settle"]

    def test_the_journal_is_read_since_a_moment_and_by_pages(self) -> None:
        """In the order of booking, whole, however many pages it takes."""
        guard = self.guard(*_LIMITS)
        for number in range(PAGE + 50):
            self.clock.advance(us=1)
            guard.charge(ALICE, Amounts(number))
        entries = list(self.ledger.journal())
        assert [e.amounts.usd_nanos for e in entries[1:]] == list(range(PAGE + 50))
        assert list(self.ledger.journal(self.clock.now_us - 9)) == entries[-10:]
        assert list(self.another().journal()) == entries
        first = self.ledger.page()
        second = self.ledger.page(first.cursor)
        assert (first.entries + second.entries, first.is_end, second.is_end) == (tuple(entries), False, True)
        assert first.is_whole
        assert second.is_whole
        assert self.ledger.page(second.cursor).entries == ()

    def test_a_page_tells_how_accounts_stand(self) -> None:
        """Of any key, at the moment up to which its entries go."""
        guard = self.guard(*_LIMITS)
        hold = guard.reserve(ALICE, usd(1))
        key = hold.entries[0].account.key
        page = self.ledger.page(keys=[key, "usd|day|0|user/nobody"])
        assert page.standings == {key: (USD, USD), "usd|day|0|user/nobody": (0, 0)}
        assert page.now_us == self.clock.now_us

    def test_every_account_is_listed(self) -> None:
        """However many there are, and nothing else."""
        guard = self.guard(limit("user", USD))
        subjects = [Subject(f"user {number}*[é]") for number in range(PAGE + 20)]
        for subject in subjects:
            guard.charge(subject, usd(1))
        guard.reserve(Subject("holds"), usd(1))
        wanted = {key for key, standing in books(guard, *subjects, Subject("holds")).items() if standing != (0, 0)}
        assert set(self.ledger.accounts()) == wanted
        assert len(wanted) == PAGE + 22

    def test_open_and_lapsed_reservations_are_listed(self) -> None:
        """Those that wait for an end first, then those that may still be corrected; not what has ended."""
        guard = self.guard(*_LIMITS)
        lapsed = guard.reserve(ALICE, usd(1), idempotency_key="lapsed")
        guard.lapse(lapsed.reservation_id)
        guard.lapse(guard.reserve(ALICE, usd(1)).reservation_id)
        still = [guard.reserve(ALICE, Amounts(1), ttl_s=MAX_TTL_S, idempotency_key=f"{n}") for n in range(PAGE + 20)]
        guard.settle(guard.reserve(ALICE, usd(1)).reservation_id, CENT, idempotency_key="own")
        guard.release(guard.reserve(ALICE, usd(1)).reservation_id)
        guard.charge(ALICE, usd(1))
        found = {r.reservation_id: r.state for r in self.ledger.reservations()}
        assert list(found.values()) == ["open"] * len(still) + ["lapsed"] * 2
        assert {id for id, state in found.items() if state == "open"} == {hold.reservation_id for hold in still}
        assert lapsed.reservation_id in found

    def test_an_audit_balances_whatever_was_done(self) -> None:
        """Law 12, on windows that are over too."""
        guard = self.guard(*_LIMITS)
        for _ in range(3):
            guard.settle(guard.reserve(ALICE, usd(1)).reservation_id, CENT)
            guard.reserve(ALICE, usd(1))
            guard.charge(ALICE, usd(0.5))
            self.clock.advance(seconds=DAY_S)
        guard.usage(ALICE)
        report = audit(self.ledger)
        assert report.differences == ()
        assert (report.is_complete, report.not_covered, report.accounts) == (True, 0, 16)

    @pytest.mark.parametrize("crowd", ["threads", pytest.param("processes", marks=pytest.mark.processes)])
    def test_an_audit_balances_while_others_book(self, crowd: str) -> None:
        """Law 12 at every moment: what is booked during an audit is neither missed nor counted twice."""
        ledger = self.ledger
        run, open = (in_processes, self.elsewhere()) if crowd == "processes" else (in_threads, lambda: ledger)
        limits = (limit("user", 600), limit("global", 3000), limit("user", 10**6, unit="tokens"))
        jobs = [Busy(open, limits, 120, seed) for seed in range(4)]
        answers: Sequence[Any] = run([*jobs, *[Auditor(open, limits, 12)] * 2])
        assert sum(answers[:4]) > 100
        assert list(answers[4:]) == [0, 0]
        report = audit(self.ledger)
        assert report.differences == ()
        assert report.is_complete

    def _after(self, *kinds: str) -> list[JournalEntry]:
        entries = list(self.ledger.journal())
        assert [e.kind for e in entries[: len(kinds)]] == list(kinds)
        return entries[len(kinds) :]

    def _moves(self, entry: JournalEntry) -> dict[str, tuple[int, int]]:
        return {f"{m.account.scope} {m.account.window} {m.account.unit}": (m.used, m.reserved) for m in entry.movements}

    def _fails(self, guard: BudgetGuard, act: Act) -> bool:
        try:
            act(guard)
        except (BudgetExceededError, IdempotencyConflictError, InvalidAmountError, BudgetError):
            return True
        return False


@frozen
class Busy(Racer):
    """Random calls that reserve, settle, release, lapse and charge; answers how many were booked."""

    times: int
    seed: int

    def __call__(self, start: Callable[[], object]) -> int:
        guard, random, booked = self.guard(), Random(self.seed), Counter[bool]()
        start()
        for _ in range(self.times):
            booked[self._call(guard, random)] += 1
        return booked[True]

    def _call(self, guard: BudgetGuard, random: Random) -> bool:
        subject = Subject(f"u{random.randrange(4)}")
        try:
            id = guard.reserve(subject, Amounts(random.randrange(1, 40), 3)).reservation_id
        except BudgetExceededError:
            guard.charge(subject, Amounts(1))
            return False
        match random.randrange(5):
            case 0:
                guard.settle(id, random.randrange(60))
            case 1 | 2:
                guard.release(id)
            case 3:
                guard.settle(guard.lapse(id).reservation_id or id, 1)
        return True


@frozen
class Auditor(Racer):
    """Audits over and over; answers how many differences it saw."""

    times: int

    def __call__(self, start: Callable[[], object]) -> int:
        ledger = self.open()
        start()
        return sum(len(audit(ledger).differences) for _ in range(self.times))
