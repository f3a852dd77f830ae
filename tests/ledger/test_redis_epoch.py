"""First contact with a namespace in Redis, for the quick loop: what server it is, and what epoch."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fakeredis import FakeRedis, FakeServer
from redis import ResponseError

from coreason_budget.errors import ConfigError, LedgerCorruptError
from coreason_budget.ledger.redis.client import Link
from coreason_budget.ledger.redis.epoch import RedisEpoch
from coreason_budget.model import Amounts
from coreason_budget.testing.kit import ALICE, standing
from tests.ledger.redis_copies import EPOCH, SEQUENCE, charged, copy_of, guard_at, ledger_on
from tests.ledger.verbs import VERBS, why


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
    for verb in VERBS.values():
        with pytest.raises(ConfigError, match="allkeys-lru") as caught:
            verb(guard_at(server))
        assert caught.value.field == "allow_eviction"
    ledger = ledger_on(server)
    assert "allkeys-lru" in ledger.status().trouble
    assert copy_of(server) == {}
    allowed = ledger_on(server, allow_eviction=True)
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


@pytest.mark.parametrize(("options", "field"), [({"timezone": "Asia/Tokyo"}, "timezone"), ({}, "ledger_url")])
def test_other_settings_are_refused_by_every_verb(
    server: FakeServer, options: dict[str, Any], field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another zone or another schema: nothing is written, and the status tells."""
    charged(server, 1)
    before = copy_of(server)
    if not options:
        monkeypatch.setattr("coreason_budget.ledger.named.SCHEMA", 2)
    stranger = guard_at(server, **options)
    for verb in VERBS.values():
        with pytest.raises(ConfigError) as caught:
            verb(stranger)
        assert caught.value.field == field
    assert field in stranger.ledger.status().trouble
    assert copy_of(server) == before


@pytest.mark.parametrize("text", [b"nonsense", b"{}", b"[]"])
def test_an_epoch_that_is_none_is_corrupt(server: FakeServer, text: bytes) -> None:
    """And its key is named."""
    guard, _ = charged(server, 1)
    FakeRedis(server=server).set(EPOCH, text)
    for each in (guard, guard_at(server)):
        with pytest.raises(LedgerCorruptError, match=r"\{coreason\}:epoch"):
            each.check(ALICE, Amounts(1))


@pytest.mark.parametrize("poison", [b"many", b"-1", b"9223372036854775807"])
def test_a_poisoned_sequence_is_corrupt_and_nothing_is_written(server: FakeServer, poison: bytes) -> None:
    """What INCR would fail on is found before the transaction that would then be half done."""
    guard, _ = charged(server, 1)
    FakeRedis(server=server).set(SEQUENCE, poison)
    before = copy_of(server)
    for verb in ("check", "reserve", "charge", "page"):
        with pytest.raises(LedgerCorruptError, match="sequence"):
            VERBS[verb](guard)
    assert copy_of(server) == before


def test_what_is_not_set_is_as_everywhere(server: FakeServer) -> None:
    """The namespace and the zone that settings have of themselves."""
    charged(server, 0)
    assert standing(guard_at(server, namespace="coreason", timezone="UTC"), ALICE, "user") == (1, 0)


def test_where_transactions_are_refused_nothing_is_written(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty one goes before everything else: without the right to it, commands would be done one by one."""
    sent: list[bytes] = []
    exchange = Link._exchange

    def refused(link: Link, packet: bytes, replies: int) -> list[Any]:
        sent.append(packet)
        return [ResponseError("NOPERM multi")] * 2 if b"MULTI" in packet else exchange(link, packet, replies)

    monkeypatch.setattr(Link, "_exchange", refused)
    guard = guard_at(server)
    for verb in VERBS.values():
        assert "NOPERM" in why(lambda verb=verb: verb(guard))  # type: ignore[misc]
    assert set(sent) == {b"*1\r\n$5\r\nMULTI\r\n*1\r\n$4\r\nEXEC\r\n"}
    assert copy_of(server) == {}


def test_who_met_a_transaction_that_failed_in_part_looks_again(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its next call it makes sure that transactions are done whole."""
    guard, _ = charged(server, 1)

    def failed(*_: Any) -> Any:
        raise LedgerCorruptError("in part")

    with monkeypatch.context() as patch:
        patch.setattr(Link, "transact", failed)
        with pytest.raises(LedgerCorruptError):
            guard.charge(ALICE, Amounts(1))
    joined: list[RedisEpoch] = []
    join = RedisEpoch.join
    monkeypatch.setattr(RedisEpoch, "join", lambda self, link: (joined.append(self), join(self, link))[1])
    for _ in range(2):
        guard.charge(ALICE, Amounts(1))
    assert len(joined) == 1


def test_two_that_begin_at_once_begin_one_epoch(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second finds its WATCH broken, and takes what the first wrote; the journal begins once."""
    first, second = guard_at(server), guard_at(server)
    write = RedisEpoch.write

    def overtaken(self: RedisEpoch, *args: Any) -> bool:
        monkeypatch.setattr(RedisEpoch, "write", write)
        second.charge(ALICE, Amounts(1))
        assert write(self, *args) is False
        return False

    monkeypatch.setattr(RedisEpoch, "write", overtaken)
    first.charge(ALICE, Amounts(1))
    assert first.ledger.status().epoch == second.ledger.status().epoch
    assert [entry.kind for entry in first.ledger.journal()] == ["begin", "charge", "charge"]
