"""The outbox on real ledgers: killed at every step, without answers, by many at once; nothing lost or doubled."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from attrs import evolve, frozen

from coreason_budget import BudgetManager, LedgerUnavailableError, OutcomeUnknownError
from coreason_budget.outbox.spend import Spend
from coreason_budget.outbox.underway import Underway
from coreason_budget.testing.crowd import in_processes
from tests.faults.faults import TRANSACTION, Cut
from tests.faults.proxy import proxied
from tests.faults.servers import PrivateServer
from tests.outbox.kit import DEAD, manager, queued, spent, states
from tests.scale import scaled

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
# Primes, so that the points fall on every kind of line.
FINE_STRIDE = scaled(7, 1)
STRIDE = scaled(13, 1)
FILES = ("coreason_budget/outbox/", "coreason_budget/ledger/")
KEYS = ("one", "two", "three")


@pytest.fixture(params=["sqlite", pytest.param("valkey", marks=pytest.mark.redis)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A ledger that outlives the process."""
    if request.param == "valkey":
        return str(request.getfixturevalue("valkey_url"))
    return f"sqlite:///{tmp_path}/budget.db"


class Killer:
    """Kills this process with SIGKILL at the n-th line that the outbox or its file runs."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        if not any(part in frame.f_code.co_filename for part in FILES):
            return None
        if event == "line":
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self.left -= 1
        return self


Say = Callable[[bytes], object]


def in_killed_child(job: Callable[[Say], object], after: int) -> tuple[bool, bytes]:
    """Run a job in a child that dies after so many lines; whether it died, and what it said before."""
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            sys.settrace(Killer(after))
            job(partial(os.write, send))
            sys.settrace(None)
            status = 0
        finally:
            os._exit(status)
    os.close(send)
    _, waited = os.waitpid(pid, 0)
    said = os.read(receive, 100)
    os.close(receive)
    code = os.waitstatus_to_exitcode(waited)
    assert code in (0, -signal.SIGKILL)
    return code != 0, said


@frozen
class Place:
    """An outbox, a ledger, and a namespace of their own."""

    folder: Path
    url: str
    namespace: str

    def open(self, url: str = "", timeout_s: float = 5) -> BudgetManager:
        return manager(
            self.folder / f"{self.namespace}.outbox",
            ledger_url=url or self.url,
            namespace=self.namespace,
            ledger_timeout_s=timeout_s,
            daily_user_limit_usd="unlimited",
        )


def places(folder: Path, url: str) -> Iterator[Place]:
    while True:
        yield Place(folder, url, secrets.token_hex(8))


class Announced:
    """A ledger that says when spend is about to be sent to it."""

    def __init__(self, inner: Any, say: Say) -> None:
        self._inner = inner
        self._say = say

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in ("charge", "end"):
            return method

        def call(request: Any) -> Any:
            self._say(b"sent ")
            return method(request)

        return call


def announced(budget: BudgetManager, say: Say) -> BudgetManager:
    outbox_ledger: Any = budget.ledger
    outbox_ledger._ledger = Announced(outbox_ledger._ledger, say)
    return budget


def charge_in_vain(place: Place, reservation_id: str, say: Say) -> None:
    """Charge while the ledger is out of reach; say if it is kept."""
    try:
        announced(place.open(DEAD), say).record_spend("alice", 1, idempotency_key="one")
    except LedgerUnavailableError as error:
        say(b"kept" if error.queued else b"lost")


def charge(place: Place, reservation_id: str, say: Say) -> None:
    """Charge, and say that it is booked."""
    announced(place.open(), say).record_spend("alice", 1, idempotency_key="one")
    say(b"kept")


def settle(place: Place, reservation_id: str, say: Say) -> None:
    """Settle, and say that it is booked."""
    announced(place.open(), say).settle(reservation_id, 1)
    say(b"kept")


def again(budget: BudgetManager, reservation_id: str) -> None:
    """The same spend once more, by who was not told how it ended."""
    if reservation_id:
        budget.settle(reservation_id, 1)
    else:
        budget.record_spend("alice", 1, idempotency_key="one")


def flush(place: Place, say: Say = int) -> None:
    box = place.open().outbox
    assert box is not None
    if box.flush().delivered == len(KEYS):
        say(b"all")


@needs_fork
@pytest.mark.timeout(scaled(120, 1800))
@pytest.mark.parametrize("spend", [charge_in_vain, charge, settle])
def test_killed_while_it_is_sent_or_kept_nothing_is_lost(tmp_path: Path, ledger_url: str, spend: Any) -> None:
    """From before it is sent on it is booked though nobody repeats it; and if somebody does, it counts once."""
    told: Counter[bytes] = Counter()
    for point, place in enumerate(places(tmp_path, ledger_url)):
        reservation_id = place.open().reserve("alice", 5).id if spend is settle else ""
        died, said = in_killed_child(partial(spend, place, reservation_id), point * FINE_STRIDE)
        told[said] += 1
        flush(place)
        budget = place.open()
        if said:
            assert spent(budget) == 1, (point, said)
        again(budget, reservation_id)
        assert (states(budget), spent(budget)) == ([], 1), point
        if not died:
            break
    assert told[b""] > 5
    assert told[b"sent "] > 5
    assert told[b"sent kept"] > 0


@needs_fork
def test_a_sender_that_keeps_only_what_failed_loses_spend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The naive control: without a file before it is sent, the proof above finds it out."""
    monkeypatch.setattr(Underway, "keep", lambda *_: nullcontext())
    lost = []
    for point, place in enumerate(places(tmp_path, f"sqlite:///{tmp_path}/budget.db")):
        died, said = in_killed_child(partial(charge_in_vain, place, ""), point * FINE_STRIDE)
        flush(place)
        if said and spent(place.open()) != 1:
            lost.append(point)
        if not died:
            break
    assert lost


