"""A server that cannot answer rightly: the call is blocked, in time, and never called over budget."""

from __future__ import annotations

import contextlib
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coreason_budget.errors import ConfigError, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.named import OLDEST, SCHEMA
from coreason_budget.model import Amounts
from tests.faults.conftest import CALL, USD, make_guard
from tests.faults.servers import PrivateServer, scripted_server

pytestmark = pytest.mark.redis

TIMEOUT_S = 0.3
SMALL = Amounts(USD // 100)
VERBS: dict[str, Callable[[BudgetGuard], object]] = {
    "check": lambda guard: guard.check(CALL, SMALL),
    "charge": lambda guard: guard.charge(CALL, SMALL),
    "reserve": lambda guard: guard.reserve(CALL, SMALL),
    "usage": lambda guard: guard.usage(CALL),
    "ping": lambda guard: guard.ledger.ping(),
}
ANSWERS = [
    b"",
    b"-LOADING Redis is loading the dataset in memory\r\n",
    b"-NOAUTH Authentication required.\r\n",
    b"-NOPERM this user has no permissions to run the 'watch' command\r\n",
    b"-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist on disk\r\n",
    b"-MOVED 3999 127.0.0.1:6381\r\n",
    b"-CLUSTERDOWN The cluster is down\r\n",
    b"-MASTERDOWN Link with MASTER is down\r\n",
    b"-BUSY Redis is busy running a script\r\n",
    b"-ERR max number of clients reached\r\n",
    b"-ERR unknown command\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x00\xff garbage",
    b"$-1\r\n",
    b"*1\r\n:1\r\n",
    b":1\r\n",
    b"+OK\r\n",
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivateServer]:
    """A Valkey of one's own, running."""
    made = PrivateServer(tmp_path)
    made.start()
    yield made
    made.stop()


def assert_blocked(guard: BudgetGuard, verb: str) -> None:
    """The verb says unavailable, within its deadline and a little."""
    began_s = time.monotonic()
    with pytest.raises((LedgerUnavailableError, LedgerCorruptError)):
        VERBS[verb](guard)
    assert time.monotonic() - began_s < TIMEOUT_S + 0.5


def fresh(server: PrivateServer) -> BudgetGuard:
    """A guard that has already talked to the server once."""
    guard = make_guard(server.url, secrets.token_hex(4), timeout_s=TIMEOUT_S)
    guard.charge(CALL, SMALL)
    return guard


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_listens(verb: str, tmp_path: Path) -> None:
    """Where no server is, every verb says so."""
    assert_blocked(make_guard(PrivateServer(tmp_path).url, "none", timeout_s=TIMEOUT_S), verb)


@pytest.mark.parametrize("verb", VERBS)
def test_a_name_that_nobody_looks_up_in_time(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that is down keeps whoever asks for longer than any socket's time-out."""
    asked, answering, look_up = threading.Event(), threading.Event(), socket.getaddrinfo

    def look_up_late(host: str, *rest: Any) -> Any:
        asked.set()
        answering.wait(10)
        return look_up("127.0.0.1", *rest)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_late)
    assert_blocked(make_guard("redis://budgets.example:1", "x", timeout_s=TIMEOUT_S), verb)
    answering.set()
    assert asked.is_set()


def test_a_server_with_a_name_is_reached(server: PrivateServer) -> None:
    """And goes on being reached after a restart; a name that nobody has is unavailable."""
    guard = make_guard(server.url.replace("127.0.0.1", "localhost"), "x", timeout_s=5)
    guard.charge(CALL, SMALL)
    server.signal(signal.SIGKILL)
    assert_blocked(make_guard(server.url.replace("127.0.0.1", "localhost"), "x", timeout_s=TIMEOUT_S), "check")
    server.start()
    guard.charge(CALL, SMALL)
    assert guard.usage(CALL)[0].used_units == 2 * SMALL.usd_nanos


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer[:12].decode("latin-1").strip() or "nothing")
@pytest.mark.parametrize("verb", ["check", "reserve", "charge"])
def test_a_server_that_answers_something_else(answer: bytes, verb: str) -> None:
    """Silence, refusals and nonsense on the wire are unavailable, at first contact."""
    with scripted_server(answer) as url:
        assert_blocked(make_guard(url, "odd", timeout_s=TIMEOUT_S), verb)


