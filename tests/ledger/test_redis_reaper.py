"""What a process that died left in Redis, and who cleans it up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from fakeredis import FakeRedis, FakeServer

from coreason_budget.books.audit import audit
from coreason_budget.errors import LedgerCorruptError, LedgerUnavailableError, ReservationError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.ledger.redis.packets import Watcher
from coreason_budget.model import Amounts, Subject
from coreason_budget.testing import ManualClock
from coreason_budget.testing.kit import ALICE, BOB, USD, guard_on, limit, standing, usd
from tests.fake_redis import connector

_NOTICED_BY: dict[str, Callable[[BudgetGuard], object]] = {
    "usage": lambda g: g.usage(BOB),
    "check": lambda g: g.check(BOB, Amounts(1)),
    "charge": lambda g: g.charge(BOB, Amounts(1)),
    "reserve": lambda g: g.reserve(BOB, Amounts(1)),
}


@pytest.fixture
def clock() -> ManualClock:
    """Time as the test sets it."""
    return ManualClock()


@pytest.fixture
def guard(server: FakeServer, clock: ManualClock) -> BudgetGuard:
    """A dollar a day for every user, and the most for all."""
    ledger = RedisLedger("redis://nowhere", timeout_s=10, clock=clock, connect=connector(server))
    return guard_on(ledger, limit("user", USD), limit("global", 1000 * USD, window="total"))


def _charge(guard: BudgetGuard) -> Any:
    return guard.charge(ALICE, usd(0.7))


def _reserve_over_the_limit_and_die(
    guard: BudgetGuard, monkeypatch: pytest.MonkeyPatch, ttl_s: float, rival: Callable[[BudgetGuard], Any] = _charge
) -> Any:
    """Another call is first, and the process ends before it sees that it had no room; answers the other's answer."""
    transact, answers = Link.transact, []

    def overtaken(link: Link, packet: bytes, commands: int) -> Any:
        monkeypatch.setattr(Link, "transact", transact)
        answers.append(rival(guard))
        transact(link, packet, commands)
        raise KeyboardInterrupt

    guard.usage(ALICE)
    monkeypatch.setattr(Link, "transact", overtaken)
    with pytest.raises(KeyboardInterrupt):
        guard.reserve(ALICE, usd(0.5), idempotency_key="over", ttl_s=ttl_s)
    assert standing(guard, ALICE, "user")[0] == 12 * USD // 10
    return answers[0]


