"""A conversation that breaks at any byte: nothing is booked twice, by halves, or past a limit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from attrs import frozen

from coreason_budget.books.audit import audit
from coreason_budget.errors import BudgetExceededError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.model import Amounts
from coreason_budget.testing import ManualClock
from tests.faults.conftest import CALL, USD, make_guard
from tests.faults.faults import TRANSACTION, Cut, Interject
from tests.faults.proxy import Proxy
from tests.scale import scaled

# A prime, so that the points fall on every kind of byte; a soak takes each of them.
STRIDE = scaled(13, 1)
ASKED = Amounts(6 * USD // 10)
Act = Callable[[BudgetGuard, str], object]


def charge(guard: BudgetGuard, reservation_id: str) -> object:
    return guard.charge(CALL, ASKED, idempotency_key="the-charge")


def reserve(guard: BudgetGuard, reservation_id: str) -> object:
    return guard.reserve(CALL, ASKED, idempotency_key="the-reserve")


def settle(guard: BudgetGuard, reservation_id: str) -> object:
    return guard.settle(reservation_id, USD // 10, idempotency_key="the-settle")


def release(guard: BudgetGuard, reservation_id: str) -> object:
    return guard.release(reservation_id)


def lapse(guard: BudgetGuard, reservation_id: str) -> object:
    return guard.lapse(reservation_id)


def reap(guard: BudgetGuard, reservation_id: str) -> object:
    return guard.usage(CALL)


# What there is before the act, and what stands on every account after it: used and reserved, in tenths of a USD.
ACTS = [
    pytest.param(charge, "nothing", (6, 0), id="charge"),
    pytest.param(reserve, "nothing", (6, 6), id="reserve"),
    pytest.param(settle, "open", (1, 0), id="settle"),
    pytest.param(release, "open", (0, 0), id="release"),
    pytest.param(lapse, "open", (6, 0), id="lapse"),
    pytest.param(settle, "due", (1, 0), id="late settle"),
    pytest.param(release, "due", (0, 0), id="late release"),
    pytest.param(reap, "due", (6, 0), id="reap"),
    pytest.param(charge, "due", (12, 0), id="charge and reap"),
]


def stand(guard: BudgetGuard) -> dict[str, tuple[int, int]]:
    return {str(b.account.scope): (b.used_units * 10 // USD, b.reserved_units * 10 // USD) for b in guard.usage(CALL)}


@frozen
class Pair:
    """Two guards on one namespace: ``far`` through the proxy and already connected, ``near`` directly."""

    near: BudgetGuard
    far: BudgetGuard
    reservation_id: str


def pair(proxy: Proxy, url: str, namespace: str, before: str, timeout_s: float = 5.0) -> Pair:
    """Guards, and what there is before the act: ``nothing``, or a reservation that is ``open`` or ``due``."""
    clock = ManualClock()
    near = make_guard(url, namespace, clock=clock)
    far = make_guard(proxy.url, namespace, clock=clock, timeout_s=timeout_s)
    far.usage(CALL)
    reservation_id = near.reserve(CALL, ASKED).reservation_id if before != "nothing" else ""
    if before == "due":
        clock.advance(seconds=600)
    return Pair(near, far, reservation_id)


def size_of(act: Act, before: str, proxy: Proxy, url: str, direction: str, namespace: str) -> int:
    """How many bytes the act takes in a direction when nothing breaks."""
    sized = pair(proxy, url, f"{namespace}-sized", before)
    proxy.cut("none", 0)
    act(sized.far, sized.reservation_id)
    return proxy.passed[direction]


def cut_points(size: int, direction: str) -> list[int]:
    """The bytes to cut at: one in STRIDE. The last few may not come: times vary in length."""
    return [*range(0, size - 8, STRIDE), *([TRANSACTION] if direction == "request" else [])]


@pytest.mark.redis
@pytest.mark.timeout(scaled(60, 1800))
@pytest.mark.parametrize("direction", ["request", "reply"])
@pytest.mark.parametrize(("act", "before", "expected"), ACTS)
def test_a_cut_conversation_counts_once(
    act: Act,
    before: str,
    expected: tuple[int, int],
    direction: str,
    proxy: Proxy,
    valkey_url: str,
    namespace: str,
) -> None:
    """Cut anywhere, a mutation that is repeated with its key is booked once, on every account."""
    points = cut_points(size_of(act, before, proxy, valkey_url, direction, namespace), direction)
    for after in points:
        made = pair(proxy, valkey_url, f"{namespace}-{after:05d}", before)
        proxy.cut(direction, after)
        act(made.far, made.reservation_id)
        assert proxy.has_fired()
        act(made.near, made.reservation_id)
        found = stand(made.near)
        model = found.pop("model/gpt-4o")
        assert found["user/alice"] == found["global"] == expected, (after, found)
        assert model == ((0, 0) if act is reserve else expected), (after, model)
        assert audit(made.near.ledger).differences == (), after


@pytest.mark.redis
@pytest.mark.timeout(scaled(60, 1800))
@pytest.mark.parametrize("direction", ["request", "reply"])
def test_a_cut_undo_counts_once(direction: str, proxy: Proxy, valkey_url: str, namespace: str) -> None:
    """A rival takes all between look and hold, and the undo is cut anywhere: what stands is the rival's alone."""
    for after in range(0, 10_000, STRIDE):
        made = pair(proxy, valkey_url, f"{namespace}-{after:05d}", "nothing")
        rivals: list[object] = []
        cut = Cut(direction, after)
        proxy.fault = Interject(partial(take_the_rest, made.near, rivals), cut)
        assert not holds(made.far)
        assert len(rivals) == 10
        assert stand(made.near)["user/alice"] == stand(made.near)["global"] == (10, 10), after
        if not cut.happened.is_set():
            break
    assert after > 400, "the undo must have been cut, not just the hold"


