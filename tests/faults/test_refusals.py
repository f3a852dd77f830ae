"""Servers that refuse, stall or hold nonsense in the middle of their life: blocked, in time, and recovered from."""

from __future__ import annotations

import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from coreason_budget.errors import BudgetExceededError, LedgerCorruptError, LedgerUnavailableError, OutcomeUnknownError
from coreason_budget.model import Amounts
from tests.faults.conftest import CALL, USD, make_guard
from tests.faults.faults import Fault, Stall
from tests.faults.proxy import proxied
from tests.faults.servers import PrivateServer, SnapshotServer

pytestmark = pytest.mark.redis

TIMEOUT_S = 0.3
SMALL = Amounts(USD // 100)
VERBS: dict[str, Callable[..., object]] = {
    "check": lambda guard, id, key=None: guard.check(CALL, SMALL),
    "usage": lambda guard, id, key=None: guard.usage(CALL),
    "charge": lambda guard, id, key=None: guard.charge(CALL, SMALL, idempotency_key=key),
    "reserve": lambda guard, id, key=None: guard.reserve(CALL, SMALL, idempotency_key=key),
    "settle": lambda guard, id, key=None: guard.settle(id, SMALL.usd_nanos),
    "release": lambda guard, id, key=None: guard.release(id),
    "lapse": lambda guard, id, key=None: guard.lapse(id),
}
BOOKED = {"charge": 1, "reserve": 1, "release": -1}
every_verb = pytest.mark.parametrize("verb", VERBS)


@pytest.fixture(params=["valkey", "redis"])
def binary(request: pytest.FixtureRequest) -> str | None:
    """A Valkey (None) and a Redis."""
    if request.param == "valkey":
        return None
    found = shutil.which("redis-server")
    if found is None:
        request.getfixturevalue("redis_url")  # skips, or fails where it must not be missing
    return found


@pytest.fixture
def server(binary: str | None, tmp_path: Path) -> Iterator[PrivateServer]:
    """A server of one's own, running."""
    made = PrivateServer(tmp_path, binary)
    made.start()
    yield made
    made.stop()


class Life:
    """A guard at work on a server: it has charged once and holds one reservation."""

    def __init__(self, url: str, verb: str) -> None:
        self.guard = make_guard(url, secrets.token_hex(4), timeout_s=TIMEOUT_S)
        self.guard.charge(CALL, SMALL)
        self._verb = verb
        self.id = self.guard.reserve(CALL, SMALL).reservation_id

    def is_blocked(self) -> str:
        """The verb says, and why, that the ledger is not to be had, in time, and not that the budget is spent."""
        began_s = time.monotonic()
        with pytest.raises((LedgerUnavailableError, LedgerCorruptError)) as caught:
            VERBS[self._verb](self.guard, self.id)
        assert time.monotonic() - began_s < TIMEOUT_S + 0.5
        return str(caught.value)

    def goes_on(self, key: str | None = None) -> None:
        """The same guard, the same verb (with the key that it had): done, and booked the once."""
        VERBS[self._verb](self.guard, self.id, key)
        booked = {b.used_units // SMALL.usd_nanos for b in self.guard.usage(CALL) if b.limit_units is not None}
        assert booked == {2 + BOOKED.get(self._verb, 0)}


def everything(client: redis.Redis) -> dict[bytes, object]:
    """What the server holds."""
    return {name: client.dump(name) for name in client.scan_iter("*")}


@every_verb
def test_a_black_hole_blocks_and_is_recovered_from(verb: str, valkey_url: str) -> None:
    """Connections open, packets vanish. Once they pass again, all goes on."""
    with proxied(valkey_url) as proxy:
        life = Life(proxy.url, verb)
        proxy.fault = Stall("request")
        life.is_blocked()
        life.is_blocked()
        assert proxy.fault.times > 0
        proxy.fault = Fault()
        life.goes_on()


@every_verb
def test_a_half_open_connection_blocks_once_and_is_left(verb: str, valkey_url: str) -> None:
    """An idle connection whose other end is gone without a word costs one time-out; the next call makes a new one."""
    with proxied(valkey_url) as proxy:
        life = Life(proxy.url, verb)
        stall = proxy.fault = Stall("request", "reply")
        life.is_blocked()
        assert stall.times > 0
        proxy.fault = Fault()
        life.goes_on()


REFUSING: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "out of memory": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    "read-only replica": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    "paused": (("CLIENT", "PAUSE", "700", "ALL"), ("PING",)),
    "paused for writes": (("CLIENT", "PAUSE", "60000", "WRITE"), ("CLIENT", "UNPAUSE")),
}


@every_verb
@pytest.mark.parametrize("fault", REFUSING)
def test_a_server_that_will_not_now(fault: str, verb: str, server: PrivateServer) -> None:
    """What could not be booked is not admitted, and what cannot be settled now is settled later."""
    life = Life(server.url, verb)
    begin, end = REFUSING[fault]
    with server.client() as client:
        client.execute_command(*begin)
        life.is_blocked()
        client.execute_command(*end)
    life.goes_on()


@every_verb
def test_a_server_that_is_full_takes_nobody(verb: str, server: PrivateServer) -> None:
    """maxclients is reached: whoever has to connect is told unavailable, and gets in when there is room."""
    life = Life(server.url, verb)
    life.guard.ledger.close()
    with server.client() as client:
        client.config_set("maxclients", 2)
        others = [server.client() for _ in range(2)]
        for other in others[:1]:
            other.ping()
        life.is_blocked()
        for other in others:
            other.close()
        client.config_set("maxclients", 1000)
    life.goes_on()


@every_verb
def test_killed_connections_are_made_anew(verb: str, server: PrivateServer) -> None:
    """CLIENT KILL and idle time-outs: the caller does not even notice, and nothing is booked twice."""
    life = Life(server.url, verb)
    with server.client() as client:
        assert client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") > 0
    life.goes_on()


@every_verb
def test_a_password_that_appears_blocks_and_is_recovered_from(verb: str, server: PrivateServer) -> None:
    """A server that comes back with a password is unavailable until it is back without; then all is there."""
    life = Life(server.url, verb)
    server.stop()
    server.start_unheard("--requirepass", "secret")
    life.is_blocked()
    server.stop()
    server.start()
    life.goes_on()


@every_verb
def test_a_password_that_is_set_blocks_whoever_connects(verb: str, server: PrivateServer) -> None:
    """NOAUTH in mid-life: whoever has to connect again is told unavailable, and gets in when the password is gone."""
    life = Life(server.url, verb)
    with server.client() as client:
        client.config_set("requirepass", "secret")
        assert client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") > 0
        assert "Authentication required" in life.is_blocked()
        client.config_set("requirepass", "")
    life.goes_on()


def test_a_server_that_is_loading_blocks_every_verb(binary: str | None, tmp_path: Path) -> None:
    """LOADING, slowly: unavailable until all is loaded, and then everything is there."""
    server = SnapshotServer(tmp_path, binary)
    server.start()
    try:
        lives = [Life(server.url, verb) for verb in VERBS]
        with server.client() as client:
            client.mset({f"other:{number}": secrets.token_bytes(1000) for number in range(4000)})
            client.save()
        server.signal(signal.SIGKILL)
        server.start_unheard("--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024")
        with server.client() as client:
            for life in lives:
                life.is_blocked()
            with pytest.raises(redis.BusyLoadingError):
                client.get("other:1")
            client.config_set("key-load-delay", 0)
        server.wait()
        for life in lives:
            life.goes_on()
    finally:
        server.stop()


@pytest.mark.parametrize("verb", ["check", "reserve", "charge"])
def test_without_the_right_to_transactions_nothing_is_written(verb: str, server: PrivateServer) -> None:
    """Where MULTI is refused, the server would do what follows it one by one: noticed at the first contact."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-multi")
        guard = make_guard(server.url.replace("//", "//app:pw@"), "x", timeout_s=TIMEOUT_S)
        with pytest.raises(LedgerUnavailableError):
            VERBS[verb](guard, "")
        assert client.keys("*") == []
        client.execute_command("ACL", "SETUSER", "app", "+multi")
    VERBS[verb](guard, "")


@every_verb
def test_a_right_to_transactions_that_is_taken_away(verb: str, server: PrivateServer) -> None:
    """What was done one by one is not called undone; nothing more is, and the same call books the once."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all")
        life = Life(server.url.replace("//", "//app:pw@"), verb)
        client.execute_command("ACL", "SETUSER", "app", "-multi")
        if verb in ("check", "usage"):
            life.goes_on()
            return
        with pytest.raises(OutcomeUnknownError) as caught:
            VERBS[verb](life.guard, life.id)
        left = everything(client)
        for other in ("charge", "reserve", verb):
            with pytest.raises(LedgerUnavailableError):
                VERBS[other](life.guard, life.id, caught.value.op_id if other == verb else None)
        assert everything(client) == left
        client.execute_command("ACL", "SETUSER", "app", "+multi")
    life.goes_on(caught.value.op_id)