@pytest.mark.parametrize("verb", list(_NOTICED_BY))
def test_what_never_had_room_is_undone_and_not_charged(
    guard: BudgetGuard, clock: ManualClock, verb: str, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 1: a reservation that its limit refused lapses to nothing, beside one that lapses as it was told to."""
    guard.reserve(BOB, usd(0.2), ttl_s=5)
    _reserve_over_the_limit_and_die(guard, monkeypatch, ttl_s=5)
    clock.advance(seconds=5)
    _NOTICED_BY[verb](guard)
    clock.advance(us=-1)
    assert standing(guard, ALICE, "user") == (7 * USD // 10, 0)
    assert standing(guard, BOB, "user")[0] in (USD // 5, USD // 5 + 1)
    entries = [e for e in guard.ledger.journal() if e.reserved_as == "over"]
    assert [(e.kind, e.amounts.usd_nanos) for e in entries] == [("reserve", USD // 2), ("undo", 0)]
    assert entries[1].at_us == clock.now_us + 1
    assert audit(guard.ledger).differences == ()
    names = [name.decode() for name in FakeRedis(server=server).scan_iter()]
    assert "{coreason}:r:over" not in names
    assert not any(name.startswith("{coreason}:v:") and name.endswith(":over") for name in names)


def test_what_never_had_room_is_undone_where_its_account_may_still_be_written(
    guard: BudgetGuard, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day's account that is about to be forgotten is left alone; the account that lasts is put right."""
    _reserve_over_the_limit_and_die(guard, monkeypatch, ttl_s=24 * 3600)
    clock.advance(seconds=30 * 24 * 3600)
    guard.usage(BOB)
    (undo,) = [e for e in guard.ledger.journal() if e.kind == "undo"]
    assert [(m.account.window, m.used, m.reserved) for m in undo.movements] == [("total", -USD // 2, -USD // 2)]
    assert standing(guard, ALICE, "global", "total") == (7 * USD // 10, 0)


@pytest.mark.parametrize("verb", ["settle", "release", "lapse"])
def test_what_never_had_room_cannot_be_ended(guard: BudgetGuard, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never was: whoever tries undoes it, and books nothing."""
    _reserve_over_the_limit_and_die(guard, monkeypatch, ttl_s=600)
    (record,) = list(guard.ledger.reservations())
    ends = {"settle": lambda id: guard.settle(id, 1), "release": guard.release, "lapse": guard.lapse}
    with pytest.raises(ReservationError) as caught:
        ends[verb](record.reservation_id)
    assert caught.value.reason == "unknown"
    assert standing(guard, ALICE, "user") == (7 * USD // 10, 0)


def test_a_replay_that_is_overtaken_tells_of_the_reservation_that_is_there(
    guard: BudgetGuard, server: FakeServer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one it read never had room; while it looked that was undone, and made anew under the same key."""
    rival = _reserve_over_the_limit_and_die(guard, monkeypatch, 600, lambda g: g.reserve(ALICE, usd(0.7)))
    ledger = RedisLedger("redis://nowhere", timeout_s=10, clock=clock, connect=connector(server))
    other = BudgetGuard(ledger, guard.limits)
    made: list[str] = []
    read = Watcher.read

    def overtaken(self: Watcher, link: Link, op_ids: Sequence[str], *rest: Any) -> Any:
        if self is ledger._reader and rest[1:] and not made:
            monkeypatch.setattr(Watcher, "read", read)
            guard.release(rival.reservation_id)
            made.append(guard.reserve(ALICE, usd(0.5), idempotency_key="over").reservation_id)
        return read(self, link, op_ids, *rest)

    monkeypatch.setattr(Watcher, "read", overtaken)
    found = other.reserve(ALICE, usd(0.5), idempotency_key="over")
    assert (made, found.replayed) == ([found.reservation_id], True)
    assert standing(guard, ALICE, "user") == (USD // 2, USD // 2)


def test_a_reservation_whose_verdict_is_gone_is_no_admission(
    guard: BudgetGuard, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 1: the copies tell that it had room; without them a replay admits nothing."""
    guard.reserve(ALICE, usd(0.5), idempotency_key="job")
    assert guard.reserve(ALICE, usd(0.5), idempotency_key="job").replayed
    client = FakeRedis(server=server)
    assert client.delete("{coreason}:v:0:job", "{coreason}:v:1:job") == 2
    monkeypatch.setattr(guard.ledger._operations, "_timeout_s", 0.05)  # type: ignore[attr-defined]
    with pytest.raises(LedgerUnavailableError):
        guard.reserve(ALICE, usd(0.5), idempotency_key="job")


@pytest.mark.parametrize("verb", list(_NOTICED_BY))
def test_a_record_that_is_gone_is_taken_off_the_list(
    guard: BudgetGuard, clock: ManualClock, verb: str, server: FakeServer
) -> None:
    """It stops nobody, and the others lapse as they were told to."""
    gone = guard.reserve(ALICE, usd(0.1), ttl_s=5)
    guard.reserve(BOB, usd(0.2), ttl_s=5)
    client = FakeRedis(server=server)
    client.delete(f"{{coreason}}:r:{gone.op_id}")
    clock.advance(seconds=5)
    _NOTICED_BY[verb](guard)
    clock.advance(us=-1)
    assert standing(guard, BOB, "global", "total")[0] in (3 * USD // 10, 3 * USD // 10 + 1)
    assert gone.op_id.encode() not in client.zrange("{coreason}:open", 0, -1)


def test_what_ended_meanwhile_is_taken_off_the_list_and_stays_as_it_ended(
    guard: BudgetGuard, clock: ManualClock, server: FakeServer
) -> None:
    """An entry too many in the list of open ones changes no books."""
    hold = guard.reserve(ALICE, usd(0.5), ttl_s=5)
    guard.settle(hold.reservation_id, USD // 10)
    client = FakeRedis(server=server)
    client.zadd("{coreason}:open", {hold.op_id: clock.now_us})
    guard.usage(ALICE)
    assert standing(guard, ALICE, "user") == (USD // 10, 0)
    assert client.zcard("{coreason}:open") == 0
    with pytest.raises(ReservationError) as caught:
        guard.release(hold.reservation_id)
    assert caught.value.reason == "settled"


def test_a_list_that_holds_no_op_id_is_corrupt(guard: BudgetGuard, clock: ManualClock, server: FakeServer) -> None:
    """And its key is named."""
    guard.usage(ALICE)
    FakeRedis(server=server).zadd("{coreason}:open", {b"\xff": clock.now_us})
    with pytest.raises(LedgerCorruptError, match=r"\{coreason\}:open"):
        guard.usage(ALICE)


def test_more_than_a_batch_lapses_the_oldest_first(guard: BudgetGuard, clock: ManualClock) -> None:
    """A charge ends a hundred behind itself, and the next one the rest."""
    for number in range(150):
        guard.reserve(Subject(f"u{number}"), Amounts(1), ttl_s=5 + number / 1000)
    clock.advance(seconds=6)
    left = []
    for _ in range(3):
        guard.charge(BOB, Amounts(0))
        left.append(
            [record.entries[0].account.scope.id for record in guard.ledger.reservations() if record.state == "open"]
        )
    assert [len(ids) for ids in left] == [50, 0, 0]
    assert set(left[0]) == {f"u{number}" for number in range(100, 150)}