@pytest.mark.redis
@pytest.mark.parametrize(("direction", "before"), [("request", True), ("request", False), ("reply", False)])
def test_a_lost_reply_never_admits_what_a_rival_took(
    direction: str, before: bool, proxy: Proxy, valkey_url: str, namespace: str
) -> None:
    """While a reserve is cut off a rival takes the rest; together they never hold more than the limit."""
    points = cut_points(size_of(reserve, "nothing", proxy, valkey_url, direction, namespace), direction)
    held = [race(proxy, valkey_url, f"{namespace}-{after:05d}", direction, after, before) for after in points]
    assert all(owner + rival <= 10 for owner, rival in held), held
    assert {owner for owner, _ in held} <= {0, 6}
    assert any(rival for _, rival in held), "the rival must have had its chance"


@pytest.mark.redis
def test_without_its_copies_a_lost_reply_admits_too_much(proxy: Proxy, valkey_url: str, namespace: str) -> None:
    """The control must fail: a record that is trusted without its verdict admits past the limit."""
    owner, rival = race(proxy, valkey_url, namespace, "request", TRANSACTION, True, NaiveLedger)
    assert owner + rival > 10


def race(
    proxy: Proxy,
    url: str,
    namespace: str,
    direction: str,
    after: int,
    before: bool,
    ledger: type[RedisLedger] = RedisLedger,
) -> tuple[int, int]:
    """What owner and rival hold in the end, in tenths of a USD; the books must say the same."""
    near, far = make_guard(url, namespace), make_guard(proxy.url, namespace, ledger=ledger)
    far.usage(CALL)
    rivals: list[object] = []
    proxy.cut(direction, after, lambda: take_the_rest(near, rivals), before=before)
    owner = 6 * holds(far)
    assert proxy.has_fired()
    total = owner + len(rivals)
    assert stand(near)["user/alice"] == stand(near)["global"] == (total, total), (after, owner, rivals)
    assert audit(near.ledger).differences == (), after
    return owner, len(rivals)


def take_the_rest(guard: BudgetGuard, taken: list[object]) -> None:
    """Reserve a tenth of a USD until nothing is left."""
    with contextlib.suppress(BudgetExceededError):
        while True:
            taken.append(guard.reserve(CALL, Amounts(USD // 10)))


def holds(guard: BudgetGuard) -> bool:
    """Whether the owner ends up with its reservation."""
    try:
        reserve(guard, "")
    except BudgetExceededError:
        return False
    return True


class NaiveLedger(RedisLedger):
    """The control: takes a record that is there for an admission, and never asks its copies."""

    def _is_no_admission(self, *seen: Any) -> bool:
        return False
