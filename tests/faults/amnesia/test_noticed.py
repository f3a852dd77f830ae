"""A database that forgot what was spent: whoever notices halts it for all, until it is back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.errors import BudgetExceededError, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.ledger.redis.epoch import RedisEpoch
from coreason_budget.model import Amounts
from coreason_budget.server import create_app
from tests.faults.amnesia.kit import (
    CENT,
    NAMESPACE,
    VERBS,
    assert_halted,
    begin_anew,
    forget_all,
    guard_of,
    lose_the_sequence,
    noticed,
    used,
)
from tests.faults.conftest import CALL, USD, make_guard
from tests.faults.proxy import proxied
from tests.faults.servers import SnapshotServer
from tests.ledger.verbs import why
from tests.server.service import Service

pytestmark = pytest.mark.redis


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("forget", [forget_all, begin_anew, lose_the_sequence])
def test_whatever_a_process_does_it_notices(
    forget: Callable[[SnapshotServer], None], verb: str, server: SnapshotServer
) -> None:
    """Flushed, begun anew by another or missing its sequence: every verb notices, and all processes stop."""
    guard, other = guard_of(server), guard_of(server)
    reservation_id = guard.reserve(CALL, CENT).reservation_id
    other.check(CALL, CENT)
    forget(server)
    assert "ledger is halted" in why(lambda: VERBS[verb](guard, reservation_id))
    for each in (guard, other, guard_of(server)):
        assert_halted(each, reservation_id)


def test_a_restored_snapshot_is_noticed_and_its_loss_told(server: SnapshotServer) -> None:
    """The same epoch with a sequence that went back: the text tells from where to where."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    old = server.snapshot()
    for _ in range(3):
        guard.charge(CALL, CENT)
    server.restart_from(old)
    assert "went back from 4 to 1" in why(lambda: guard.reserve(CALL, CENT))
    assert_halted(guard_of(server))


def test_what_was_only_acknowledged_counts(server: SnapshotServer) -> None:
    """The last thing a process heard was its own EXEC: that it is gone is noticed at the next packet."""
    guard = guard_of(server)
    guard.check(CALL, CENT)
    old = server.snapshot()
    guard.charge(CALL, CENT)
    server.restart_from(old)
    assert "went back from 1 to 0" in why(lambda: guard.check(CALL, CENT))


def test_a_restart_that_lost_nothing_is_no_amnesia(server: SnapshotServer) -> None:
    """The right snapshot, or one that another process wrote on after: all go on."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    server.restart_from(server.snapshot())
    assert used(guard) == CENT.usd_nanos
    guard_of(server).charge(CALL, CENT)
    server.restart_from(server.snapshot())
    guard.charge(CALL, CENT)
    assert used(guard) == 3 * CENT.usd_nanos
    assert guard.ledger.status().trouble == ""


def test_data_that_is_put_back_is_trusted_again(server: SnapshotServer) -> None:
    """Nobody restarts: with the right data every process goes on by itself, and the halt is gone with the wrong."""
    guard, other = guard_of(server), guard_of(server)
    guard.charge(CALL, CENT)
    old = server.snapshot()
    guard.charge(CALL, CENT)
    other.check(CALL, CENT)
    right = server.snapshot()
    for wrong in (b"", old):
        server.restart_from(wrong) if wrong else forget_all(server)
        noticed(guard)
        noticed(other)
        server.restart_from(right)
        for each in (guard, other, guard_of(server)):
            assert used(each) == 2 * CENT.usd_nanos
            each.check(CALL, CENT)
    other.charge(CALL, CENT)
    assert used(guard) == 3 * CENT.usd_nanos


@pytest.fixture
def replica(server: SnapshotServer, tmp_path: Path) -> Iterator[SnapshotServer]:
    """A second server of the same kind."""
    folder = tmp_path / "replica"
    folder.mkdir()
    made = SnapshotServer(folder, server.binary)
    made.start()
    yield made
    made.stop()


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_failover_is_halted_if_it_lost_writes(is_lost: bool, server: SnapshotServer, replica: SnapshotServer) -> None:
    """An asynchronous replica takes over without the last write, which was acknowledged; with it, all go on."""
    with proxied(server.url) as proxy:
        guard = make_guard(proxy.url, NAMESPACE)
        guard.charge(CALL, CENT)
        replica.follow(server)
        with replica.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")
        if is_lost:
            guard.charge(CALL, CENT)
        server.signal(signal.SIGKILL)
        proxy.lead_to(replica.url)
        if is_lost:
            assert "went back from 2 to 1" in why(lambda: guard.reserve(CALL, CENT))
            assert_halted(guard_of(replica))
        else:
            guard.charge(CALL, CENT)
            assert used(guard) == 2 * CENT.usd_nanos


def test_a_reserve_that_looked_before_the_halt_is_stopped_by_its_watch(
    server: SnapshotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first packet found all in order, for it knew nothing; the halt comes before its transaction."""
    knowing, ignorant = guard_of(server), guard_of(server)
    for _ in range(3):
        knowing.charge(CALL, CENT)
    lose_the_sequence(server)
    ignorant.check(CALL, CENT)
    halts: list[str] = []
    transact = RedisEpoch.transact

    def raced(self: RedisEpoch, *sent: Any) -> Any:
        if self is ignorant.ledger._epoch and not halts:  # type: ignore[attr-defined]
            halts.append(why(lambda: knowing.check(CALL, CENT)))
        return transact(self, *sent)

    monkeypatch.setattr(RedisEpoch, "transact", raced)
    assert "ledger is halted" in why(lambda: ignorant.reserve(CALL, CENT))
    assert len(halts) == 1
    assert knowing.ledger.accept()
    assert used(knowing) == 3 * CENT.usd_nanos


