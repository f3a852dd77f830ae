"""LiveBook: one owner of the limits in force, for the guard and for what the outbox delivers later."""

import pytest

from coreason_budget import BudgetConfig, BudgetExceededError, BudgetGuard, BudgetManager, LedgerUnavailableError
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.limits import Limit, LimitBook, LiveBook
from coreason_budget.model import Amounts, Entry, Subject
from coreason_budget.windows import Calendar

USD = 10**9
ALICE = Subject.of("alice")


def _book(*limits):
    return LimitBook(limits, Calendar())


class Switching(MemoryLedger):
    """A ledger whose reserve finds other limits in force by the time it asks for the entries."""

    def reserve(self, request):
        self.switch()
        return super().reserve(request)


def test_a_new_book_holds_from_the_next_call_on():
    """And what is booked stays: today's limit judges it."""
    live = LiveBook(_book(Limit("user", None, "day", "usd", 10)))
    guard = BudgetGuard(MemoryLedger(), live)
    guard.reserve(ALICE, Amounts(9))
    live.book = _book(Limit("user", None, "day", "usd", 8))
    with pytest.raises(BudgetExceededError):
        guard.check(ALICE, Amounts(1))
    live.book = _book(Limit("user", None, "day", "usd", 20))
    guard.reserve(ALICE, Amounts(11))


@pytest.mark.parametrize("before", [5, 50])
def test_a_call_in_flight_keeps_the_book_it_began_with(before):
    """Also where its ledger asks for the entries later: never half of one and half of another."""
    ledger = Switching()
    live = LiveBook(_book(Limit("user", None, "day", "usd", before)))
    ledger.switch = lambda: setattr(live, "book", _book(Limit("user", None, "day", "usd", 55 - before)))
    guard = BudgetGuard(ledger, live)
    if before == 50:
        guard.reserve(ALICE, Amounts(10))
    else:
        with pytest.raises(BudgetExceededError, match=r"of 0\.000000005 USD"):
            guard.reserve(ALICE, Amounts(10))


def test_guard_and_outbox_see_the_same_book(tmp_path):
    """What is delivered later counts on the accounts of the limits in force then."""

    class Down(MemoryLedger):
        is_down = True

        def charge(self, request):
            if self.is_down:
                raise LedgerUnavailableError("down")
            return super().charge(request)

    ledger = Down()
    budget = BudgetManager(BudgetConfig(outbox=tmp_path / "outbox.db"), ledger=ledger)
    with pytest.raises(LedgerUnavailableError):
        budget.record_spend("alice", 1)
    budget.guard.limits.book = _book(Limit("user", None, "month", "requests", 3))
    ledger.is_down = False
    assert budget.outbox.flush().delivered == 1
    (monthly,) = [b for b in budget.usage("alice") if b.window == "month"]
    assert (monthly.spent, monthly.limit) == (1, 3)


def test_a_limit_known_by_its_amount_is_the_same_entry():
    """Records keep the bare amount: what was said where is not what an entry is compared by."""
    (entry, _) = _book(Limit("user", None, "day", "usd", 5, "limits.yaml:3")).plan(ALICE, Amounts(2))(0)
    assert (entry.limit.source, entry.limit_units) == ("limits.yaml:3", 5)
    assert entry == Entry.of(entry.account, 2, 5)
    assert entry != Entry.of(entry.account, 2, 6)
    assert entry != Entry.of(entry.account, 2, None)
