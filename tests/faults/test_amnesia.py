"""A database that forgot what was spent: whoever notices halts it for all, until it is back or accepted."""

from __future__ import annotations

import logging
import multiprocessing
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from coreason_budget import BudgetConfig, BudgetManager
from coreason_budget.audit import audit
from coreason_budget.errors import BudgetExceededError, ConfigError, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.epoch import Epoch
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.model import Amounts
from coreason_budget.server import create_app
from coreason_budget.testing.crowd import in_threads
from tests.faults.conftest import CALL, USD, make_guard
from tests.faults.proxy import proxied
from tests.faults.servers import SnapshotServer
from tests.server.service import Service

pytestmark = pytest.mark.redis

NAMESPACE = "forgetful"
CENT = Amounts(USD // 100)
VERBS: dict[str, Callable[[BudgetGuard, str], object]] = {
    "check": lambda guard, _: guard.check(CALL, CENT),
    "reserve": lambda guard, _: guard.reserve(CALL, CENT),
    "charge": lambda guard, _: guard.charge(CALL, CENT),
    "settle": lambda guard, id: guard.settle(id, 1),
    "release": lambda guard, id: guard.release(id),
    "usage": lambda guard, _: guard.usage(CALL),
    "ping": lambda guard, _: guard.ledger.ping(),
}


@pytest.fixture(params=["valkey", "redis"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SnapshotServer]:
    """Each server in turn, keeping snapshots only when it is told to."""
    if request.param == "redis":
        request.getfixturevalue("redis_url")  # Skips or fails where there is none.
    made = SnapshotServer(tmp_path, shutil.which("redis-server") if request.param == "redis" else None)
    made.start()
    yield made
    made.stop()


def guard_of(server: SnapshotServer) -> BudgetGuard:
    """What a process has: a guard with a memory of its own."""
    return make_guard(server.url, NAMESPACE)


def forget_all(server: SnapshotServer) -> None:
    with server.client() as client:
        client.flushall()


def begin_anew(server: SnapshotServer) -> None:
    forget_all(server)
    guard_of(server).charge(CALL, CENT)


def lose_the_sequence(server: SnapshotServer) -> None:
    with server.client() as client:
        assert client.delete(f"{{{NAMESPACE}}}:sequence") == 1


def used(guard: BudgetGuard) -> int:
    return guard.usage(CALL)[0].used_units


def why(act: Callable[[], object]) -> str:
    """The reason that an act is refused for: the ledger's, and no budget's."""
    with pytest.raises(LedgerUnavailableError) as caught:
        act()
    return str(caught.value)


def assert_halted(guard: BudgetGuard, reservation_id: str = "nobody") -> None:
    """No verb gets through, and each says what to do."""
    for verb in VERBS.values():
        text = why(lambda verb=verb: verb(guard, reservation_id))  # type: ignore[misc]
        assert "ledger is halted" in text
        assert "ledger accept" in text
    assert guard.ledger.status().trouble


def noticed(guard: BudgetGuard) -> None:
    """Let a process that knew better come by."""
    assert "ledger is halted" in why(lambda: guard.usage(CALL))


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


def work(url: str, orders: Connection) -> None:
    """A process of its own: charges a cent whenever it is told to, and answers how that went."""
    guard = make_guard(url, NAMESPACE)
    for _ in iter(orders.recv, "stop"):
        try:
            guard.charge(CALL, CENT)
            orders.send("ok")
        except LedgerUnavailableError as error:
            orders.send(str(error))


class Worker:
    """A process that charges when it is told to."""

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._orders, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(url, theirs), daemon=True)
        self._process.start()

    def charge(self) -> str:
        self._orders.send("charge")
        assert self._orders.poll(30)
        return str(self._orders.recv())

    def stop(self) -> None:
        self._orders.send("stop")
        self._process.join(30)


def test_accepted_running_processes_go_on_and_new_ones_begin(server: SnapshotServer) -> None:
    """Nobody is restarted: two processes that knew the old epoch join the new one, and so does a third."""
    workers = [Worker(server.url), Worker(server.url)]
    assert [w.charge() for w in workers] == ["ok", "ok"]
    forget_all(server)
    assert all("ledger is halted" in w.charge() for w in workers)
    workers.append(Worker(server.url))
    assert "ledger is halted" in workers[2].charge()
    operator = RedisLedger(server.url, namespace=NAMESPACE)
    assert operator.accept()
    assert [w.charge() for w in workers] == ["ok", "ok", "ok"]
    assert used(guard_of(server)) == 3 * CENT.usd_nanos
    assert not operator.accept(), "there is nothing left to accept"
    for worker in workers:
        worker.stop()


def test_who_follows_says_so(server: SnapshotServer, caplog: pytest.LogCaptureFixture) -> None:
    """A warning with both epochs, once."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    old = guard.ledger.status().epoch
    forget_all(server)
    noticed(guard)
    assert guard.ledger.accept()
    caplog.clear()
    guard.check(CALL, CENT)
    guard.check(CALL, CENT)
    new = guard.ledger.status().epoch
    (said,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and "epoch" in r.getMessage()]
    assert old in said
    assert new in said
    assert old != new


def test_the_books_of_an_accepted_epoch_are_audited_from_its_beginning(server: SnapshotServer) -> None:
    """Whoever halted the empty database began its journal too."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    forget_all(server)
    noticed(guard)
    assert guard.ledger.accept()
    guard.charge(CALL, CENT)
    report = audit(guard.ledger)
    assert (report.is_complete, report.accounts, report.not_covered, report.differences) == (True, 4, 0, ())


def test_an_old_copy_that_once_was_accepted_does_not_pass(server: SnapshotServer) -> None:
    """What was accepted before a process last found all in order is no news to it."""
    guard, other = guard_of(server), guard_of(server)
    for each in (guard, other):
        each.charge(CALL, CENT)
    forget_all(server)
    noticed(guard)
    assert guard.ledger.accept()
    once_accepted = server.snapshot()
    for each in (guard, other):
        each.charge(CALL, CENT)
    forget_all(server)
    noticed(guard)
    assert guard.ledger.accept()
    for each in (guard, other):
        each.charge(CALL, CENT)
    server.restart_from(once_accepted)
    assert "it is in epoch" in why(lambda: guard.charge(CALL, CENT))
    assert_halted(other)
    assert_halted(guard_of(server))


def test_a_clock_that_is_behind_does_not_lock_anyone_out(server: SnapshotServer) -> None:
    """After a failover to a host whose clock is behind, what an operator accepts is still the later one."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    known = guard.ledger._epoch._known  # type: ignore[attr-defined]
    known.seen_us += 3600 * 1_000_000
    forget_all(server)
    noticed(guard)
    assert RedisLedger(server.url, namespace=NAMESPACE).accept()
    guard.charge(CALL, CENT)
    assert used(guard) == CENT.usd_nanos


def test_nothing_to_accept_writes_nothing(server: SnapshotServer) -> None:
    """On a healthy namespace, and on an empty one."""
    ledger = RedisLedger(server.url, namespace=NAMESPACE)
    with server.client() as client:
        assert not ledger.accept()
        assert client.dbsize() == 0
        guard_of(server).charge(CALL, CENT)
        before = {key: client.dump(key) for key in client.scan_iter()}
        assert not ledger.accept()
        assert before == {key: client.dump(key) for key in client.scan_iter()}


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
    transact = Epoch.transact

    def raced(self: Epoch, *sent: Any) -> Any:
        if self is ignorant.ledger._epoch and not halts:  # type: ignore[attr-defined]
            halts.append(why(lambda: knowing.check(CALL, CENT)))
        return transact(self, *sent)

    monkeypatch.setattr(Epoch, "transact", raced)
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


def test_threads_that_share_a_ledger_raise_no_false_alarm(server: SnapshotServer) -> None:
    """Eight of them hammer it: replies come out of order, and that is no loss."""
    guard = guard_of(server)

    def hammer(number: int, start: Callable[[], object]) -> None:
        start()
        for turn in range(60):
            (guard.charge if (turn + number) % 2 else guard.check)(CALL, Amounts(1))

    in_threads([partial(hammer, number) for number in range(8)])
    assert used(guard) == guard.ledger.status().sequence == 8 * 30


class NaiveEpoch(Epoch):
    """The control: compares a reply with what is known when it is read, not when it was asked for."""

    def check(self, link: Link, floor: Any, text: Any, sequence_reply: Any, now_us: int) -> None:
        super().check(link, self.floor, text, sequence_reply, now_us)


def charge_before_it_is_read(guard: BudgetGuard, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let another charge be done between the next packet's reply and its reading; filled once that was."""
    ask, late = Link.ask, list[int]()

    def slow(self: Link, *sent: Any) -> Any:
        answers = ask(self, *sent)
        if not late:
            late.append(1)
            guard.charge(CALL, CENT)
        return answers

    monkeypatch.setattr(Link, "ask", slow)
    return late


@pytest.mark.parametrize("naive", [False, True])
def test_an_answer_that_is_read_late_is_no_loss(
    naive: bool, server: SnapshotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a packet's reply and its reading another thread charges; the naive control must fail here."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    late = charge_before_it_is_read(guard, monkeypatch)
    if naive:
        guard.ledger._epoch.__class__ = NaiveEpoch  # type: ignore[attr-defined]
        assert "replaced just now" in why(lambda: guard.check(CALL, CENT))
    else:
        guard.check(CALL, CENT)
        assert used(guard) == 2 * CENT.usd_nanos
    assert late


@pytest.mark.parametrize("act", ["status", "accept"])
def test_an_operator_is_not_misled_by_what_is_read_late(
    act: str, server: SnapshotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While others work it is healthy, and there is nothing to accept."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    before = guard.ledger.status().epoch
    late = charge_before_it_is_read(guard, monkeypatch)
    if act == "status":
        assert guard.ledger.status().trouble == ""
    else:
        assert guard.ledger.accept() is False
    assert late
    assert guard.ledger.status().epoch == before


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "volatile-lru"])
def test_an_evicting_server_is_refused_unless_allowed(
    policy: str, server: SnapshotServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that evicts only what expires, for accounts do. Refused, it is not written to."""
    with server.client() as client:
        client.config_set("maxmemory-policy", policy)
        for verb in VERBS.values():
            with pytest.raises(ConfigError, match=f"{policy}.*COREASON_BUDGET_ALLOW_EVICTION") as caught:
                verb(guard_of(server), "nobody")
            assert caught.value.field == "allow_eviction"
        assert client.dbsize() == 0
    assert policy in RedisLedger(server.url, namespace=NAMESPACE).status().trouble
    budget = BudgetManager(BudgetConfig(redis_url=server.url, allow_eviction="true"))
    budget.record_spend("alice", 1)
    assert f"may evict budgets (maxmemory-policy {policy})" in caplog.text


def test_what_an_operator_accepts_is_checked_again(server: SnapshotServer) -> None:
    """The server behind the address may be another one now, and evict."""
    guard = guard_of(server)
    guard.charge(CALL, CENT)
    forget_all(server)
    noticed(guard)
    assert guard.ledger.accept()
    with server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lfu")
        with pytest.raises(ConfigError, match="allkeys-lfu"):
            guard.charge(CALL, CENT)
        client.config_set("maxmemory-policy", "noeviction")
    guard.charge(CALL, CENT)
    assert used(guard) == CENT.usd_nanos


def test_how_a_server_keeps_budgets_is_said_at_the_start(
    server: SnapshotServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Persistence and eviction, in the log and in the status."""
    with caplog.at_level(logging.INFO, "coreason_budget"):
        guard_of(server).charge(CALL, CENT)
    assert "append-only file off, maxmemory-policy noeviction" in caplog.text
    assert "a restart may forget what was spent (appendonly yes)" in caplog.text
    status = RedisLedger(server.url, namespace=NAMESPACE).status()
    kept = dict(status.kept)
    assert kept.pop("server").partition(" ")[0] in ("redis", "valkey")
    assert kept == {
        "aof_enabled": "0", "appendfsync": "everysec", "save": "", "maxmemory": "0",
        "maxmemory_policy": "noeviction", "role": "master",
    }  # fmt: skip
    assert (status.trouble, status.sequence, status.open_reservations) == ("", 1, 0)


def test_a_user_without_rights_to_ask_is_told_nothing_and_goes_on(
    server: SnapshotServer, caplog: pytest.LogCaptureFixture
) -> None:
    """INFO and CONFIG may be forbidden: that is said, and budgets are kept."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "+@all", "-info", "-config")
    ledger = RedisLedger(server.url.replace("//", "//app:pw@"), namespace=NAMESPACE)
    ledger.ping()
    assert "does not say whether it may evict" in caplog.text
    assert dict(ledger.status().kept) == {"server": "redis"}


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


def test_over_http_it_is_503_and_says_why(server: SnapshotServer) -> None:
    """Never over budget, never a 500; health is 503 as well, and both are well after an accept."""
    budget = BudgetManager(BudgetConfig(redis_url=server.url, namespace=NAMESPACE))
    client = create_app(budget=budget).test_client()
    assert client.post("/spend", json={"user_id": "alice", "cost": 1}).status_code == 200
    forget_all(server)
    for path, body in (("/check", {"user_id": "alice"}), ("/reserve", {"user_id": "alice", "cost": 1})):
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json["type"]) == (503, "urn:coreason-budget:ledger-unavailable")
        assert "the ledger is halted" in answer.json["detail"]
        assert "coreason-budget ledger accept" in answer.json["detail"]
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
