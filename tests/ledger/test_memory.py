"""What only the ledger in memory does: it forgets in place, and stays small."""

from __future__ import annotations

from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing import ManualClock
from coreason_budget.testing.kit import DAY_S, USD, guard_on, limit


def test_what_is_forgotten_takes_no_memory() -> None:
    """A long run keeps what it still needs: records and accounts that expired are gone, the rest is there."""
    clock = ManualClock()
    ledger = MemoryLedger(clock=clock, journal_length=40)
    guard = guard_on(ledger, limit("user", USD), limit("global", 10**6 * USD, window="total"))
    for day in range(30):
        for user in range(10):
            hold = guard.reserve(Subject(f"{day}-{user}"), Amounts(1))
            guard.settle(hold.reservation_id, 1)
        clock.advance(seconds=DAY_S)
    assert len(ledger._data) < 250
    assert not ledger._is_open("nobody")
    assert guard.usage(Subject("x"))[-1].used_units == 300


def test_ended_reservations_leave_the_index_of_open_ones() -> None:
    """The index is tidied at the latest when the first of them would have lapsed."""
    clock = ManualClock()
    ledger = MemoryLedger(clock=clock)
    guard = guard_on(ledger, limit("user", USD))
    for _ in range(50):
        guard.settle(guard.reserve(Subject("a"), Amounts(1), ttl_s=5).reservation_id, 1)
    clock.advance(seconds=5)
    guard.usage(Subject("a"))
    assert ledger._open == {}


def test_two_ledgers_share_nothing() -> None:
    """Each object is a world of its own."""
    first, second = (guard_on(MemoryLedger(), limit("user", USD)) for _ in range(2))
    first.charge(Subject("a"), Amounts(USD))
    second.reserve(Subject("a"), Amounts(USD))
