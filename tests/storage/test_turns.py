"""Who writes to a file waits for its turn: in the order of arrival, never past the deadline, and never for the dead."""

import gc
import threading
import time

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import LedgerUnavailableError
from coreason_budget.storage.turns import Turns, turns_of

SOON = 30.0


def soon():
    return time.monotonic() + SOON


def queue_up(turns, count, act):
    """Start threads that want a turn, each once the one before it stands in the queue."""
    threads = []
    for number in range(count):
        thread = threading.Thread(target=act, args=(number,))
        thread.start()
        threads.append(thread)
        while len(turns._waiting) < number + 1:
            time.sleep(0.0005)
    return threads


def queue_up_and_go(turns, act):
    """Start one thread, and come back when it has the turn."""
    thread = threading.Thread(target=act, args=(0,))
    thread.start()
    while turns._now is None:
        time.sleep(0.0005)
    return [thread]


def test_turns_come_in_the_order_of_arrival():
    """Nobody overtakes, however many wait."""
    turns, served = Turns(), []

    def act(number):
        with turns.turn(soon()):
            served.append(number)

    with turns.turn(soon()):
        threads = queue_up(turns, 20, act)
    for thread in threads:
        thread.join()
    assert served == list(range(20))


def test_one_at_a_time():
    """Two never have the turn at once."""
    turns, inside, most = Turns(), [], []

    def act(_):
        for _ in range(50):
            with turns.turn(soon()):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=act, args=(0,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (400, 1)


def test_a_turn_that_does_not_come_is_an_error_at_the_deadline():
    """It names what to set; who gave up is out of the queue, and the next one is served."""
    turns, done = Turns(), threading.Event()

    def hold(_):
        with turns.turn(soon()):
            done.wait(SOON)

    (holder,) = queue_up_and_go(turns, hold)
    with pytest.raises(LedgerUnavailableError, match="ledger_timeout_s"), turns.turn(time.monotonic() + 0.05):
        pytest.fail("it was not its turn")
    assert not turns._waiting
    done.set()
    holder.join()
    with turns.turn(time.monotonic() + 0.05):
        pass


def test_who_is_interrupted_before_it_can_leave_holds_nobody_up():
    """Its ticket is gone with it."""
    turns = Turns()
    lost = turns.turn(soon())
    lost.__enter__()
    turns._leave = lambda ticket: None
    del lost
    gc.collect()
    del turns._leave
    with turns.turn(soon()):
        pass


def test_a_file_has_one_queue_and_a_child_its_own(monkeypatch):
    """Several managers on one file share it."""
    assert turns_of("a") is turns_of("a")
    assert turns_of("a") is not turns_of("b")
    mine = turns_of("a")
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert turns_of("a") is not mine


def test_sixteen_threads_are_all_served():
    """Nobody is refused for want of a turn, and everything is booked once."""
    budget = BudgetManager(BudgetConfig(ledger_url="sqlite:///crowd.db", ledger_timeout_s=20))
    failures = []

    def spend(number):
        try:
            for _ in range(10):
                budget.record_spend(f"user-{number}", "0.01")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert str(budget.usage()[0].spent) == "1.60"