@pytest.mark.parametrize("verb", VERBS)
def test_a_stopped_server_blocks_and_recovers(verb: str, server: PrivateServer) -> None:
    """A server that hangs costs the time-out; once it goes on, so does the same guard."""
    guard = fresh(server)
    server.signal(signal.SIGSTOP)
    assert_blocked(guard, verb)
    server.signal(signal.SIGCONT)
    VERBS[verb](guard)


def test_a_killed_server_blocks_and_recovers(server: PrivateServer) -> None:
    """What was acknowledged before a SIGKILL is there after the restart, with the same guard."""
    guard = fresh(server)
    server.signal(signal.SIGKILL)
    for verb in VERBS:
        assert_blocked(guard, verb)
    server.start()
    assert {b.used_units for b in guard.usage(CALL)} == {SMALL.usd_nanos}
    guard.reserve(CALL, SMALL)


def test_a_server_that_was_restarted_serves_the_first_call(server: PrivateServer) -> None:
    """However many connections were idle: that one is gone tells of all."""
    guard = fresh(server)
    client = guard.ledger._client  # type: ignore[attr-defined]
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(client.link(time.monotonic() + 10))
    server.signal(signal.SIGKILL)
    server.start()
    guard.charge(CALL, SMALL)
    assert guard.usage(CALL)[0].used_units == 2 * SMALL.usd_nanos


