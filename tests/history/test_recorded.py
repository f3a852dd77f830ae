"""Recorded histories: processes that mix all calls on a bad line, and a checker that looks for an explanation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path

import pytest
from attrs import evolve

from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.base import Ledger
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.ledger.sqlite.ledger import SqliteLedger
from coreason_budget.model import Subject
from coreason_budget.testing.crowd import in_processes
from coreason_budget.testing.kit import guard_on, limit
from tests.faults.faults import Chance
from tests.faults.proxy import proxied
from tests.history.checker import problems
from tests.history.recorder import Call, Worker, attempt
from tests.scale import scaled

LIMITS: dict[str | None, int] = {"ann": 500, "ben": 500, None: 800}
_LIMITS = (limit("user", 500, window="total"), limit("global", 800, window="total"))
SEEDS = scaled([1], list(range(50)))
_LONG_AFTER_US = 3600 * 1_000_000


def later(ledger_us: int) -> int:
    """A clock by which every reservation of the run has lapsed."""
    return ledger_us + _LONG_AFTER_US


def run(far: Callable[[], Ledger], near: Callable[[], Ledger], seed: int) -> list[Call]:
    """Record, and then ask again, on a good line, for what stayed unknown."""
    jobs = [Worker(far, _LIMITS, seed * 100 + number, scaled(60, 150)) for number in range(6)]
    calls = list(chain(*in_processes(jobs)))
    guards = {policy: guard_on(near(), *_LIMITS, on_lapse=policy) for policy in ("charge", "release")}
    for call in calls:
        if call.outcome == "unknown":
            attempt(guards[call.on_lapse], call)
            if call.verb == "reserve" and call.outcome == "ended":
                call.outcome = "lapsed"
    return [evolve(c, lapses=None) if c.outcome == "lapsed" else c for c in calls]


def books(guard: BudgetGuard) -> dict[str | None, int]:
    found = {
        (user if b.account.scope.kind == "user" else None): (b.used_units, b.reserved_units)
        for user in ("ann", "ben")
        for b in guard.usage(Subject(user))
        if b.window == "total"
    }
    assert all(reserved == 0 for _, reserved in found.values())
    return {user: used for user, (used, _) in found.items()}


@pytest.mark.redis
@pytest.mark.processes
@pytest.mark.timeout(scaled(120, 3600))
@pytest.mark.parametrize("seed", SEEDS)
def test_a_history_on_redis_and_a_bad_line_has_an_explanation(seed: int, valkey_url: str, namespace: str) -> None:
    """Laws 1, 2, 4, 6, 7 and 12: six processes, one packet in twenty cut, reservations that lapse meanwhile."""
    with proxied(valkey_url) as proxy:
        proxy.fault = Chance(seed, request=0.05, reply=0.03)
        open = partial(RedisLedger, namespace=namespace, timeout_s=0.5)
        calls = run(partial(open, proxy.url), partial(open, valkey_url, timeout_s=30), seed)
        assert proxy.fault.times > 20
    end = guard_on(RedisLedger(valkey_url, namespace=namespace, clock=later), *_LIMITS)
    assert_mixed(calls)
    assert problems(calls, LIMITS, books(end)) == []


@pytest.mark.processes
@pytest.mark.timeout(scaled(120, 3600))
@pytest.mark.parametrize("seed", SEEDS)
def test_a_history_on_sqlite_has_an_explanation(seed: int, tmp_path: Path) -> None:
    """The same on a file that six processes share."""
    open = partial(SqliteLedger, tmp_path / "budget.db", timeout_s=30)
    calls = run(open, open, seed)
    assert_mixed(calls)
    assert problems(calls, LIMITS, books(guard_on(open(clock=later), *_LIMITS))) == []


def assert_mixed(calls: list[Call]) -> None:
    """The history has something of everything, or it proves little."""
    seen = {(c.verb, c.outcome) for c in calls}
    assert {("reserve", "done"), ("reserve", "refused"), ("settle", "done"), ("release", "done")} <= seen
    assert {("charge", "done"), ("read", "done"), ("settle", "ended")} <= seen


_HELD = Call("reserve", "a", "ann", 300, 10, 20, "done", "id-a")
_FINE = [
    _HELD,
    Call("settle", "s", "ann", 200, 50, 60, "done", "id-a"),
    Call("charge", "c", "ann", 100, 70, 80, "done"),
    Call("read", "x", "ann", 300, 90, 95, "done"),
    Call("reserve", "b", "ann", 201, 100, 110, "refused"),
]
_BOOKS: dict[str | None, int] = {"ann": 300, "ben": 0, None: 300}


def test_a_right_history_is_right() -> None:
    """The checker finds nothing where there is nothing."""
    assert problems(_FINE, LIMITS, _BOOKS) == []


@pytest.mark.parametrize(
    ("calls", "books"),
    [
        pytest.param([*_FINE, Call("reserve", "b", "ann", 201, 100, 110, "done", "id-b")], {"ann": 501}, id="over"),
        pytest.param(
            [_HELD, Call("reserve", "b", "ann", 300, 15, 30, "done", "id-b")], {"ann": 600}, id="over at once"
        ),
        pytest.param(_FINE, {"ann": 400}, id="booked twice"),
        pytest.param(_FINE, {"ann": 200}, id="lost"),
        pytest.param([*_FINE, Call("release", "r", "ann", 0, 70, 75, "done", "id-a")], {"ann": 300}, id="ended twice"),
        pytest.param([_HELD, Call("settle", "s", "ann", 1, 50, 60, "ended", "id-a")], {"ann": 300}, id="ended never"),
        pytest.param([*_FINE, Call("read", "y", "ann", 299, 120, 130, "done")], {"ann": 300}, id="read wrong"),
        pytest.param([Call("reserve", "b", "ann", 1, 1, 2, "refused")], {"ann": 0}, id="refused for nothing"),
        pytest.param([Call("charge", "b", "ann", 1, 1, 2, "unknown")], {"ann": 0}, id="never answered"),
    ],
)
def test_a_wrong_history_is_found_out(calls: list[Call], books: dict[str | None, int]) -> None:
    """The controls: the checker sees each way to be wrong."""
    assert problems(calls, LIMITS, {"ben": 0, None: books["ann"], **books})
