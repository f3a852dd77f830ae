"""A database that forgot, for the quick loop: halted by whoever notices, until it is back or accepted.

The proof on real servers is in tests/faults/test_amnesia.py.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from fakeredis import FakeRedis, FakeServer
from redis import ResponseError

from coreason_budget.errors import ConfigError, LedgerCorruptError, LedgerUnavailableError
from coreason_budget.guard import BudgetGuard
from coreason_budget.ledger.redis.client import Link, LinkLostError
from coreason_budget.ledger.redis.epoch import Epoch
from coreason_budget.ledger.redis.ledger import RedisLedger
from coreason_budget.model import Amounts
from coreason_budget.testing.kit import ALICE, USD, guard_on, limit, standing
from tests.fake_redis import connector, fake_server

_EPOCH, _SEQUENCE = "{coreason}:epoch", "{coreason}:sequence"
_VERBS: dict[str, Callable[[BudgetGuard], object]] = {
    "reserve": lambda g: g.reserve(ALICE, Amounts(1)),
    "charge": lambda g: g.charge(ALICE, Amounts(1)),
    "check": lambda g: g.check(ALICE, Amounts(1)),
    "usage": lambda g: g.usage(ALICE),
    "settle": lambda g: g.settle("x", 1),
    "release": lambda g: g.release("x"),
    "ping": lambda g: g.ledger.ping(),
    "page": lambda g: g.ledger.page(),
}
every_verb = pytest.mark.parametrize("verb", list(_VERBS))

Copy = dict[bytes, bytes]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """An empty server."""
    return fake_server(monkeypatch)


def _ledger(server: FakeServer, **options: Any) -> RedisLedger:
    return RedisLedger("redis://nowhere", timeout_s=10, connect=connector(server), **options)


def _guard(server: FakeServer, **options: Any) -> BudgetGuard:
    return guard_on(_ledger(server, **options), limit("user", USD))


def _charged(server: FakeServer, times: int) -> tuple[BudgetGuard, Copy]:
    """A process that charged once and then so many times, and a copy of the database in between."""
    guard = _guard(server)
    guard.charge(ALICE, Amounts(1))
    old = _copy_of(server)
    for _ in range(times):
        guard.charge(ALICE, Amounts(1))
    return guard, old


def _copy_of(server: FakeServer) -> Copy:
    client = FakeRedis(server=server)
    return {key: client.dump(key) for key in client.scan_iter()}  # type: ignore[misc]


def _put(server: FakeServer, copy: Copy) -> None:
    client = FakeRedis(server=server)
    client.flushall()
    for key, value in copy.items():
        client.restore(key, 0, value)


def _why(act: Callable[[], object]) -> str:
    with pytest.raises(LedgerUnavailableError) as caught:
        act()
    return str(caught.value)


def _assert_halted(guard: BudgetGuard) -> None:
    for verb in _VERBS.values():
        text = _why(lambda verb=verb: verb(guard))  # type: ignore[misc]
        assert "ledger is halted" in text
        assert "ledger accept" in text
    assert guard.ledger.status().trouble


@every_verb
def test_an_older_copy_is_halted(server: FakeServer, verb: str) -> None:
    """The same epoch, and fewer transactions than this process knows of: for it and for everybody."""
    guard, old = _charged(server, 3)
    _put(server, old)
    assert "went back from 4 to 1" in guard.ledger.status().trouble
    assert "went back from 4 to 1" in _why(lambda: _VERBS[verb](guard))
    _assert_halted(guard)
    _assert_halted(_guard(server))
    assert "went back from 4 to 1" in _why(lambda: _VERBS[verb](_guard(server)))


@every_verb
@pytest.mark.parametrize("anew", [False, True])
def test_a_flushed_database_is_halted(server: FakeServer, verb: str, anew: bool, caplog: Any) -> None:
    """Also where somebody who knew nothing began anew; it is logged once that it is halted for everybody."""
    guard, _ = _charged(server, 0)
    FakeRedis(server=server).flushall()
    if anew:
        _guard(server).charge(ALICE, Amounts(1))
    assert "was flushed" in _why(lambda: _VERBS[verb](guard))
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert [text.partition(": the")[0] for text in said] == ["the ledger is halted for everybody"]
    assert "was flushed" in said[0]
    assert guard.ledger.status().since_us is not None
    _assert_halted(guard)
    _assert_halted(_guard(server))


def test_a_read_is_no_transaction(server: FakeServer) -> None:
    """The sequence counts what was written; what is seen of others is remembered, too."""
    guard, old = _charged(server, 0)
    for verb in ("check", "usage", "ping", "page"):
        _VERBS[verb](guard)
    assert guard.ledger.status().sequence == 1
    _guard(server).charge(ALICE, Amounts(1))
    guard.check(ALICE, Amounts(1))
    _put(server, old)
    assert "went back from 2 to 1" in _why(lambda: guard.check(ALICE, Amounts(1)))


def test_what_is_put_back_is_trusted_again(server: FakeServer) -> None:
    """Nobody restarts, and the halt is gone with the wrong data."""
    guard, old = _charged(server, 2)
    right = _copy_of(server)
    for wrong in ({}, old):
        _put(server, wrong)
        _assert_halted(guard)
        _put(server, right)
        guard.check(ALICE, Amounts(1))
    guard.charge(ALICE, Amounts(1))
    assert standing(guard, ALICE, "user") == standing(_guard(server), ALICE, "user") == (4, 0)


def test_once_accepted_all_go_on(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    """Those that knew the old one, those that halt it and new ones; each that follows says so once."""
    guard, other = _guard(server), _guard(server)
    for each in (guard, other):
        each.charge(ALICE, Amounts(5))
    before = guard.ledger.status()
    assert abs((before.since_us or 0) / 1e6 - time.time()) < 60
    FakeRedis(server=server).flushall()
    _assert_halted(guard)
    _assert_halted(other)
    operator = _ledger(server)
    assert operator.accept() is True
    assert operator.accept() is False
    after = operator.status()
    assert (after.trouble, after.epoch != before.epoch, after.since_us is not None) == ("", True, True)
    caplog.clear()
    for each in (guard, other, _guard(server)):
        each.charge(ALICE, Amounts(1))
        each.check(ALICE, Amounts(1))
    assert standing(guard, ALICE, "user") == (3, 0)
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and "follows" in r.getMessage()]
    assert len(said) == 2
    assert all(before.epoch in text and after.epoch in text for text in said)


def test_who_followed_notices_the_next_loss(server: FakeServer) -> None:
    """From its first contact with the new life it knows how far that was."""
    guard, other = _guard(server), _guard(server)
    for each in (guard, other):
        each.charge(ALICE, Amounts(1))
    FakeRedis(server=server).flushall()
    _assert_halted(guard)
    assert guard.ledger.accept()
    guard.charge(ALICE, Amounts(1))
    old = _copy_of(server)
    guard.charge(ALICE, Amounts(1))
    other.check(ALICE, Amounts(1))
    _put(server, old)
    assert "went back from 2 to 1" in _why(lambda: other.check(ALICE, Amounts(1)))


def test_what_was_accepted_before_all_was_found_in_order_is_no_news(server: FakeServer) -> None:
    """An operator accepted a loss, then put the right data back: the accepted copy is an old one since."""
    guard, _ = _charged(server, 1)
    right = _copy_of(server)
    FakeRedis(server=server).flushall()
    noticing = _guard(server)
    noticing.charge(ALICE, Amounts(1))
    FakeRedis(server=server).flushall()
    assert noticing.ledger.accept()
    accepted = _copy_of(server)
    _put(server, right)
    guard.check(ALICE, Amounts(1))
    _put(server, accepted)
    assert "it is in epoch" in _why(lambda: guard.check(ALICE, Amounts(1)))


def test_an_epoch_is_known_by_its_id_and_not_by_its_text(server: FakeServer) -> None:
    """Another hand may have written it again, with blanks; what was seen then counts as well."""
    guard, old = _charged(server, 1)
    client = FakeRedis(server=server)
    client.set(_EPOCH, json.dumps(json.loads(client.get(_EPOCH)), indent=1))  # type: ignore[arg-type]
    for verb in ("check", "charge", "reserve", "page"):
        _VERBS[verb](guard)
    _guard(server).charge(ALICE, Amounts(1))
    guard.check(ALICE, Amounts(1))
    _put(server, old)
    assert "went back from 5 to 1" in _why(lambda: guard.check(ALICE, Amounts(1)))


def test_a_server_that_refuses_the_halt_admits_nothing(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever notices says why, and nothing is said of everybody."""
    guard, old = _charged(server, 1)
    _put(server, old)

    def refused(self: Epoch, *args: Any) -> bool:
        raise LedgerUnavailableError("READONLY")

    monkeypatch.setattr(Epoch, "write", refused)
    assert "went back from 2 to 1" in _why(lambda: guard.charge(ALICE, Amounts(1)))
    assert _copy_of(server).keys() == old.keys()


