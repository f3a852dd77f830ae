"""What only the ledger in memory does: it forgets in place, and stays small."""

from __future__ import annotations

import os
from itertools import count

import pytest

from coreason_budget.errors import ConfigError
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing import ManualClock
from coreason_budget.testing.fork import in_fork
from coreason_budget.testing.interrupt import interrupted_at
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


def test_its_journal_keeps_as_many_entries_as_it_was_told() -> None:
    """Neither one more nor one less: they are all that it takes."""
    ledger = MemoryLedger(journal_length=5)
    guard = guard_on(ledger, limit("user", USD))
    for number in range(20):
        guard.charge(Subject("a"), Amounts(number))
    assert [entry.amounts.usd_nanos for entry in ledger.journal()] == [15, 16, 17, 18, 19]


def test_an_interrupt_while_the_journal_is_cut_stops_nobody() -> None:
    """What was half cut is cut by the next call."""
    ledger = MemoryLedger(journal_length=1)
    guard = guard_on(ledger, limit("user", USD))
    for step in count():
        try:
            with interrupted_at(step, ledger):
                guard.charge(Subject("a"), Amounts(step))
            break
        except KeyboardInterrupt:
            guard.charge(Subject("a"), Amounts(step))
    assert step > 10
    assert [entry.amounts.usd_nanos for entry in ledger.journal()] == [step]


def test_two_ledgers_share_nothing() -> None:
    """Each object is a world of its own."""
    first, second = (guard_on(MemoryLedger(), limit("user", USD)) for _ in range(2))
    first.charge(Subject("a"), Amounts(USD))
    second.reserve(Subject("a"), Amounts(USD))
    assert [g.usage(Subject("a"))[0].reserved_units for g in (first, second)] == [0, USD]


def test_a_key_is_remembered_for_a_day_and_not_a_microsecond_more() -> None:
    """Law 4: the same call is a replay until then, and a new one from then on."""
    clock = ManualClock()
    guard = guard_on(MemoryLedger(clock=clock), limit("user", USD))
    guard.charge(Subject("a"), Amounts(1), idempotency_key="k")
    clock.advance(seconds=DAY_S, us=-1)
    assert guard.charge(Subject("a"), Amounts(1), idempotency_key="k").replayed
    clock.advance(us=1)
    assert not guard.charge(Subject("a"), Amounts(1), idempotency_key="k").replayed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_second_process_is_told_what_to_use() -> None:
    """The setting is named, and what to put there."""
    guard = guard_on(MemoryLedger(), limit("user", USD))
    guard.charge(Subject("a"), Amounts(1))

    def refused() -> None:
        with pytest.raises(ConfigError) as error:
            guard.charge(Subject("a"), Amounts(1))
        assert error.value.field == "ledger_url"
        assert str(error.value) == (
            "a memory ledger cannot be used in a second process: each would own a full budget; "
            "use sqlite:///... or redis://..."
        )

    with in_fork(refused):
        pass
