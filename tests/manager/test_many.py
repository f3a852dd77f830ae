"""One manager for all threads, before and after a fork."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import (
    BudgetError,
    BudgetExceededError,
)
from tests.manager.kit import books, make


@pytest.mark.parametrize("url", ["memory://", "sqlite:///b.db"])
def test_one_manager_serves_every_thread(url):
    """Threads that race for 10 USD admit exactly what fits, and the books balance."""
    budget = make(ledger_url=url, ledger_timeout_s=30)
    barrier = threading.Barrier(8)

    def work(i):
        barrier.wait()
        admitted = 0
        for _ in range(25):
            try:
                with budget.reserve("alice", "0.10", f"project{i}") as reservation:
                    reservation.settle("0.10")
                admitted += 1
            except BudgetExceededError:
                pass
        return admitted

    with ThreadPoolExecutor(8) as pool:
        admitted = sum(pool.map(work, range(8)))
    assert admitted == 100
    assert books(budget)["user/alice"] == books(budget)["global"] == (10, 0)


_FORK = """
import os, sys
from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import BudgetExceededError
budget = BudgetManager(BudgetConfig(ledger_url="sqlite:///b.db", ledger_timeout_s=30))
if sys.argv[1] == "used":
    budget.record_spend("alice", "0.5")
children = []
for _ in range(3):
    child = os.fork()
    if child == 0:
        admitted = 0
        for _ in range(20):
            try:
                budget.reserve("alice", "0.5").settle("0.5")
                admitted += 1
            except BudgetExceededError:
                pass
        os._exit(admitted)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
budget.record_spend("bob", 1)
spent = {b.scope: b.spent for b in budget.usage("alice")}
print(sum(codes), spent["user/alice"], spent["global"])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(("before", "admitted"), [("used", "19"), ("unused", "20")])
def test_a_manager_may_be_forked_before_or_after_its_first_use(before, admitted):
    """Children and parent share one budget, each on connections of its own."""
    done = subprocess.run([sys.executable, "-c", _FORK, before], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [admitted, "10.00", "11.00"], done.stderr


_MEMORY_FORK = """
import os
from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import ConfigError
budget = BudgetManager(BudgetConfig(ledger_url="memory://"))
budget.record_spend("alice", 1)
child = os.fork()
if child == 0:
    try:
        budget.check_availability("alice")
    except ConfigError:
        os._exit(7)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_budget_in_memory_is_refused_in_a_second_process():
    """Every fork would own a full budget."""
    done = subprocess.run([sys.executable, "-c", _MEMORY_FORK], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "7"


def test_every_error_of_a_manager_is_a_budget_error(budget):
    """One except clause catches whatever goes wrong."""
    for call in (
        lambda: budget.check_availability("alice", estimated_cost=11),
        lambda: budget.record_spend("alice", -1),
        lambda: budget.record_spend("", 1),
        lambda: budget.record_spend("alice", model="no-such-model", input_tokens=1),
        lambda: budget.settle("nobody", 1),
        lambda: BudgetConfig(port=0),
        lambda: BudgetManager(BudgetConfig(ledger_url="http://x")),
    ):
        with pytest.raises(BudgetError):
            call()
