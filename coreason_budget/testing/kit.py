"""What the contract's tests share: the ledger under test, guards on it, and its books."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import pytest

from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.base import Backend, Clock
from coreason_budget.limits import Limit, LimitBook
from coreason_budget.model import Account, Amounts, Entry, Subject
from coreason_budget.money import NANOS_PER_USD
from coreason_budget.standing import Balance
from coreason_budget.testing.clock import ManualClock
from coreason_budget.windows import Calendar

USD = NANOS_PER_USD
CENT = USD // 100
HOUR_S = 3600
DAY_S = 24 * HOUR_S
ALICE = Subject("alice", "launch", "gpt-4o")
BOB = Subject("bob", "launch", "gpt-4o")

Books = Mapping[str, tuple[int, int]]
"""Account key -> (used, reserved)."""


def limit(kind: str, amount: int | None, window: str = "day", unit: str = "usd", id: str | None = None) -> Limit:
    """A limit in the unit's own whole units."""
    return Limit(kind, id, window, unit, amount)


def book(limits: Iterable[Limit], timezone: str = "UTC") -> LimitBook:
    """The limits as a guard takes them."""
    return LimitBook(limits, Calendar(timezone))


def guard_on(ledger: Backend, *limits: Limit, **options: Any) -> BudgetGuard:
    """A guard on any ledger, with these limits."""
    return BudgetGuard(ledger, book(limits), **options)


def balance(guard: BudgetGuard, subject: Subject, kind: str, window: str = "day", unit: str = "usd") -> Balance:
    """Where one account of a subject stands."""
    wanted = (kind, window, unit)
    (found,) = [b for b in guard.usage(subject) if (b.account.scope.kind, b.window, b.unit) == wanted]
    return found


def standing(
    guard: BudgetGuard, subject: Subject, kind: str, window: str = "day", unit: str = "usd"
) -> tuple[int, int]:
    """``used`` and ``reserved`` of one account of a subject."""
    found = balance(guard, subject, kind, window, unit)
    return found.used_units, found.reserved_units


def books(guard: BudgetGuard, *subjects: Subject) -> Books:
    """Every account of these subjects, to see that something changed nothing."""
    return {b.account.key: (b.used_units, b.reserved_units) for s in subjects for b in guard.usage(s)}


def books_of(ledger: Backend, accounts: Iterable[Account]) -> Books:
    """Where accounts stand, also of windows that are over."""
    entries = tuple(Entry(account, 0, None) for account in accounts)
    standings = ledger.read(lambda now_us: entries).standings
    return {e.account.key: standings.get(e.account.key, (0, 0)) for e in entries}


class LedgerKit:
    """The part of `LedgerContract` that a new ledger's test fills in, and the tools its tests use."""

    across_processes: ClassVar[bool] = False
    """Whether several processes can share the ledger's budgets; then `open_elsewhere` is needed."""

    forgets_by_clock: ClassVar[bool] = True
    """Whether forgetting follows ``clock`` too; False where a server forgets by its own time."""

    clock: ManualClock

    def make_ledger(self, clock: Clock) -> Backend:
        """Open the ledger. In each test the first one is empty, and every later one is on the same budgets.

        Give it time: races are proofs of exactness, so a ``timeout_s`` of 30 is right.
        """
        raise NotImplementedError

    def open_elsewhere(self, clock: Clock) -> Callable[[], Backend]:
        """A picklable function that opens the same budgets in another process."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _begin(self) -> Iterator[None]:
        self.clock = ManualClock()
        self._handles: list[Backend] = []
        yield
        for ledger in self._handles:
            ledger.close()

    @property
    def ledger(self) -> Backend:
        """The first handle of this test."""
        return self._handles[0] if self._handles else self.another()

    def another(self) -> Backend:
        """One more handle on the same budgets."""
        self._handles.append(self.make_ledger(self.clock))
        return self._handles[-1]

    def guard(self, *limits: Limit, **options: Any) -> BudgetGuard:
        """A guard on this test's ledger, with these limits."""
        return guard_on(self.ledger, *limits, **options)

    def elsewhere(self) -> Callable[[], Backend]:
        """The way to open this test's budgets in another process; skips where there is none."""
        if not self.across_processes:
            pytest.skip("this ledger lives in one process")
        return self.open_elsewhere(self.clock)

    def needs_forgetting(self) -> None:
        """Skip where a manual clock cannot make the ledger forget."""
        if not self.forgets_by_clock:
            pytest.skip("this ledger forgets by its server's own time")


def usd(dollars: int | float) -> Amounts:
    """A call that costs so many USD."""
    return Amounts(round(dollars * USD))
