"""ManualClock: time as a test sets it."""

import pickle
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest

from coreason_budget import BudgetConfig, BudgetExceededError, BudgetManager, testing
from coreason_budget.testing import ManualClock

_NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def test_it_ignores_the_ledgers_time() -> None:
    """Whatever the ledger says, the time is what the test set."""
    clock = ManualClock(_NEW_YEAR)
    assert clock(0) == clock(10**18) == int(_NEW_YEAR.timestamp()) * 1_000_000


def test_it_moves_only_when_told_and_exactly() -> None:
    """Seconds and microseconds add up without loss; a moment may be of any zone."""
    clock = ManualClock(_NEW_YEAR)
    clock.advance(seconds=0.1)
    clock.advance(seconds=-0.1, us=1)
    assert clock.now == _NEW_YEAR + timedelta(microseconds=1)
    clock.set(datetime(2027, 1, 1, 2, 0, 0, 5, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now == _NEW_YEAR + timedelta(microseconds=5)


def test_a_moment_without_a_zone_is_refused() -> None:
    """It would be another moment on every machine."""
    clock = ManualClock(_NEW_YEAR)
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2027, 1, 2))
    with pytest.raises(ValueError, match="time zone"):
        ManualClock(datetime(2027, 1, 2))
    assert clock.now == _NEW_YEAR


def test_a_pickled_copy_keeps_the_value_and_goes_its_own_way() -> None:
    """So it can be handed to another process."""
    clock = ManualClock(_NEW_YEAR)
    copy = pickle.loads(pickle.dumps(clock))
    copy.advance(seconds=60)
    assert (clock.now, copy.now - clock.now) == (_NEW_YEAR, timedelta(seconds=60))


def test_threads_may_advance_it_together() -> None:
    """No advance is lost."""
    clock = ManualClock(_NEW_YEAR)
    threads = [threading.Thread(target=lambda: [clock.advance(us=1) for _ in range(2000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.now == _NEW_YEAR + timedelta(microseconds=8000)


def test_it_is_the_clock_of_a_manager() -> None:
    """An application's test spends a day's budget, and the next day has a new one."""
    clock = ManualClock()
    budget = BudgetManager(BudgetConfig(ledger_url="memory://", daily_user_limit_usd=1), clock=clock)
    budget.record_spend("alice", 1)
    with pytest.raises(BudgetExceededError):
        budget.check_availability("alice")
    clock.advance(seconds=12 * 3600)
    budget.check_availability("alice")


def test_importing_the_library_does_not_import_pytest() -> None:
    """Pytest is for `coreason_budget.testing` alone."""
    code = "import sys, coreason_budget; sys.exit('pytest' in sys.modules or 'coreason_budget.testing' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_is_there_without_pytest() -> None:
    """An application's tests may be anybody's; the contract alone asks for it."""
    script = """
import sys
sys.modules["pytest"] = None
from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.testing import ManualClock
clock = ManualClock()
budget = BudgetManager(BudgetConfig(ledger_url="memory://"), clock=clock)
budget.record_spend("alice", 10)
clock.advance(seconds=86400)
print(budget.check_availability("alice").remaining_usd)
try:
    from coreason_budget.testing import LedgerContract
except ModuleNotFoundError as error:
    print("pytest" in str(error))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "10.00\nTrue\n", done.stderr


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As of any module."""
    assert testing.LedgerContract.__name__ == "LedgerContract"
    assert not hasattr(testing, "LedgerContracts")