REFUSING = {
    "read-only replica": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    "out of memory": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    "no replicas": (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0")),
}


@pytest.mark.parametrize("fault", REFUSING)
@pytest.mark.parametrize("verb", ["check", "charge", "reserve", "ping"])
def test_a_server_that_takes_no_writes_admits_nothing(fault: str, verb: str, server: PrivateServer) -> None:
    """Not even a check is admitted where its spend could not be booked; afterwards all goes on."""
    guard = fresh(server)
    begin, end = REFUSING[fault]
    with server.client() as client:
        client.execute_command(*begin)
        assert_blocked(guard, verb)
        client.execute_command(*end)
    VERBS[verb](guard)
    booked = SMALL.usd_nanos * (2 if verb in ("charge", "reserve") else 1)
    assert guard.usage(CALL)[0].used_units == booked


def test_a_password_that_is_asked_for_or_wrong(server: PrivateServer) -> None:
    """Without its password a server is unavailable, and no text shows the one that was tried."""
    with server.client() as client:
        client.config_set("requirepass", "right")
    assert_blocked(make_guard(server.url, "x", timeout_s=TIMEOUT_S), "check")
    wrong = make_guard(server.url.replace("//", "//:wr0ng@"), "x", timeout_s=TIMEOUT_S)
    with pytest.raises(LedgerUnavailableError) as caught:
        wrong.check(CALL, SMALL)
    assert "wr0ng" not in str(caught.value)
    make_guard(server.url.replace("//", "//:right@"), "x", timeout_s=TIMEOUT_S).check(CALL, SMALL)


POISON = [
    ("HSET", "used", "1e3"),
    ("HSET", "used", "-5"),
    ("HSET", "used", "9223372036854775808"),
    ("HSET", "used", " 5"),
    ("HSET", "used", "٣"),
    ("HSET", "used", ""),
    ("HSET", "used", "007"),
    ("HSET", "used", "00"),
    ("HSET", "reserved", "00"),
    ("HSET", "used", "9223372036854775807"),
    ("HSET", "reserved", "99999999999"),
    ("SET", "text", None),
    ("LPUSH", "item", None),
]


@pytest.mark.parametrize("poison", POISON, ids=lambda p: "-".join(map(str, p)))
@pytest.mark.parametrize("verb", ["check", "charge", "reserve"])
def test_a_poisoned_counter_is_named_and_nothing_is_written(
    poison: tuple[str, str, str | None], verb: str, valkey_url: str
) -> None:
    """A count that this library cannot have written stops the call before any write."""
    import redis

    namespace = secrets.token_hex(4)
    guard = make_guard(valkey_url, namespace)
    key = f"{{{namespace}}}:a:{guard.usage(CALL)[0].account.key}"
    command, name, value = poison
    with redis.Redis.from_url(valkey_url) as client:
        if command != "HSET":
            client.delete(key)
        client.execute_command(command, key, name, *([] if value is None else [value]))
        before = {name: client.dump(name) for name in client.scan_iter(f"{{{namespace}}}*")}
        with pytest.raises(LedgerCorruptError):
            VERBS[verb](guard)
        assert before == {name: client.dump(name) for name in client.scan_iter(f"{{{namespace}}}*")}


def test_a_lapse_that_cannot_be_counted_is_not_booked_by_halves(valkey_url: str) -> None:
    """A poisoned account without a limit: the reaper finds it before it writes, and ends the lapse when it is well."""
    import redis

    namespace = secrets.token_hex(4)
    guard = make_guard(valkey_url, namespace)
    unlimited = next(e.account.key for e in guard.reserve(CALL, SMALL, ttl_s=0.001).entries if e.limit is None)
    key = f"{{{namespace}}}:a:{unlimited}"
    with redis.Redis.from_url(valkey_url) as client:
        client.hset(key, "used", 2**63 - 2)
        before = {name: client.dump(name) for name in client.scan_iter(f"{{{namespace}}}*")}
        with pytest.raises(LedgerCorruptError):
            guard.usage(CALL)
        assert before == {name: client.dump(name) for name in client.scan_iter(f"{{{namespace}}}*")}
        client.delete(key)
    assert {(b.used_units, b.reserved_units) for b in guard.usage(CALL)} == {(SMALL.usd_nanos, 0)}


@pytest.mark.parametrize("verb", VERBS)
def test_a_flushed_database_is_not_nothing_spent(verb: str, server: PrivateServer) -> None:
    """A process that has seen an epoch refuses a database without it, and a new process does then, too."""
    guard = fresh(server)
    with server.client() as client:
        client.flushall()
    assert_blocked(guard, verb)
    assert_blocked(guard, verb)
    namespace = guard.ledger._keys.epoch[1:-7].decode()  # type: ignore[attr-defined]
    new = make_guard(server.url, namespace, timeout_s=TIMEOUT_S)
    assert_blocked(new, verb)
    assert new.ledger.accept()
    VERBS[verb](new)
    VERBS[verb](guard)


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (b'{"id":"x","schema":%d,"timezone":"UTC"}' % (OLDEST - 1), ConfigError),
        (b'{"id":"x","schema":%d,"timezone":"UTC"}' % (SCHEMA + 1), ConfigError),
        (b'{"id":"x","schema":%d,"timezone":"Europe/Berlin"}' % SCHEMA, ConfigError),
        (b"nonsense", LedgerCorruptError),
    ],
    ids=["older", "newer", "elsewhere", "nonsense"],
)
def test_a_namespace_of_another_kind_is_refused(epoch: bytes, expected: type[Exception], valkey_url: str) -> None:
    """Another schema or zone is a matter of settings, nonsense one of corruption."""
    import redis

    namespace = secrets.token_hex(4)
    with redis.Redis.from_url(valkey_url) as client:
        client.set(f"{{{namespace}}}:epoch", epoch)
    with pytest.raises(expected):
        make_guard(valkey_url, namespace).check(CALL, SMALL)
