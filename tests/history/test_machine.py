"""Any sequence of calls on any ledger: each answer and all books as a model of ten lines has them."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import pytest
from _pytest.outcomes import Failed
from attrs import evolve
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from coreason_budget.errors import BudgetExceededError, IdempotencyConflictError, ReservationError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.base import Charge, Ledger, Outcome, Refused, Reserve
from coreason_budget.ledger.memory import MemoryLedger
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.model import Amounts, Entry, Subject
from coreason_budget.testing import ManualClock
from coreason_budget.testing.kit import guard_on, limit
from tests.scale import scaled

pytestmark = pytest.mark.slow

USERS = st.sampled_from(["ann", "ben"])
LIMITS = {"user": 100, "global": 150}
AMOUNTS = st.integers(0, 90)
TTLS = st.sampled_from([10, 60, 600])


class Model:
    """The laws in ten lines: what is held, what is booked, and what fits."""

    def __init__(self) -> None:
        self.now_s = 0
        self.booked: Counter[str] = Counter()
        self.held: dict[str, tuple[str, int, int]] = {}

    def used(self, user: str | None = None) -> tuple[int, int]:
        """``used`` and ``reserved`` of a user, or of all."""
        held = sum(amount for who, amount, _ in self.held.values() if user in (None, who))
        return sum(n for who, n in self.booked.items() if user in (None, who)) + held, held

    def fits(self, user: str, amount: int) -> bool:
        if not amount:  # What costs nothing passes limits in USD.
            return True
        return self.used(user)[0] + amount <= LIMITS["user"] and self.used()[0] + amount <= LIMITS["global"]

    def wait(self, seconds: int) -> None:
        self.now_s += seconds
        for id in [id for id, (_, _, until_s) in self.held.items() if until_s <= self.now_s]:
            user, amount, _ = self.held.pop(id)
            self.booked[user] += amount


class Budgets(RuleBasedStateMachine):
    """All verbs, repeated and contradicted, on a ledger and on the model."""

    ledger: ClassVar[Any]

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self._open = contextmanager(self.ledger)(self.clock)
        self.guard: BudgetGuard = guard_on(
            self._open.__enter__(), *(limit(kind, most, window="total") for kind, most in LIMITS.items())
        )
        self.model = Model()
        self.charges: list[tuple[str, str, int]] = []
        self.reserves: list[tuple[str, str, int, int, str]] = []
        self.ended: dict[str, tuple[str, str, int]] = {}
        self.data = iter(range(10**6))

    def teardown(self) -> None:
        self._open.__exit__(None, None, None)

    @rule(user=USERS, amount=AMOUNTS, ttl_s=TTLS)
    def reserve(self, user: str, amount: int, ttl_s: int) -> None:
        key = f"r{next(self.data)}"
        fits = self.model.fits(user, amount)
        try:
            hold = self.guard.reserve(Subject(user), Amounts(amount), ttl_s=ttl_s, idempotency_key=key)
        except BudgetExceededError:
            assert not fits
            return
        assert fits
        assert not hold.replayed
        self.reserves.append((key, user, amount, ttl_s, hold.reservation_id))
        self.model.held[hold.reservation_id] = (user, amount, self.model.now_s + ttl_s)

    @rule(user=USERS, amount=AMOUNTS)
    def charge(self, user: str, amount: int) -> None:
        key = f"c{next(self.data)}"
        assert not self.guard.charge(Subject(user), Amounts(amount), idempotency_key=key).replayed
        self.charges.append((key, user, amount))
        self.model.booked[user] += amount

    @precondition(lambda self: self.charges)
    @rule(data=st.data())
    def charge_again(self, data: st.DataObject) -> None:
        key, user, amount = data.draw(st.sampled_from(self.charges))
        assert self.guard.charge(Subject(user), Amounts(amount), idempotency_key=key).replayed
        with pytest.raises(IdempotencyConflictError):
            self.guard.charge(Subject(user), Amounts(amount + 1), idempotency_key=key)

    @precondition(lambda self: self.reserves)
    @rule(data=st.data())
    def reserve_again(self, data: st.DataObject) -> None:
        key, user, amount, ttl_s, id = data.draw(st.sampled_from(self.reserves))
        call = lambda: self.guard.reserve(  # noqa: E731
            Subject(user), Amounts(amount), ttl_s=ttl_s, idempotency_key=key
        )
        if id in self.model.held:
            hold = call()
            assert (hold.replayed, hold.reservation_id) == (True, id)
        else:
            with pytest.raises(ReservationError):
                call()

    @precondition(lambda self: self.reserves)
    @rule(data=st.data(), verb=st.sampled_from(["settle", "release", "lapse"]), cost=st.integers(0, 130))
    def end(self, data: st.DataObject, verb: str, cost: int) -> None:
        _, user, asked, _, id = data.draw(st.sampled_from(self.reserves))
        booked = {"settle": cost, "release": 0, "lapse": asked}[verb]
        before = self.ended.get(id)
        is_held, wanted = id in self.model.held, (verb, user, booked)
        may_correct = verb != "lapse" and (before is None or before[0] == "lapse")
        call = {
            "settle": lambda: self.guard.settle(id, cost),
            "release": lambda: self.guard.release(id),
            "lapse": lambda: self.guard.lapse(id),
        }[verb]
        if not is_held and not may_correct and before != wanted:
            with pytest.raises(ReservationError):
                call()
            return
        receipt = call()
        assert receipt.replayed == (before == wanted)
        assert receipt.amounts.usd_nanos == booked
        if receipt.replayed:
            return
        _, held, _ = self.model.held.pop(id, (user, asked, 0))
        self.model.booked[user] += booked - (0 if is_held else held)
        self.ended[id] = wanted

    @rule(seconds=st.sampled_from([1, 9, 50, 600]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds=seconds)
        self.model.wait(seconds)

    @invariant()
    def books_are_the_models(self) -> None:
        for user in ("ann", "ben"):
            for balance in self.guard.usage(Subject(user)):
                if balance.window == "total":
                    of = user if balance.account.scope.kind == "user" else None
                    assert (balance.used_units, balance.reserved_units) == self.model.used(of)


def _memory(clock: ManualClock) -> Iterator[Ledger]:
    yield MemoryLedger(timeout_s=30, clock=clock)


def _sqlite(clock: ManualClock) -> Iterator[Ledger]:
    with TemporaryDirectory() as folder:
        ledger = SqliteLedger(Path(folder, "budget.db"), timeout_s=30, clock=clock)
        yield ledger
        ledger.close()


def _run(ledger: Any, examples: int) -> None:
    machine = type("OnLedger", (Budgets,), {"ledger": staticmethod(ledger)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


class ForgetsKeys(MemoryLedger):
    """The control: books every charge anew."""

    def charge(self, request: Charge) -> Outcome:
        return super().charge(evolve(request, op_id=secrets.token_hex(8)))


class AsksEachAccountAlone(MemoryLedger):
    """The control: a reserve looks at its first limit only."""

    def reserve(self, request: Reserve) -> Outcome | Refused:
        def plan(now_us: int) -> tuple[Entry, ...]:
            first, *rest = request.plan(now_us)
            return first, *[Entry.of(e.account, e.amount, e.limit and 10**9) for e in rest]

        return super().reserve(evolve(request, plan=plan))


@pytest.mark.parametrize("naive", [ForgetsKeys, AsksEachAccountAlone])
def test_a_naive_ledger_is_found_out(naive: type[MemoryLedger]) -> None:
    """The controls must fail: the machine finds a sequence that shows it."""

    def open_naive(clock: ManualClock) -> Iterator[Ledger]:
        yield naive(timeout_s=30, clock=clock)

    with pytest.raises((AssertionError, ExceptionGroup, Failed)):
        _run(open_naive, 200)


@pytest.mark.timeout(scaled(120, 3600))
def test_memory_is_the_model() -> None:
    """Every answer and every book, in memory."""
    _run(_memory, scaled(400, 20_000))


@pytest.mark.timeout(scaled(120, 3600))
def test_sqlite_is_the_model() -> None:
    """Every answer and every book, in a file."""
    _run(_sqlite, scaled(100, 3000))


@pytest.mark.redis
@pytest.mark.timeout(scaled(120, 3600))
def test_redis_is_the_model(valkey_url: str) -> None:
    """Every answer and every book, on a real server."""

    def redis(clock: ManualClock) -> Iterator[Ledger]:
        ledger = RedisLedger(valkey_url, namespace=secrets.token_hex(8), timeout_s=30, clock=clock)
        yield ledger
        ledger.close()

    _run(redis, scaled(120, 3000))