COMMANDS = ["watch", "exec", "get", "set", "hmget", "hincrby", "copy", "zadd", "zrange", "time", "pexpire"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("verb", ["check", "reserve", "charge"])
def test_a_right_that_is_missing_admits_nothing_by_halves(command: str, verb: str, server: PrivateServer) -> None:
    """Any one command that the user may not use: refused whole, and with the right it goes on."""
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all")
        life = Life(server.url.replace("//", "//app:pw@"), verb)
        client.execute_command("ACL", "SETUSER", "app", f"-{command}")
        before = {name: client.dump(name) for name in client.scan_iter("*:a:*")}
        try:
            VERBS[verb](life.guard, "")
            needed = False
        except (LedgerUnavailableError, LedgerCorruptError):
            needed = True
            assert before == {name: client.dump(name) for name in client.scan_iter("*:a:*")}
        client.execute_command("ACL", "SETUSER", "app", f"+{command}")
    # What a verb never sends it does not need: a check writes nothing, only new accounts get an expiry.
    assert needed or verb == "check" or command in ("pexpire", "zrange", "copy", "zadd")
    if needed:
        life.goes_on()


MUTATIONS = ["charge", "reserve", "settle", "release", "lapse"]
LAST = "18446744073709551615-18446744073709551615"


@pytest.mark.parametrize("verb", MUTATIONS)
def test_a_journal_with_the_last_possible_entry_stops_everything_before_it_is_written(
    verb: str, server: PrivateServer
) -> None:
    """XADD would fail after all else of its transaction was done: found out first, and mended by a new journal."""
    life = Life(server.url, verb)
    with server.client() as client:
        journal = next(client.scan_iter("*:journal"))
        client.xadd(journal, {"e": "{}"}, id=LAST)
        before = everything(client)
        with pytest.raises(LedgerCorruptError):
            VERBS[verb](life.guard, life.id)
        assert everything(client) == before
        client.delete(journal)
    life.goes_on()


@pytest.mark.parametrize("verb", MUTATIONS)
def test_a_journal_whose_last_id_was_set_stops_whoever_has_met_it(verb: str, server: PrivateServer) -> None:
    """No packet can see that: the first to fail is done but for its entry, nothing after it, and nobody new begins."""
    life = Life(server.url, verb)
    namespace = life.guard.ledger._keys.epoch[1:-7].decode()  # type: ignore[attr-defined]
    new = make_guard(server.url, namespace, timeout_s=TIMEOUT_S)
    with server.client() as client:
        journal = next(client.scan_iter("*:journal"))
        client.execute_command("XSETID", journal, LAST)
        with pytest.raises(LedgerCorruptError):
            VERBS[verb](life.guard, life.id, "key")
        before = everything(client)
        for guard in (life.guard, new):
            for each in ("charge", "reserve", verb):
                with pytest.raises(LedgerCorruptError):
                    VERBS[each](guard, life.id, "key" if each == verb else None)
        assert everything(client) == before
        client.delete(journal)
    life.goes_on("key")


KEYS = {"epoch": "epoch", "open": "open", "record": "r:key", "account": "a:{account}", "copy": "v:0:key"}
VALUES: dict[str, Callable[[redis.Redis, str], object]] = {
    "text": lambda client, key: client.set(key, "x"),
    "nothing": lambda client, key: client.set(key, ""),
    "JSON": lambda client, key: client.set(key, '{"verb": "reserve", "used": 1}'),
    "list": lambda client, key: client.lpush(key, "x"),
    "set": lambda client, key: client.sadd(key, "x"),
    "hash": lambda client, key: client.hset(key, mapping={"used": "x", "reserved": "1"}),
    "sorted set": lambda client, key: client.zadd(key, {"\udcff".encode("utf-8", "surrogateescape"): 1}),
    "stream": lambda client, key: client.xadd(key, {"a": "b"}),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("verb", ["check", "charge", "reserve", "replay", "settle"])
def test_poison_of_every_type_is_neither_admitted_nor_over_budget(
    verb: str, key: str, value: str, valkey_url: str, namespace: str
) -> None:
    """Whatever stands where the ledger keeps its own: an error of ours by name, or a right answer that needs it not."""
    guard = make_guard(valkey_url, namespace, timeout_s=TIMEOUT_S)
    hold = guard.reserve(CALL, SMALL, idempotency_key="key")
    calls: dict[str, Callable[[], object]] = {
        "check": lambda: guard.check(CALL, SMALL),
        "charge": lambda: guard.charge(CALL, SMALL),
        "reserve": lambda: guard.reserve(CALL, SMALL),
        "replay": lambda: guard.reserve(CALL, SMALL, idempotency_key="key"),
        "settle": lambda: guard.settle(hold.reservation_id, 1),
    }
    name = f"{{{namespace}}}:" + KEYS[key].format(account=hold.entries[0].account.key)
    with redis.Redis.from_url(valkey_url) as client:
        client.delete(name)
        VALUES[value](client, name)
        began_s = time.monotonic()
        try:
            calls[verb]()
            is_admitted = True
        except (LedgerCorruptError, LedgerUnavailableError):
            is_admitted = False
        except BudgetExceededError:
            pytest.fail("poison is not spend")
        assert time.monotonic() - began_s < TIMEOUT_S + 0.5
        # The record and the copies of one reservation are nothing to other calls.
        assert (
            not is_admitted
            or (key in ("record", "copy") and verb in ("check", "charge", "reserve"))
            or (key == "open" and value == "sorted set")
        )
