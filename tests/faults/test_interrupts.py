"""Exceptions from outside, at any step: the next caller gets its own answer, and no connection is lost."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count

import pytest
import redis

from coreason_budget.guard import BudgetGuard
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing.interrupt import interrupted_at
from tests.faults.conftest import CALL, USD, make_guard
from tests.scale import scaled

pytestmark = pytest.mark.redis

OTHER = Subject.of("bob")
VERBS: dict[str, Callable[[BudgetGuard, str], object]] = {
    "reserve": lambda guard, key: guard.reserve(CALL, Amounts(1), idempotency_key=key),
    "charge": lambda guard, key: guard.charge(CALL, Amounts(1), idempotency_key=key),
    "life": lambda guard, key: guard.settle(guard.reserve(CALL, Amounts(1), idempotency_key=key).reservation_id, 1),
    "usage": lambda guard, key: guard.usage(CALL),
}


class Stopped(BaseException):
    """What a signal handler raises, as gunicorn's does."""


def connections(url: str) -> int:
    """How many the server has, this question's aside."""
    with redis.Redis.from_url(url) as client:
        return len(client.client_list()) - 1  # type: ignore[arg-type]


@pytest.mark.timeout(scaled(60, 600))
@pytest.mark.parametrize("verb", VERBS)
def test_after_an_interrupt_the_next_caller_gets_its_own_answer(verb: str, valkey_url: str, namespace: str) -> None:
    """KeyboardInterrupt at every step where Python looks for signals; another user then sees its own books."""
    guard = make_guard(valkey_url, namespace)
    guard.charge(OTHER, Amounts(USD // 2))
    before = connections(valkey_url)
    for step in count(0, scaled(3, 1)):
        try:
            with interrupted_at(step, guard.ledger):
                VERBS[verb](guard, f"{verb}-{step}")
            break
        except KeyboardInterrupt:
            assert guard.usage(OTHER)[0].used_units == USD // 2, step
    assert step > 60
    assert connections(valkey_url) <= before
    assert guard.usage(OTHER)[0].used_units == USD // 2


@pytest.fixture
def alarms() -> Iterator[None]:
    """SIGALRM raises `Stopped`, wherever the program is."""

    def stop(*_: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@contextmanager
def stopped_within(seconds: float) -> Iterator[None]:
    """Send a real signal somewhere in the block, if it lasts that long."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.mark.timeout(scaled(60, 600))
def test_signals_at_random_moments_count_every_key_once(valkey_url: str, namespace: str, alarms: None) -> None:
    """A real signal in the middle of anything: the same call again counts once, and no connection is left over."""
    guard = make_guard(valkey_url, namespace)
    guard.charge(OTHER, Amounts(USD // 2))
    before = connections(valkey_url)
    chance, stops, calls = random.Random(7), 0, 0
    while stops < scaled(100, 5000):
        calls += 1
        try:
            with stopped_within(chance.uniform(0.00005, 0.001)):
                guard.charge(CALL, Amounts(1), idempotency_key=f"call-{calls}")
        except Stopped:
            stops += 1
            assert guard.usage(OTHER)[0].used_units == USD // 2
        guard.charge(CALL, Amounts(1), idempotency_key=f"call-{calls}")
    assert guard.usage(CALL)[0].used_units == calls
    assert connections(valkey_url) <= before


def test_a_plain_connection_that_is_kept_gives_a_foreign_reply(valkey_url: str) -> None:
    """The control must fail: after an exception between send and read, the next caller reads the last one's reply."""
    connection = redis.connection.Connection(
        port=int(valkey_url.rpartition(":")[2]), protocol=2, decode_responses=False
    )
    connection.connect()
    try:
        with suppress(Stopped):
            connection.send_command("ECHO", "mine")
            raise Stopped
        connection.send_command("ECHO", "yours")
        assert connection.read_response() == b"mine"
    finally:
        connection.disconnect()
