"""Many processes on a bad line: one request in twenty and three replies in a hundred are cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from attrs import frozen

from coreason_budget.errors import BudgetExceededError, LedgerUnavailableError
from coreason_budget.guard import BudgetGuard
from coreason_budget.model import Amounts
from coreason_budget.testing.crowd import in_processes, in_threads
from coreason_budget.testing.kit import USD, limit
from tests.faults.conftest import CALL, guard_at
from tests.faults.faults import Chance
from tests.faults.naive import NaiveBudget
from tests.faults.proxy import Proxy, proxied
from tests.scale import scaled

pytestmark = [pytest.mark.redis, pytest.mark.processes, pytest.mark.timeout(scaled(120, 1200))]

CENT = USD // 100
CALLERS = 8
SEEDS = scaled([1], list(range(20)))


@frozen
class Reserver:
    """Reserves a cent, again and again; each call is repeated with its key until it is answered."""

    guard: Callable[[], BudgetGuard]
    name: int
    times: int

    def __call__(self, start: Callable[[], object]) -> int:
        guard = self.guard()
        start()
        return sum(self._is_admitted(guard, f"{self.name}-{call}") for call in range(self.times))

    def _is_admitted(self, guard: BudgetGuard, key: str) -> bool:
        while True:
            try:
                guard.reserve(CALL, Amounts(CENT), idempotency_key=key)
                return True
            except BudgetExceededError:
                return False
            except LedgerUnavailableError:
                continue


@frozen
class Repeater:
    """Charges a hundred keys, each until it is answered; answers how many it was the first to charge."""

    guard: Callable[[], BudgetGuard]

    def __call__(self, start: Callable[[], object]) -> int:
        guard = self.guard()
        start()
        for key in range(100):
            self._charge(guard, f"key-{key}")
        return 100

    def _charge(self, guard: BudgetGuard, key: str) -> None:
        while True:
            try:
                guard.charge(CALL, Amounts(CENT), idempotency_key=key)
                return
            except LedgerUnavailableError:
                continue


@pytest.fixture(params=["valkey_url", "redis_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A real Valkey and a real Redis."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """A proxy before the server."""
    with proxied(url) as made:
        yield made


def used_and_reserved(guard: BudgetGuard) -> set[tuple[int, int]]:
    return {(b.used_units // CENT, b.reserved_units // CENT) for b in guard.usage(CALL) if b.limit_units is not None}


@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_the_limit_is_admitted_on_a_bad_line(seed: int, proxy: Proxy, url: str, namespace: str) -> None:
    """Law 1: 8 processes ask 500 times each for a cent of 10 USD: 1000 are admitted, and 1000 are in the books."""
    limits = (limit("user", 10 * USD), limit("global", 10 * USD))
    proxy.fault = Chance(seed, request=0.05, reply=0.03)
    far = partial(guard_at, proxy.url, namespace, limits)
    admitted = in_processes([Reserver(far, caller, 500) for caller in range(CALLERS)])
    assert proxy.fault.times > 100
    assert sum(admitted) == 1000
    assert used_and_reserved(guard_at(url, namespace, limits)) == {(1000, 1000)}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_keys_from_eight_processes_count_once(seed: int, proxy: Proxy, url: str, namespace: str) -> None:
    """Law 4: 100 keys, charged by 8 processes each, on a bad line: 100 charges."""
    limits = (limit("user", USD), limit("global", USD))
    proxy.fault = Chance(seed, request=0.05, reply=0.03)
    in_processes([Repeater(partial(guard_at, proxy.url, namespace, limits))] * CALLERS)
    assert proxy.fault.times > 20
    assert used_and_reserved(guard_at(url, namespace, limits)) == {(100, 0)}


def test_a_plain_client_miscounts_on_the_same_line(proxy: Proxy, url: str, namespace: str) -> None:
    """The control must fail: a counter behind redis-py's own retries holds more than it admitted."""
    proxy.fault = Chance(1, request=0.05, reply=0.03)

    def ask(start: Callable[[], object]) -> int:
        budget = NaiveBudget(proxy.url, namespace, limit=200)
        start()
        return sum(budget.reserve(1) for _ in range(100))

    admitted = sum(in_threads([ask] * 4))
    assert (admitted, NaiveBudget(url, namespace).used) != (200, 200)


def test_a_plain_client_charges_keys_twice_on_the_same_line(proxy: Proxy, url: str, namespace: str) -> None:
    """The control must fail: a key that is looked up, and then counted by a retried MULTI, counts more than once."""
    proxy.fault = Chance(1, request=0.05, reply=0.03)

    def ask(start: Callable[[], object]) -> int:
        budget = NaiveBudget(proxy.url, namespace)
        start()
        for key in range(100):
            budget.charge(f"key-{key}", 1)
        return 100

    in_threads([ask] * 4)
    assert NaiveBudget(url, namespace).used > 100