def test_a_halted_namespace_admits_nothing_to_a_crowd(server: SnapshotServer) -> None:
    """Threads that know nothing reserve while another halts: afterwards only what was admitted is there."""
    knowing, crowd = guard_of(server), [guard_of(server) for _ in range(4)]
    for _ in range(200):
        knowing.charge(CALL, Amounts(1))
    lose_the_sequence(server)
    admitted = [0] * len(crowd)
    working = threading.Barrier(len(crowd) + 1)

    def reserve(number: int) -> None:
        crowd[number].reserve(CALL, Amounts(1))
        admitted[number] += 1
        working.wait()
        try:
            while True:
                crowd[number].reserve(CALL, Amounts(1))
                admitted[number] += 1
        except LedgerUnavailableError:
            return

    threads = [threading.Thread(target=reserve, args=(number,)) for number in range(len(crowd))]
    for thread in threads:
        thread.start()
    working.wait()
    noticed(knowing)
    for thread in threads:
        thread.join()
    assert knowing.ledger.accept()
    assert used(knowing) == 200 + sum(admitted)


@pytest.mark.parametrize("poison", [b"many", b"-1", b"007", b"9223372036854775807", b"9" * 30])
def test_a_poisoned_sequence_is_corrupt_and_nothing_is_written(poison: bytes, server: SnapshotServer) -> None:
    """What INCR would fail on must be found before the transaction that would then be half done."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    with server.client() as client:
        client.set(f"{{{NAMESPACE}}}:sequence", poison)
        before = {key: client.dump(key) for key in client.scan_iter()}
        for verb in ("check", "reserve", "charge"):
            with pytest.raises(LedgerCorruptError):
                VERBS[verb](guard, "")
        client.delete(f"{{{NAMESPACE}}}:sequence")
        client.lpush(f"{{{NAMESPACE}}}:sequence", poison)
        with pytest.raises(LedgerCorruptError):
            guard.charge(CALL, CENT)
        client.delete(f"{{{NAMESPACE}}}:sequence")
        client.set(f"{{{NAMESPACE}}}:sequence", poison)
        assert before == {key: client.dump(key) for key in client.scan_iter()}


def test_over_http_it_is_503_and_the_log_says_why(server: SnapshotServer, caplog: pytest.LogCaptureFixture) -> None:
    """Never over budget, never a 500; health is 503 as well, and both are well after an accept.

    Who calls is told that nothing was admitted, and not what became of the database.
    """
    budget = BudgetManager(BudgetConfig(redis_url=server.url, namespace=NAMESPACE))
    client = create_app(budget=budget).test_client()
    assert client.post("/spend", json={"user_id": "alice", "cost": 1}).status_code == 200
    forget_all(server)
    for path, body in (("/check", {"user_id": "alice"}), ("/reserve", {"user_id": "alice", "cost": 1})):
        caplog.clear()
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json["type"]) == (503, "urn:coreason-budget:ledger-unavailable")
        assert "nothing was admitted or booked" in answer.json["detail"]
        for reason in ("the ledger is halted", "coreason-budget ledger accept"):
            assert reason in caplog.text
            assert reason not in answer.text
    assert client.get("/health").status_code == 503
    assert budget.ledger.accept()
    assert client.get("/health").status_code == 200
    assert client.post("/check", json={"user_id": "alice"}).status_code == 200


@pytest.mark.service
def test_a_service_that_starts_halted_says_so(server: SnapshotServer, tmp_path: Path) -> None:
    """At once, and it goes on without a restart when it is accepted."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    forget_all(server)
    noticed(guard)
    with Service(tmp_path, redis_url=server.url, namespace=NAMESPACE, workers=1) as service:
        assert "every answer is 503 until it can: the ledger is halted" in service.stderr
        assert service.request("GET", "/health")[0] == 503
        assert guard.ledger.accept()
        assert service.request("GET", "/health")[0] == 200


def test_over_budget_stays_over_budget(server: SnapshotServer) -> None:
    """A loss that is put back leaves a spent budget spent."""
    guard = guard_of(server)
    guard.charge(CALL, Amounts(USD))
    right = server.snapshot()
    forget_all(server)
    noticed(guard)
    server.restart_from(right)
    with pytest.raises(BudgetExceededError):
        guard.check(CALL, CENT)
