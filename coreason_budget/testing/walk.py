"""A random walk through all verbs, with books of its own that the ledger's must equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from attrs import define

from coreason_budget.errors import BudgetExceededError, ReservationError
from coreason_budget.guard import BudgetGuard
from coreason_budget.model import Account, Amounts, Subject
from coreason_budget.standing import Hold, Receipt
from coreason_budget.testing.kit import CENT, HOUR_S, LedgerKit, books_of, limit

_NOTHING = Amounts(0, 0, 0)


@define
class _Held:
    hold: Hold
    on_lapse: str
    state: str = "open"
    booked: Amounts = _NOTHING


class RandomWalk:
    """Random calls, and after each the books as they must be: counted from the answers alone.

    It knows nothing of how a ledger or the rules count: a charge adds to each of its accounts, an
    open reservation is held on its limited ones, an ended one is what it booked, a lapsed one
    what its policy says.
    """

    def __init__(self, kit: LedgerKit, seed: int) -> None:
        self._kit = kit
        self._random = Random(seed)
        limits = (
            limit("user", 300 * CENT),
            limit("user", 200 * CENT, window="hour"),
            limit("user", 3000, unit="tokens"),
            limit("team", 500 * CENT, window="week"),
            limit("global", 900 * CENT),
            limit("global", 200, window="day", unit="requests"),
        )
        self._guards = {policy: kit.guard(*limits, on_lapse=policy) for policy in ("charge", "release")}
        self._charged: Counter[str] = Counter()
        self._reports: dict[str, tuple[Subject, Amounts]] = {}
        self._held: list[_Held] = []
        self._accounts: dict[str, Account] = {}
        # An evening that ends after midnight, within the day that endings are remembered for.
        kit.clock.advance(seconds=9.5 * HOUR_S)

    def run(self, steps: int) -> None:
        """Walk, and compare all books after every tenth step and at the end."""
        acts: list[Callable[[], None]] = [
            self._reserve, self._reserve, self._charge, self._report, self._end, self._end, self._correct, self._wait,
        ]  # fmt: skip
        for step in range(steps):
            self._random.choice(acts)()
            if step % 10 == 0:
                self._compare()
        self._compare()
        self._compare_journal()
        assert self._held
        assert self._charged

    def _subject(self) -> Subject:
        tags = (("team", self._random.choice("xy")),) if self._random.random() < 0.5 else ()
        return Subject(self._random.choice("abc"), self._random.choice(["p", None]), None, tags)

    def _guard(self) -> tuple[str, BudgetGuard]:
        return self._random.choice(list(self._guards.items()))

    def _amounts(self) -> Amounts:
        return Amounts(self._random.randrange(50 * CENT), self._random.randrange(300))

    def _reserve(self) -> None:
        policy, guard = self._guard()
        try:
            hold = guard.reserve(self._subject(), self._amounts(), ttl_s=self._random.choice([60, 600, 7200]))
        except BudgetExceededError:
            return
        self._accounts |= {e.account.key: e.account for e in hold.entries}
        self._held.append(_Held(hold, policy))

    def _charge(self) -> None:
        self._count(self._guard()[1].charge(self._subject(), self._amounts()))

    def _report(self) -> None:
        """Report a call of one's own in parts; what is booked of it is the most that was ever told."""
        key = f"answer {self._random.randrange(20)}"
        subject, most = self._reports.get(key, (self._subject(), Amounts(0, 0)))
        told = self._amounts()
        most = Amounts(max(most.usd_nanos, told.usd_nanos), max(most.tokens, told.tokens))
        receipt = self._guard()[1].charge(subject, told, idempotency_key=key, cumulative=True)
        assert receipt.amounts == most
        self._count(receipt)
        self._reports[key] = subject, most

    def _count(self, receipt: Receipt) -> None:
        added = _NOTHING if receipt.replayed else receipt.added
        for b in receipt.balances:
            self._accounts[b.account.key] = b.account
            self._charged[b.account.key] += added.of(b.unit)

    def _end(self) -> None:
        if not self._held:
            return
        held = self._random.choice(self._held)
        guard, id = self._guard()[1], held.hold.reservation_id
        verb = self._random.choice(["settle", "settle", "release", "lapse"])
        cost = Amounts(self._random.randrange(80 * CENT), self._random.randrange(400))
        try:
            if verb == "settle":
                guard.settle(id, cost.usd_nanos, cost.tokens, idempotency_key=f"{id[:22]}-{self._random.random()}")
                held.state, held.booked = "settled", cost
            elif verb == "release":
                guard.release(id, idempotency_key=f"{id[:22]}-{self._random.random()}")
                held.state, held.booked = "released", _NOTHING
            elif not guard.lapse(id).replayed:
                held.state, held.booked = "lapsed", self._lapsed(held)
        except ReservationError as error:
            self._is_rightly_refused(held, error)

    def _correct(self) -> None:
        """Correct what a reservation booked, whether it did or not."""
        if not self._held:
            return
        held, cost = self._random.choice(self._held), self._amounts()
        try:
            self._guard()[1].correct(held.hold.reservation_id, cost.usd_nanos, cost.tokens, only_up=False)
            assert held.state == "settled"
            held.booked = cost
        except ReservationError as error:
            assert held.state != "settled"
            self._is_rightly_refused(held, error)

    def _is_rightly_refused(self, held: _Held, error: ReservationError) -> None:
        if held.state == "open":
            assert error.reason == ("lapsed" if self._is_due(held) else "open")
        else:
            assert error.reason == held.state

    def _wait(self) -> None:
        self._kit.clock.advance(seconds=self._random.choice([1, 59, 600, 1800]))

    def _is_due(self, held: _Held) -> bool:
        return held.hold.lapses_us <= self._kit.clock.now_us

    def _lapsed(self, held: _Held) -> Amounts:
        return held.hold.amounts if held.on_lapse == "charge" else _NOTHING

    def _compare(self) -> None:
        used, reserved = Counter(self._charged), Counter[str]()
        for held in self._held:
            if held.state == "open" and self._is_due(held):
                held.state, held.booked = "lapsed", self._lapsed(held)
            for entry in held.hold.entries:
                key, unit = entry.account.key, entry.account.unit
                if held.state != "open":
                    used[key] += held.booked.of(unit)
                elif entry.limit is not None:
                    used[key] += held.hold.amounts.of(unit)
                    reserved[key] += held.hold.amounts.of(unit)
        expected = {key: (used[key], reserved[key]) for key in self._accounts}
        assert books_of(self._kit.ledger, self._accounts.values()) == expected

    def _compare_journal(self) -> None:
        used, reserved = Counter[str](), Counter[str]()
        for entry in self._kit.ledger.journal():
            for moved in entry.movements:
                used[moved.account.key] += moved.used
                reserved[moved.account.key] += moved.reserved
        expected = {key: (used[key], reserved[key]) for key in self._accounts}
        assert books_of(self._kit.ledger, self._accounts.values()) == expected
        assert set(used) <= set(self._accounts)