@needs_fork
@pytest.mark.timeout(scaled(120, 1800))
def test_killed_while_it_is_delivered_nothing_is_lost_or_doubled(tmp_path: Path, ledger_url: str) -> None:
    """Before an entry is sent, after it, before it is deleted: the next delivery ends it, once."""
    points, wrong = killed_deliveries(tmp_path, ledger_url, STRIDE)
    assert wrong == []
    assert points > 20


@needs_fork
@pytest.mark.timeout(scaled(120, 1800))
def test_an_outbox_with_fresh_op_ids_doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The naive control: the proof above finds it out."""
    honest = Spend.charge

    def naive(spend: Spend, limits: Any) -> Any:
        return evolve(honest(spend, limits), op_id=secrets.token_hex(16))

    monkeypatch.setattr(Spend, "charge", naive)
    _, wrong = killed_deliveries(tmp_path, f"sqlite:///{tmp_path}/budget.db", STRIDE)
    assert any(found > len(KEYS) for found in wrong)


def killed_deliveries(folder: Path, url: str, stride: int) -> tuple[int, list[float]]:
    """Kill a flush at every point: how many points there were, and every total that was wrong."""
    wrong = []
    for point, place in enumerate(places(folder, url)):
        away = place.open(DEAD)
        for key in KEYS:
            queued(lambda away=away, key=key: away.record_spend("alice", 1, idempotency_key=key))
        died, _ = in_killed_child(partial(flush, place), point * stride)
        budget = place.open()
        assert budget.outbox is not None
        budget.outbox.flush()
        assert states(budget) == []
        if spent(budget) != len(KEYS):
            wrong.append(spent(budget))
        if not died:
            return point, wrong
    raise AssertionError("unreachable")


LOST: dict[str, Callable[[BudgetManager, str], object]] = {
    "charge": lambda budget, reservation_id: budget.record_spend("alice", 1),
    "settle": lambda budget, reservation_id: budget.settle(reservation_id, 1),
}


@pytest.mark.redis
@pytest.mark.parametrize("verb", LOST)
def test_a_lost_answer_is_booked_once(tmp_path: Path, valkey_url: str, verb: str) -> None:
    """Applied, but never answered: kept, and the delivery finds that it was booked."""
    place = Place(tmp_path, valkey_url, secrets.token_hex(8))
    reservation_id = place.open().reserve("alice", 5).id
    with proxied(valkey_url) as proxy:
        far = place.open(proxy.url, timeout_s=0.3)
        far.usage("alice")
        proxy.fault = Cut("request", TRANSACTION, silently=True)
        error = queued(partial(LOST[verb], far, reservation_id))
        assert proxy.has_fired()
        assert isinstance(error, OutcomeUnknownError)
    budget = place.open()
    assert spent(budget) == 1, "it was applied"
    assert budget.outbox is not None
    assert budget.outbox.flush().delivered == 1
    assert (states(budget), spent(budget)) == ([], 1)


def charge_far(place: Place, url: str, meet: Any) -> None:
    budget = place.open(url, timeout_s=30)
    budget.usage("alice")
    meet.wait()
    meet.wait()
    budget.record_spend("alice", 1)


@pytest.mark.redis
@pytest.mark.processes
@pytest.mark.parametrize("fate", ["swallowed", "applied"])
def test_killed_while_it_waits_for_an_answer(tmp_path: Path, valkey_url: str, fate: str) -> None:
    """Nobody was told anything; the next call of another process finds it and books it once."""
    place = Place(tmp_path, valkey_url, secrets.token_hex(8))
    with proxied(valkey_url) as proxy:
        spawning = multiprocessing.get_context("spawn")
        meet = spawning.Barrier(2)
        process = spawning.Process(target=charge_far, args=(place, proxy.url, meet))
        process.start()
        meet.wait(60)
        proxy.fault = Cut("request", {"swallowed": 0, "applied": TRANSACTION}[fate], silently=True)
        meet.wait(60)
        assert proxy.has_fired()
        process.kill()
        process.join()
    budget = place.open()
    assert spent(budget) == (fate == "applied")
    budget.usage("alice")
    assert (states(budget), spent(budget)) == ([], 1)


@frozen
class Spender:
    """Spends during an outage, then waits for the others, delivers, and says what it was told."""

    place: Place
    number: int
    times: int

    def __call__(self, start: Callable[[], object]) -> int:
        budget = self.place.open()
        start()
        kept = 0
        for call in range(self.times):
            try:
                budget.record_spend("alice", 1, idempotency_key=f"{self.number}-{call}")
            except LedgerUnavailableError as error:
                kept += error.queued
        return kept


@frozen
class Deliverer:
    """Flushes at the same time as others."""

    place: Place
    number: int

    def __call__(self, start: Callable[[], object]) -> int:
        budget = self.place.open()
        start()
        budget.record_spend("alice", 1, idempotency_key=f"after-{self.number}")
        assert budget.outbox is not None
        return budget.outbox.flush().delivered


@pytest.mark.redis
@pytest.mark.processes
def test_an_outage_of_many_processes_is_booked_exactly(tmp_path: Path) -> None:
    """Eight write while the server is dead; eight deliver at once when it is back: every dollar once."""
    server = PrivateServer(tmp_path)
    server.start()
    try:
        place = Place(tmp_path, server.url, "outage")
        place.open().record_spend("alice", 1)
        server.signal(signal.SIGKILL)
        assert sum(in_processes([Spender(place, n, 15) for n in range(8)])) == 120
        server.start()
        in_processes([Deliverer(place, n) for n in range(8)])
        assert (states(place.open()), spent(place.open())) == ([], 1 + 120 + 8)
    finally:
        server.stop()


def test_a_locked_ledger_file_is_an_outage(tmp_path: Path) -> None:
    """SQLite as the ledger: locked by a stranger, then free."""
    budget = manager(tmp_path / "spend.outbox", ledger_url=f"sqlite:///{tmp_path}/budget.db", ledger_timeout_s=0.05)
    reservation = budget.reserve("alice", 5)
    with closing(sqlite3.connect(tmp_path / "budget.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        queued(lambda: reservation.settle(2))
        queued(lambda: budget.record_spend("alice", 1))
        with pytest.raises(LedgerUnavailableError):
            budget.check_availability("alice")
        stranger.execute("ROLLBACK")
    assert budget.check_availability("alice").remaining_usd == 7
    assert budget.outbox is not None
    budget.outbox.flush()
    assert (states(budget), spent(budget)) == ([], 3)


def test_two_flushes_at_once_deliver_each_entry_once(tmp_path: Path) -> None:
    """Who comes second waits, and finds nothing left."""
    place = Place(tmp_path, f"sqlite:///{tmp_path}/budget.db", "two")
    away = place.open(DEAD)
    for number in range(30):
        queued(lambda number=number: away.record_spend("alice", 1, idempotency_key=f"k{number}"))
    delivered = in_processes([Flusher(place) for _ in range(2)])
    assert (sum(delivered), spent(place.open())) == (30, 30)


@frozen
class Flusher:
    """Flushes when all are ready."""

    place: Place

    def __call__(self, start: Callable[[], object]) -> int:
        box = self.place.open().outbox
        assert box is not None
        start()
        return box.flush().delivered


@needs_fork
def test_a_fork_may_deliver_what_its_parent_kept(tmp_path: Path) -> None:
    """The child has connections and locks of its own; the parent goes on."""
    place = Place(tmp_path, f"sqlite:///{tmp_path}/budget.db", "fork")
    away = place.open(DEAD)
    for key in KEYS:
        queued(lambda key=key: away.record_spend("alice", 1, idempotency_key=key))
    budget = place.open()
    box = budget.outbox
    assert box is not None
    assert in_killed_child(lambda say: say(b"%d" % box.flush().delivered), 10**9) == (False, b"3")
    assert (states(budget), spent(budget)) == ([], 3)