def test_a_server_is_looked_at_before_its_first_use(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that may evict is refused unless allowed, and not written to; the status tells what it says of itself."""
    facts: dict[bytes, Any] = {
        b"$4\r\nINFO": b"redis_version:7.4.0\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:1\r\nuptime:5\r\n",
        b"appendfsync": [b"appendfsync", b"always"],
        b"save": [b"save", b""],
    }
    monkeypatch.setattr(Link, "try_ask", lambda link, packet, n: [v for k, v in facts.items() if k in packet] or [None])
    for verb in _VERBS.values():
        with pytest.raises(ConfigError, match="allkeys-lru") as caught:
            verb(_guard(server))
        assert caught.value.field == "allow_eviction"
    ledger = _ledger(server)
    assert "allkeys-lru" in ledger.status().trouble
    assert _copy_of(server) == {}
    allowed = _ledger(server, allow_eviction=True)
    with caplog.at_level(logging.INFO, "coreason_budget"):
        allowed.ping()
    assert "append-only file on, maxmemory-policy allkeys-lru" in caplog.text
    assert allowed.status().trouble == ""
    assert allowed.status().kept == {
        "server": "redis 7.4.0",
        "aof_enabled": "1",
        "appendfsync": "always",
        "save": "",
        "maxmemory_policy": "allkeys-lru",
    }


@every_verb
def test_whoever_noticed_may_accept_and_every_verb_follows(server: FakeServer, verb: str) -> None:
    """Without a halt that anybody wrote, too: what this process knows is enough."""
    guard, _ = _charged(server, 1)
    FakeRedis(server=server).flushall()
    assert guard.ledger.accept()
    if verb in ("settle", "release"):
        with pytest.raises(Exception, match="not known"):
            _VERBS[verb](guard)
    else:
        _VERBS[verb](guard)


def test_an_old_copy_that_once_was_accepted_does_not_pass(server: FakeServer) -> None:
    """What was accepted before a process last found all in order is no news to it."""
    guard, old = _charged(server, 1)
    copies = []
    for _ in range(2):
        _put(server, old)
        _assert_halted(guard)
        assert guard.ledger.accept()
        guard.charge(ALICE, Amounts(1))
        copies.append(_copy_of(server))
    _put(server, copies[0])
    assert "it is in epoch" in _why(lambda: guard.charge(ALICE, Amounts(1)))


def test_a_clock_that_is_behind_locks_nobody_out(server: FakeServer) -> None:
    """What an operator accepts is later than whatever anybody knew, by whatever clock."""
    guard, _ = _charged(server, 1)
    guard.ledger._epoch._known.seen_us += 3600 * 1_000_000  # type: ignore[attr-defined]
    FakeRedis(server=server).flushall()
    _assert_halted(guard)
    assert _ledger(server).accept()
    guard.charge(ALICE, Amounts(1))
    FakeRedis(server=server).flushall()
    guard.ledger._epoch._known.seen_us += 3600 * 1_000_000  # type: ignore[attr-defined]
    assert guard.ledger.accept(), "its own knowledge counts as well, where no halt tells it"
    guard.charge(ALICE, Amounts(1))


def test_nothing_to_accept_writes_nothing(server: FakeServer) -> None:
    """On a healthy namespace, and on an empty one; asking how it stands writes nothing either."""
    ledger = _ledger(server)
    assert not ledger.accept()
    status = ledger.status()
    assert (status.trouble, status.epoch, status.since_us, status.sequence) == ("", "", None, 0)
    assert status.kept == {"server": "redis"}
    assert _copy_of(server) == {}
    _charged(server, 1)
    before = _copy_of(server)
    assert not ledger.accept()
    assert ledger.status().sequence == 2
    assert _copy_of(server) == before


@pytest.mark.parametrize(("options", "field"), [({"timezone": "Asia/Tokyo"}, "timezone"), ({}, "ledger_url")])
def test_other_settings_are_refused_by_every_verb(
    server: FakeServer, options: dict[str, Any], field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another zone or another schema: nothing is written, and the status tells."""
    _charged(server, 1)
    before = _copy_of(server)
    if not options:
        monkeypatch.setattr("coreason_budget.ledger.redis.epoch.SCHEMA", 99)
    stranger = _guard(server, **options)
    for verb in _VERBS.values():
        with pytest.raises(ConfigError) as caught:
            verb(stranger)
        assert caught.value.field == field
    assert field in stranger.ledger.status().trouble
    assert _copy_of(server) == before


@pytest.mark.parametrize("options", [{"timezone": "Asia/Tokyo"}, {}])
def test_a_loss_is_accepted_in_its_own_settings_only(
    server: FakeServer, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator with others would begin a life that no process could work in."""
    guard, _ = _charged(server, 1)
    FakeRedis(server=server).flushall()
    _assert_halted(guard)
    before = _copy_of(server)
    with monkeypatch.context() as patch:
        if not options:
            patch.setattr("coreason_budget.ledger.redis.epoch.SCHEMA", 99)
        with pytest.raises(ConfigError):
            _ledger(server, **options).accept()
    assert _copy_of(server) == before
    assert guard.ledger.accept()


def test_who_follows_into_another_zone_does_not_go_on(server: FakeServer) -> None:
    """The database was begun anew in it, and accepted there."""
    guard, _ = _charged(server, 1)
    FakeRedis(server=server).flushall()
    other = _guard(server, timezone="Asia/Tokyo")
    other.charge(ALICE, Amounts(1))
    assert "was flushed" in _why(lambda: guard.charge(ALICE, Amounts(1)))
    assert other.ledger.accept()
    for _ in range(2):
        with pytest.raises(ConfigError, match="Asia/Tokyo"):
            guard.charge(ALICE, Amounts(1))


@pytest.mark.parametrize("text", [b"nonsense", b"{}", b"[]"])
def test_an_epoch_that_is_none_is_corrupt(server: FakeServer, text: bytes) -> None:
    """And its key is named."""
    guard, _ = _charged(server, 1)
    FakeRedis(server=server).set(_EPOCH, text)
    for each in (guard, _guard(server)):
        with pytest.raises(LedgerCorruptError, match=r"\{coreason\}:epoch"):
            each.check(ALICE, Amounts(1))


@pytest.mark.parametrize("poison", [b"many", b"-1", b"9223372036854775807"])
def test_a_poisoned_sequence_is_corrupt_and_nothing_is_written(server: FakeServer, poison: bytes) -> None:
    """What INCR would fail on is found before the transaction that would then be half done."""
    guard, _ = _charged(server, 1)
    FakeRedis(server=server).set(_SEQUENCE, poison)
    before = _copy_of(server)
    for verb in ("check", "reserve", "charge", "page"):
        with pytest.raises(LedgerCorruptError, match="sequence"):
            _VERBS[verb](guard)
    assert _copy_of(server) == before


def test_what_is_not_set_is_as_everywhere(server: FakeServer) -> None:
    """The namespace and the zone that settings have of themselves."""
    _charged(server, 0)
    assert standing(_guard(server, namespace="coreason", timezone="UTC"), ALICE, "user") == (1, 0)


def test_where_transactions_are_refused_nothing_is_written(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one goes before everything else: without the right to it, commands would be done one by one."""
    sent: list[bytes] = []
    exchange = Link._exchange

    def refused(link: Link, packet: bytes, replies: int) -> list[Any]:
        sent.append(packet)
        return [ResponseError("NOPERM multi")] * 2 if b"MULTI" in packet else exchange(link, packet, replies)

    monkeypatch.setattr(Link, "_exchange", refused)
    guard = _guard(server)
    for verb in _VERBS.values():
        assert "NOPERM" in _why(lambda verb=verb: verb(guard))  # type: ignore[misc]
    assert set(sent) == {b"*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n"}
    assert _copy_of(server) == {}


def test_who_met_a_transaction_that_failed_in_part_looks_again(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its next call it makes sure that transactions are done whole."""
    guard, _ = _charged(server, 1)

    def failed(*_: Any) -> Any:
        raise LedgerCorruptError("in part")

    with monkeypatch.context() as patch:
        patch.setattr(Link, "transact", failed)
        with pytest.raises(LedgerCorruptError):
            guard.charge(ALICE, Amounts(1))
    joined: list[Epoch] = []
    join = Epoch.join
    monkeypatch.setattr(Epoch, "join", lambda self, link: (joined.append(self), join(self, link))[1])
    for _ in range(2):
        guard.charge(ALICE, Amounts(1))
    assert len(joined) == 1


def test_two_that_begin_at_once_begin_one_life(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second finds its WATCH broken, and takes what the first wrote; the journal begins once."""
    first, second = _guard(server), _guard(server)
    write = Epoch.write

    def overtaken(self: Epoch, *args: Any) -> bool:
        monkeypatch.setattr(Epoch, "write", write)
        second.charge(ALICE, Amounts(1))
        assert write(self, *args) is False
        return False

    monkeypatch.setattr(Epoch, "write", overtaken)
    first.charge(ALICE, Amounts(1))
    assert first.ledger.status().epoch == second.ledger.status().epoch
    assert [entry.kind for entry in first.ledger.journal()] == ["begin", "charge", "charge"]


def test_two_that_halt_at_once_give_one_reason(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second tells what the first wrote."""
    first, second = _guard(server), _guard(server)
    for guard in (first, second, first):
        guard.charge(ALICE, Amounts(1))
    second.check(ALICE, Amounts(1))
    first.charge(ALICE, Amounts(1))
    FakeRedis(server=server).set(_SEQUENCE, 0)
    watch = Epoch.watch

    def overtaken(self: Epoch, link: Link) -> Any:
        monkeypatch.setattr(Epoch, "watch", watch)
        assert "from 4 to 0" in _why(lambda: first.check(ALICE, Amounts(1)))
        return watch(self, link)

    monkeypatch.setattr(Epoch, "watch", overtaken)
    assert "from 4 to 0" in _why(lambda: second.check(ALICE, Amounts(1)))


def test_data_that_is_put_back_before_the_halt_is_not_halted(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who noticed looks again; the call is refused, and the next goes on."""
    guard, old = _charged(server, 2)
    right = _copy_of(server)
    _put(server, old)
    watch = Epoch.watch

    def put_back(self: Epoch, link: Link) -> Any:
        monkeypatch.setattr(Epoch, "watch", watch)
        _put(server, right)
        return watch(self, link)

    monkeypatch.setattr(Epoch, "watch", put_back)
    assert "try again" in _why(lambda: guard.charge(ALICE, Amounts(1)))
    guard.charge(ALICE, Amounts(1))
    assert standing(guard, ALICE, "user") == (4, 0)


def test_an_acceptance_whose_answer_is_lost_finds_out(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made again, and counts as done by this very call."""
    guard, _ = _charged(server, 1)
    FakeRedis(server=server).flushall()
    transact = Link.transact

    def lost(link: Link, packet: bytes, commands: int) -> Any:
        monkeypatch.setattr(Link, "transact", transact)
        transact(link, packet, commands)
        raise LinkLostError("gone")

    monkeypatch.setattr(Link, "transact", lost)
    assert guard.ledger.accept() is True
    guard.charge(ALICE, Amounts(1))
    assert guard.ledger.accept() is False


def test_an_acceptance_that_is_overtaken_is_no_second_one(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another operator was first: its WATCH stops this one, who then finds nothing to accept."""
    guard, _ = _charged(server, 1)
    FakeRedis(server=server).flushall()
    _assert_halted(guard)
    write = Epoch.write

    def overtaken(self: Epoch, *args: Any) -> bool:
        monkeypatch.setattr(Epoch, "write", write)
        assert _ledger(server).accept()
        return write(self, *args)

    monkeypatch.setattr(Epoch, "write", overtaken)
    assert guard.ledger.accept() is False
    guard.charge(ALICE, Amounts(1))
